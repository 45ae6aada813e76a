// The writer that applications use: checks what it is given, bounds what is queued, and hands the
// rest to the commit pipeline.
//
// An append's way: `append` checks it → `CommitPipeline.append` encodes it into the open batch
// (batch.ts, record.ts) → at the end of the tick the batch is sealed and submitted (commit.ts,
// write-fully.ts) → the driver writes (and syncs) → the watermark moves, the promise resolves.

import type { WalPosition } from './ack-queue.js';
import { CommitPipeline } from './commit.js';
import { WalEntry } from './entry.js';
import { WalError } from './errors.js';
import { closeFailed, poisoned } from './failure.js';
import type { IoDriverName } from './io/driver.js';
import type { OpenLog } from './open.js';
import { openLog } from './open.js';
import type { ResolvedOptions, UringWalOptions } from './options.js';
import { encodeUnsealed } from './record.js';
import type { WalRecovery } from './recovery.js';
import type { Waiter } from './waiters.js';
import { WaitingLine } from './waiters.js';

/** Options of one append. */
export interface AppendOptions {
  /** Resolve when durable, not just written. Default: the writer's `sync` option. */
  readonly sync?: boolean;
  /** Gives up while the append still waits for room; no effect once it was admitted. */
  readonly signal?: AbortSignal;
}

/** Which driver moves the bytes, and why not a better one. */
export interface WriterDriver {
  readonly name: IoDriverName;
  readonly fallbackReason: string | undefined;
  /** Whether writes go past the page cache; where that was asked for and refused, why. */
  readonly directIo: boolean;
  readonly directIoRefused: string | undefined;
}

/** What a writer has done since it was opened, and what is under way. */
export interface WriterStats {
  readonly appends: number;
  readonly acknowledged: number;
  readonly rejected: number;
  readonly queuedRecords: number;
  readonly queuedBytes: number;
  readonly queuedBytesPeak: number;
  readonly waiting: number;
  /** Offset behind the last record taken, in bytes. */
  readonly end: number;
  readonly writtenEnd: number;
  readonly durableEnd: number;
  readonly batches: number;
  readonly bytesWritten: number;
  readonly resubmits: number;
  readonly syncs: number;
  readonly dsyncWrites: number;
  readonly trims: number;
}

/**
 * Appends records to one log file. All callers of a thread share one writer.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * const { offset } = await writer.append(WalEntry.put(1n, 'key', 'value'), { sync: true });
 * await writer.close();
 */
export class UringWalWriter {
  /** Path of the log file. */
  readonly path: string;
  /** The options in force. */
  readonly options: ResolvedOptions;
  readonly driver: WriterDriver;
  /** What opening found in the file. */
  readonly recovery: WalRecovery;
  readonly #log: OpenLog;
  readonly #pipeline: CommitPipeline;
  readonly #line = new WaitingLine();
  #queuedRecords = 0;
  #queuedBytes = 0;
  #queuedBytesPeak = 0;
  #appends = 0;
  #acknowledged = 0;
  #rejected = 0;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  private constructor(log: OpenLog) {
    this.#log = log;
    this.path = log.file.path;
    this.options = log.options;
    this.recovery = log.recovery;
    const { direct } = log.file;
    this.driver = {
      name: log.driver.name,
      fallbackReason: log.driver.fallbackReason,
      directIo: direct !== undefined && 'blockBytes' in direct,
      directIoRefused: direct !== undefined && 'refused' in direct ? direct.refused : undefined,
    };
    this.#pipeline = new CommitPipeline(log.driver, log.file, log.options, log.start, {
      onAcknowledged: (length) => {
        this.#acknowledged++;
        this.#leaveQueue(length);
      },
      onRejected: (length) => {
        this.#rejected++;
        this.#leaveQueue(length);
      },
      onRoom: () => {
        this.#admitWaiting();
      },
      onFailure: (error) => {
        for (const waiter of this.#line.removeAll()) this.#rejectWaiter(waiter, error);
        this.#checkDrained();
      },
    });
  }

  /**
   * Opens the log at `path`, creating it when it is missing: locked, recovered (a torn tail is cut
   * off), durable as far as it goes, ready for appends.
   *
   * @throws TypeError or RangeError for a bad option. WalError: `ERR_WAL_OPEN`, `ERR_WAL_LOCKED`,
   * `ERR_WAL_DRIVER`, `ERR_WAL_CORRUPT`, `ERR_WAL_READ`.
   */
  static async open(path: string, options: UringWalOptions = {}): Promise<UringWalWriter> {
    return new UringWalWriter(await openLog(path, options));
  }

  /**
   * Appends an entry. Resolves, in the order of the calls, once its record is written (it survives
   * the death of the process), or with `sync` once it is durable (it survives a power cut). The
   * entry's bytes are copied before this returns.
   *
   * @returns where the record stands.
   * @throws TypeError for what is no entry, RangeError for a record above `maxRecordBytes`: nothing
   * was written. WalError `ERR_WAL_WRITE`, `ERR_WAL_SYNC`, `ERR_WAL_POISONED`, `ERR_WAL_CLOSED`,
   * `ERR_WAL_QUEUE_FULL`. The signal's reason, when it gave up. All as rejections.
   */
  append(entry: WalEntry, options?: AppendOptions): Promise<WalPosition> {
    return new Promise((resolve, reject) => {
      const sync = options?.sync ?? this.options.sync;
      const length = this.#check(entry, options, sync);
      this.#appends++;
      if (this.#hasRoom(length)) {
        this.#enterQueue(length);
        this.#pipeline.append(entry, entry.sequence, length, sync, resolve, reject);
      } else {
        this.#wait(entry, length, sync, options?.signal, resolve, reject);
      }
    });
  }

  /**
   * Resolves when every append called before it is durable. Rejects when one of them failed.
   *
   * @throws WalError as `append`.
   */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      if (this.#line.isEmpty && !this.#pipeline.isFailing) this.#pipeline.flush(resolve, reject);
      else this.#line.add({ kind: 'flush', resolve, reject });
    });
  }

  /**
   * Settles every append, makes all of it durable, cuts what was allocated ahead, unlocks and
   * closes. Later calls return the same promise. After a poisoning it only releases what it holds,
   * and rejects with `ERR_WAL_POISONED`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Counters and watermarks, as of now. */
  stats(): WriterStats {
    return {
      appends: this.#appends,
      acknowledged: this.#acknowledged,
      rejected: this.#rejected,
      queuedRecords: this.#queuedRecords,
      queuedBytes: this.#queuedBytes,
      queuedBytesPeak: this.#queuedBytesPeak,
      waiting: this.#line.appends,
      end: this.#pipeline.end,
      writtenEnd: this.#pipeline.writtenEnd,
      durableEnd: this.#pipeline.durableEnd,
      ...this.#pipeline.counters,
    };
  }

  /** Misuse is told before anything is taken. Returns the record's size in bytes. */
  #check(entry: unknown, options: AppendOptions | undefined, sync: unknown): number {
    if (!(entry instanceof WalEntry)) {
      throw new TypeError(
        'entry must be a WalEntry: make one with WalEntry.put or WalEntry.delete',
      );
    }
    if (typeof sync !== 'boolean') throw new TypeError('sync must be true or false');
    const signal: unknown = options?.signal;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError('signal must be an AbortSignal');
    }
    const length = entry.encodedLength;
    if (length > this.options.maxRecordBytes) {
      const limit = String(this.options.maxRecordBytes);
      throw new RangeError(`a record of ${String(length)} bytes: maxRecordBytes is ${limit}`);
    }
    signal?.throwIfAborted();
    this.#checkOpen();
    return length;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) {
      throw new WalError('ERR_WAL_CLOSED', `'${this.path}' is closed`, { path: this.path });
    }
    const { poison } = this.#pipeline;
    if (poison !== undefined) throw poisoned(this.path, poison);
  }

  /** Nobody overtakes a waiter, and a record above the bound goes alone. */
  #hasRoom(length: number): boolean {
    if (!this.#line.isEmpty || this.#pipeline.isFailing) return false;
    return this.#fits(length);
  }

  #fits(length: number): boolean {
    if (this.#queuedRecords === 0) return true;
    const { channelCapacity, queueBytesMax } = this.options;
    return this.#queuedRecords < channelCapacity && this.#queuedBytes + length <= queueBytesMax;
  }

  #enterQueue(length: number): void {
    this.#queuedRecords++;
    this.#queuedBytes += length;
    if (this.#queuedBytes > this.#queuedBytesPeak) this.#queuedBytesPeak = this.#queuedBytes;
  }

  #wait(
    entry: WalEntry,
    length: number,
    sync: boolean,
    signal: AbortSignal | undefined,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    if (this.#line.appends >= this.options.waitersMax) {
      this.#rejected++;
      const { waitersMax } = this.options;
      throw new WalError(
        'ERR_WAL_QUEUE_FULL',
        `${String(waitersMax)} appends to '${this.path}' wait already: await some before the next, ` +
          'or raise waitersMax',
        { path: this.path, sequence: entry.sequence },
      );
    }
    const record = new Uint8Array(length);
    encodeUnsealed(record, new DataView(record.buffer), 0, entry);
    const { sequence } = entry;
    const stopListening = (): void => undefined;
    const waiter: Waiter = {
      kind: 'append',
      record,
      sequence,
      sync,
      resolve,
      reject,
      stopListening,
    };
    this.#line.add(waiter);
    if (signal === undefined) return;
    const onAbort = (): void => {
      this.#line.remove(waiter);
      this.#rejectWaiter(waiter, signal.reason);
      this.#admitWaiting();
    };
    waiter.stopListening = () => {
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  }

  #admitWaiting(): void {
    while (!this.#pipeline.isFailing && this.#pipeline.poison === undefined) {
      const { first } = this.#line;
      if (first === undefined) break;
      if (first.kind === 'append' && !this.#fits(first.record.length)) break;
      this.#line.remove(first);
      if (first.kind === 'flush') {
        this.#pipeline.flush(first.resolve, first.reject);
      } else {
        const { record, sequence, sync, resolve, reject } = first;
        this.#enterQueue(record.length);
        this.#pipeline.append(record, sequence, record.length, sync, resolve, reject);
      }
    }
    this.#checkDrained();
  }

  #leaveQueue(length: number): void {
    this.#queuedRecords--;
    this.#queuedBytes -= length;
  }

  #rejectWaiter(waiter: Waiter, reason: unknown): void {
    if (waiter.kind === 'append') this.#rejected++;
    // An abort's reason is whatever its owner chose.
    waiter.reject(reason as Error);
  }

  #checkDrained(): void {
    if (this.#line.isEmpty) this.#drained?.();
  }

  async #close(): Promise<void> {
    if (!this.#line.isEmpty) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    await this.#pipeline.drain();
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<void>): Promise<void> => {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    };
    const { poison } = this.#pipeline;
    if (poison === undefined) await attempt(() => this.#pipeline.finish());
    else failures.push(poisoned(this.path, poison));
    this.#pipeline.release();
    const { file, lock, driver, ownsDriver } = this.#log;
    await attempt(() => file.close());
    await attempt(() => lock.release());
    if (ownsDriver) await attempt(() => driver.close());
    if (failures.length > 0) throw closeFailed(this.path, failures[0]);
  }
}
