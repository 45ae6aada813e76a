// The writer that applications use: checks what it is given, bounds what is queued, and hands the
// rest to the commit pipeline.
//
// An append's way: `append` checks it → `CommitPipeline.append` encodes it into the open batch
// (batch.ts, record.ts) → at the end of the tick the batch is sealed and submitted (commit.ts,
// write-fully.ts) → the driver writes (and syncs) → the watermark moves, the promise resolves.

import type { WalPosition } from './ack-queue.js';
import type { WalPositions } from './append-many.js';
import { appendAll } from './append-many.js';
import type { AppenderStats } from './appender-types.js';
import { Appender } from './appender.js';
import { runAll, sealFile } from './close.js';
import type { CommitCounters } from './commit-types.js';
import { CommitPipeline } from './commit.js';
import { WalEntry } from './entry.js';
import { isDirect } from './direct-io.js';
import { WalError } from './errors.js';
import type { IoDriverName } from './io/driver.js';
import type { LatencyStats } from './latencies.js';
import type { OpenLog } from './open.js';
import { openLog } from './open.js';
import type { ResolvedOptions, UringWalOptions } from './options.js';
import type { WalRecovery } from './recovery.js';

/**
 * Options of one append.
 *
 * @example
 * const options: AppendOptions = { sync: true, signal: AbortSignal.timeout(5000) };
 * const writer = await UringWalWriter.open('app.wal');
 * await writer.append(WalEntry.put(2n, 'key', 'value'), options);
 * await writer.close();
 */
export interface AppendOptions {
  /** Resolve when durable, not just written. Default: the writer's `sync` option. */
  readonly sync?: boolean;
  /** Gives up while the append still waits for room; no effect once it was admitted. */
  readonly signal?: AbortSignal;
}

/**
 * Which driver moves the bytes, and why not a better one.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * const { name, fallbackReason }: WriterDriver = writer.driver;
 * if (name !== 'uring') console.warn(fallbackReason);
 * await writer.close();
 */
export interface WriterDriver {
  /** Which driver it is. */
  readonly name: IoDriverName;
  /** Why it is not io_uring, with `auto`; undefined when it is, or was not asked for. */
  readonly fallbackReason: string | undefined;
  /** Whether writes go past the page cache; where that was asked for and refused, why. */
  readonly directIo: boolean;
  /** Why `directIo` was not granted; undefined when it was, or was not asked for. */
  readonly directIoRefused: string | undefined;
}

/**
 * What a writer has done since it was opened, and what is under way.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * await writer.append(WalEntry.put(2n, 'key', 'value'), { sync: true });
 * const { end, writtenEnd, durableEnd }: WriterStats = writer.stats();
 * console.log(end, writtenEnd, durableEnd); // → 74 74 74
 * await writer.close();
 */
export interface WriterStats extends AppenderStats, CommitCounters, LatencyStats {
  /** Offset behind the last record taken, in bytes. */
  readonly end: number;
  /** Everything before this offset, in bytes, is written. */
  readonly writtenEnd: number;
  /** Everything before this offset, in bytes, is durable. */
  readonly durableEnd: number;
}

/** Appends whose settlers go through one {@link Captured}. */
const CAPTURES_MAX = 64;

/** The settlers of the promise made last: one executor for all appends, instead of a closure each. */
class Captured {
  count = 0;
  resolve: (position: WalPosition) => void = () => undefined;
  reject: (reason: unknown) => void = () => undefined;
}

/** Replaced while it is young: every store into an old object is noted for the garbage collector. */
let captured = new Captured();

function capture(
  resolve: (position: WalPosition) => void,
  reject: (reason: unknown) => void,
): void {
  captured.resolve = resolve;
  captured.reject = reject;
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
  /** What moves the bytes, and why. */
  readonly driver: WriterDriver;
  /** What opening found in the file. */
  readonly recovery: WalRecovery;
  readonly #log: OpenLog;
  readonly #appender: Appender;
  #closing: Promise<void> | undefined;

  private constructor(log: OpenLog) {
    this.#log = log;
    this.path = log.file.path;
    this.options = log.options;
    this.recovery = log.recovery;
    const { direct } = log.file;
    this.driver = {
      name: log.driver.name,
      fallbackReason: log.driver.fallbackReason,
      directIo: isDirect(log.file),
      directIoRefused: direct !== undefined && 'refused' in direct ? direct.refused : undefined,
    };
    const pipeline = new CommitPipeline(log.driver, log.file, log.options, log.start);
    this.#appender = new Appender(
      { path: this.path, limits: log.options, sequencer: undefined, rotation: undefined },
      pipeline,
    );
  }

  /**
   * Opens the log at `path`, creating it when it is missing: locked, recovered (a torn tail is cut
   * off), durable as far as it goes, ready for appends.
   *
   * @throws TypeError or RangeError for a bad option. WalError: `ERR_WAL_OPEN`, `ERR_WAL_LOCKED`,
   * `ERR_WAL_DRIVER`, `ERR_WAL_CORRUPT`, `ERR_WAL_READ`.
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal', { sync: true });
   * console.log(writer.recovery.records, writer.recovery.lastSequence); // → 1 1n
   * await writer.close();
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
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal');
   * const first = writer.append(WalEntry.put(2n, 'key', 'new')); // many may be under way at once
   * const second = writer.append(WalEntry.delete(3n, 'old'), { sync: true });
   * console.log((await first).sequence, (await second).sequence); // → 2n 3n
   * await writer.close();
   */
  append(entry: WalEntry, options?: AppendOptions): Promise<WalPosition> {
    const sync = options?.sync ?? this.options.sync;
    if (captured.count++ === CAPTURES_MAX) captured = new Captured();
    const promise = new Promise<WalPosition>(capture);
    const { resolve, reject } = captured;
    try {
      const signal = options?.signal;
      const length = this.#check(entry, signal, sync);
      this.#appender.append(entry, length, sync, signal, resolve, reject);
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /**
   * Appends many entries, each a record of its own, under one promise. When one fails, the promise
   * rejects with the first failure once all have settled: entries before it are in the log.
   *
   * @throws TypeError when `entries` is no array; otherwise as {@link UringWalWriter.append}.
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal');
   * const entries = [WalEntry.put(2n, 'a', '1'), WalEntry.put(3n, 'b', '2')];
   * const { offsets } = await writer.appendMany(entries, { sync: true });
   * console.log(offsets.join(' ')); // → 37 68
   * await writer.close();
   */
  appendMany(entries: readonly WalEntry[], options?: AppendOptions): Promise<WalPositions> {
    if (!Array.isArray(entries)) return Promise.reject(new TypeError('entries must be an array'));
    const sync = options?.sync ?? this.options.sync;
    const signal = options?.signal;
    return appendAll(entries.length, (index, resolve, reject) => {
      const entry: unknown = entries[index];
      const length = this.#check(entry, signal, sync);
      this.#appender.append(entry as WalEntry, length, sync, signal, resolve, reject);
    });
  }

  /**
   * Resolves when every append called before it is durable. Rejects when one of them failed.
   *
   * @throws WalError as `append`.
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal');
   * void writer.append(WalEntry.put(2n, 'key', 'value'));
   * await writer.flush();
   * console.log(writer.stats().durableEnd); // → 74
   * await writer.close();
   */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#appender.flush(resolve, reject);
    });
  }

  /**
   * Settles every append, makes all of it durable, cuts what was allocated ahead, unlocks and
   * closes. Later calls return the same promise. After a poisoning it only releases what it holds,
   * and rejects with `ERR_WAL_POISONED`.
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal');
   * const written = writer.append(WalEntry.put(2n, 'key', 'value'));
   * await writer.close(); // settles what is under way
   * console.log((await written).sequence); // → 2n
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * {@link close}, for `await using`.
   *
   * @example
   * await using writer = await UringWalWriter.open('app.wal'); // closed at the end of the block
   * await writer.append(WalEntry.put(2n, 'key', 'value'));
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Counters and watermarks, as of now.
   *
   * @example
   * const writer = await UringWalWriter.open('app.wal');
   * console.log(writer.stats().end); // → 37
   * await writer.close();
   */
  stats(): WriterStats {
    const { pipeline, stats } = this.#appender;
    const { end, writtenEnd, durableEnd, counters, latencies } = pipeline;
    return { ...stats, end, writtenEnd, durableEnd, ...counters, ...latencies.stats };
  }

  /** Misuse is told before anything is taken. Returns the record's size in bytes. */
  #check(entry: unknown, signal: unknown, sync: unknown): number {
    if (!(entry instanceof WalEntry)) {
      throw new TypeError(
        'entry must be a WalEntry: make one with WalEntry.put or WalEntry.delete',
      );
    }
    if (typeof sync !== 'boolean') throw new TypeError('sync must be true or false');
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
    this.#appender.checkPoison();
  }

  async #close(): Promise<void> {
    await this.#appender.drain();
    const { file, lock, driver, ownsDriver } = this.#log;
    await runAll(this.path, [
      () => sealFile(this.#appender.pipeline, this.path),
      () => file.close(),
      () => lock.release(),
      ...(ownsDriver ? [() => driver.close()] : []),
    ]);
  }
}
