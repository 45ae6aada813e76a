// The log that an application keeps its state on: a directory of segments that rotates, recovers,
// and forgets only what a checkpoint covers. It numbers its entries itself, without a gap.

import type { WalPosition } from './ack-queue.js';
import { Appender } from './appender.js';
import { runAll, sealFile } from './close.js';
import type { CommitCounters } from './commit-types.js';
import type { CommitPipeline } from './commit.js';
import { WalError } from './errors.js';
import type { IoDriver, IoLock } from './io/driver.js';
import { readIndexTo, segmentHolds } from './wal-cut.js';
import type { WalFiles } from './wal-files.js';
import { LogFollowers } from './wal-followers.js';
import type { WalBatchEntry, WalItem } from './wal-item.js';
import { SEQUENCE_MAX, batchItem, entryItem, itemBytes, toBound } from './wal-item.js';
import type { WalPositions } from './append-many.js';
import { appendAll } from './append-many.js';
import type { ResolvedWalOptions, WalOptions } from './wal-options.js';
import { recordBytesMax } from './wal-options.js';
import type { OpenedWal } from './wal-open.js';
import { openWal } from './wal-open.js';
import type { WalReadOptions } from './wal-read.js';
import { readLog } from './wal-read.js';
import type { RecoveryReport } from './wal-recovery.js';
import type { WalRecord } from './wal-record.js';
import type { WalStats } from './wal-stats.js';
import { sumOf } from './wal-stats.js';
import type { WriterDriver } from './writer.js';

/** Where an entry of a segmented log stands. */
export interface WalLogPosition extends WalPosition {
  /** Number of the segment. */
  readonly segment: number;
}

/** Options of one append to a `Wal`. */
export interface WalAppendOptions {
  /** Resolve when durable, not just written. Default: true with `sync: 'always'`, else false. */
  readonly sync?: boolean;
  /** Gives up while the append still waits for room; no effect once it was admitted. */
  readonly signal?: AbortSignal;
}

/** What `truncateBefore` did. */
export interface TruncateResult {
  /** Numbers of the segments that were removed. */
  readonly removed: number[];
  /** Why it stopped before a segment that the checkpoint covers; undefined when none was left. */
  readonly stopped: string | undefined;
}

/**
 * A segmented write-ahead log.
 *
 * @example
 * const wal = await Wal.open('data/wal');
 * const { sequence } = await wal.put('key', 'value');
 * for await (const { key, value } of wal.read()) console.log(key, value);
 * await wal.truncateBefore(sequence);
 * await wal.close();
 */
export class Wal {
  /** The log's directory. */
  readonly path: string;
  readonly driver: WriterDriver;
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #options: ResolvedWalOptions;
  readonly #driver: IoDriver;
  readonly #ownsDriver: boolean;
  readonly #lock: IoLock;
  readonly #files: WalFiles;
  readonly #appender: Appender;
  readonly #followers: LogFollowers;
  #nextSequence: bigint;
  #rotations = 0;
  /** Counters of the segments that were sealed since the log was opened. */
  #retired: CommitCounters | undefined;
  #cancelSync: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(opened: OpenedWal) {
    const { directory, options, driver, ownsDriver, lock, files, pipeline, recovery } = opened;
    this.path = directory;
    this.driver = opened.writerDriver;
    this.recovery = recovery;
    this.#options = options;
    this.#driver = driver;
    this.#ownsDriver = ownsDriver;
    this.#lock = lock;
    this.#files = files;
    this.#nextSequence = (pipeline.writtenSequence ?? 0n) + 1n;
    this.#followers = new LogFollowers();
    this.#appender = new Appender(
      {
        path: directory,
        limits: options.file,
        sequencer: {
          take: (count) => this.#take(count),
          reset: (last) => {
            this.#nextSequence = (last ?? 0n) + 1n;
            this.#files.forgetBeyond(this.#appender.pipeline.end);
          },
        },
        rotation: {
          fileBytesMax: options.maxFileSize,
          rotate: (current) => this.#rotate(current),
        },
        onProgress: () => {
          this.#followers.onProgress(this.#appender.pipeline.durableSequence);
        },
      },
      pipeline,
    );
  }

  /**
   * Opens the log in `directory`, creating both when they are missing: locked, recovered, durable.
   *
   * @throws TypeError or RangeError for a bad option. WalError: `ERR_WAL_OPEN`, `ERR_WAL_LOCKED`,
   * `ERR_WAL_DRIVER`, `ERR_WAL_CORRUPT`, `ERR_WAL_READ`.
   */
  static async open(directory: string, options: WalOptions = {}): Promise<Wal> {
    return new Wal(await openWal(directory, options));
  }

  /** Appends an entry that sets `key` to `value`. Errors as {@link Wal.append}. */
  put(
    key: Uint8Array | string,
    value: Uint8Array | string,
    options?: WalAppendOptions,
  ): Promise<WalLogPosition> {
    return this.append({ type: 'put', key, value }, options);
  }

  /** Appends an entry that removes `key`. Errors as {@link Wal.append}. */
  delete(key: Uint8Array | string, options?: WalAppendOptions): Promise<WalLogPosition> {
    return this.append({ type: 'delete', key }, options);
  }

  /**
   * Appends an entry under the next sequence. Resolves when it is durable (or just written: see the
   * `sync` options). Its bytes are copied before this returns.
   *
   * @throws TypeError for what is no entry, RangeError for one larger than a segment. WalError
   * `ERR_WAL_WRITE`, `ERR_WAL_SYNC`, `ERR_WAL_POISONED`, `ERR_WAL_CLOSED`, `ERR_WAL_QUEUE_FULL`,
   * `ERR_WAL_FULL`. All as rejections.
   */
  append(entry: WalBatchEntry, options?: WalAppendOptions): Promise<WalLogPosition> {
    return new Promise((resolve, reject) => {
      this.#append(entryItem(entry), options, resolve as (position: WalPosition) => void, reject);
    });
  }

  /**
   * Appends many entries, each a record of its own, under one promise. When one fails, those before
   * it may be in the log.
   */
  appendMany(entries: readonly WalBatchEntry[], options?: WalAppendOptions): Promise<WalPositions> {
    return appendAll(entries.length, (index, resolve, reject) => {
      const entry = entries[index];
      if (entry === undefined) throw new TypeError(`entries[${String(index)}] is no entry`);
      this.#append(entryItem(entry), options, resolve, reject);
    });
  }

  /**
   * Appends many entries as one: after a crash all of them are there, or none. They get consecutive
   * sequences; the position is the first one's, and offset and length are the whole batch's.
   */
  appendBatch(
    entries: readonly WalBatchEntry[],
    options?: WalAppendOptions,
  ): Promise<WalLogPosition> {
    return new Promise((resolve, reject) => {
      this.#append(batchItem(entries), options, resolve as (position: WalPosition) => void, reject);
    });
  }

  /** Resolves when every append called before it is durable. Rejects when one of them failed. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#appender.flush(resolve, reject);
    });
  }

  /** Seals the active segment and goes over to the next; no effect while it is empty. */
  async rotate(): Promise<void> {
    this.#checkOpen();
    await this.#appender.exchange((pipeline) =>
      pipeline.end === 0 ? this.#files.startPipeline() : this.#rotate(pipeline),
    );
  }

  /**
   * Forgets what a checkpoint covers: whole segments all of whose entries have a lower sequence,
   * oldest first. Never the active one, none that a reader still needs, none that cannot be read.
   *
   * @throws RangeError for what is no sequence; WalError `ERR_WAL_WRITE`, `ERR_WAL_CLOSED`.
   */
  async truncateBefore(sequence: bigint | number): Promise<TruncateResult> {
    const bound = toBound(sequence, 'sequence');
    this.#checkOpen();
    const removed: number[] = [];
    let stopped: string | undefined;
    for (const segment of this.#files.segments.slice(0, -1)) {
      if (segment.last === undefined || segment.last >= bound) break;
      if (this.#followers.isLeased(segment.number)) {
        stopped = `a reader still needs '${segment.path}'`;
      } else {
        stopped = await segmentHolds(this.#driver, segment);
      }
      if (stopped !== undefined) break;
      removed.push(segment.number);
    }
    if (removed.length > 0) await this.#files.removeFirst(removed);
    return { removed, stopped };
  }

  /**
   * Drops every entry with a higher sequence, durably, for logs whose suffix was never committed.
   * Appends wait meanwhile; the sequences are assigned again.
   *
   * @throws RangeError for a sequence outside the log or inside an atomic batch. WalError as append.
   */
  async truncateAfter(sequence: bigint | number): Promise<void> {
    const bound = toBound(sequence, 'sequence');
    this.#checkOpen();
    await this.#appender.exchange(async (pipeline) => {
      const last = pipeline.writtenSequence ?? 0n;
      if (bound > last) {
        throw new RangeError(`sequence ${String(bound)}: the log ends at ${String(last)}`);
      }
      if (bound === last) return pipeline;
      const cut = await readIndexTo(this.#driver, this.#files, pipeline, bound);
      await pipeline.finish();
      pipeline.release();
      try {
        await this.#files.cutTo(cut.segment, cut.offset, bound);
        this.#nextSequence = bound + 1n;
        return await this.#files.startPipeline();
      } catch (cause) {
        const error = new WalError('ERR_WAL_WRITE', `cannot cut '${this.path}'`, {
          path: this.path,
          sequence: bound,
          cause,
        });
        pipeline.poisonBy(error);
        throw error;
      }
    });
  }

  /**
   * Entries from a sequence on, in order, while the log is being written; each owns its bytes.
   *
   * @throws RangeError for a bad sequence. WalError `ERR_WAL_READ`, `ERR_WAL_CORRUPT` from the
   * iteration. The signal's reason, when it was aborted.
   */
  async *read(options: WalReadOptions = {}): AsyncGenerator<WalRecord, void, void> {
    const { signal, follow } = options;
    const from = options.from === undefined ? 0n : toBound(options.from, 'from');
    const to = options.to === undefined ? undefined : toBound(options.to, 'to');
    this.#checkOpen();
    const view = {
      driver: this.#driver,
      segments: () => this.#files.segments,
      writtenEnd: () => this.#appender.pipeline.writtenEnd,
      writtenSequence: () => this.#appender.pipeline.writtenSequence,
      durableSequence: () => this.#appender.pipeline.durableSequence,
      isClosed: () => this.#closing !== undefined,
      nextProgress: (until: AbortSignal | undefined) => this.#followers.nextProgress(until),
      lease: () => this.#followers.lease(),
    };
    const wanted = { from, to, follow: follow ?? false, ...(signal && { signal }) };
    for await (const { record } of readLog(view, wanted)) yield record;
  }

  /** Sequence of the last entry that is written; undefined while there is none. */
  get writtenSequence(): bigint | undefined {
    return this.#appender.pipeline.writtenSequence;
  }

  /** Sequence of the last entry that is durable; undefined while there is none. */
  get durableSequence(): bigint | undefined {
    return this.#appender.pipeline.durableSequence;
  }

  /** Counters and gauges, as of now. */
  stats(): WalStats {
    const { pipeline, stats } = this.#appender;
    const { segments } = this.#files;
    const sealed = segments.slice(0, -1).reduce((sum, segment) => sum + segment.bytes, 0);
    return {
      ...stats,
      ...sumOf(this.#retired, pipeline.counters),
      segments: segments.length,
      bytes: sealed + pipeline.end,
      rotations: this.#rotations,
      writtenSequence: pipeline.writtenSequence,
      durableSequence: pipeline.durableSequence,
      isOverMaxWalFiles: segments.length > this.#options.maxWalFiles,
    };
  }

  /**
   * Settles every append, makes all of it durable, unlocks and closes. Later calls return the same
   * promise. Readers that follow end. After a poisoning it only releases what it holds, and rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #append(
    item: WalItem,
    options: WalAppendOptions | undefined,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    const sync = options?.sync ?? this.#options.sync === 'always';
    if (typeof sync !== 'boolean') throw new TypeError('sync must be true or false');
    const length = itemBytes(item);
    const max = recordBytesMax(this.#options);
    if (length > max) {
      throw new RangeError(`a record of ${String(length)} bytes: at most ${String(max)} fit`);
    }
    const signal: unknown = options?.signal;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError('signal must be an AbortSignal');
    }
    signal?.throwIfAborted();
    this.#checkOpen();
    if (!sync) this.#syncLater();
    this.#appender.append(item, length, sync, signal, resolve, reject);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) {
      throw new WalError('ERR_WAL_CLOSED', `'${this.path}' is closed`, { path: this.path });
    }
    this.#appender.checkPoison();
  }

  #take(count: number): bigint {
    const sequence = this.#nextSequence;
    if (sequence + BigInt(count - 1) > SEQUENCE_MAX) throw new RangeError('sequences are used up');
    this.#nextSequence += BigInt(count);
    return sequence;
  }

  /** With an interval, the first append that is not synced starts the clock. */
  #syncLater(): void {
    const { sync } = this.#options;
    if (typeof sync === 'string' || this.#cancelSync !== undefined) return;
    this.#cancelSync = this.#driver.delay(sync.intervalMs, () => {
      this.#cancelSync = undefined;
      const isDone = (): void => undefined;
      // A failed sync poisons the log, which the next call tells.
      if (this.#closing === undefined) this.#appender.flush(isDone, isDone);
    });
  }

  async #rotate(pipeline: CommitPipeline): Promise<CommitPipeline> {
    const next = await this.#files.rotate(pipeline);
    this.#rotations++;
    this.#retired = sumOf(this.#retired, pipeline.counters);
    return next;
  }

  /** Readers that are still at it keep the driver; close does not wait for them. */
  #releaseDriver(): Promise<void> {
    this.#followers.end();
    if (!this.#ownsDriver) return Promise.resolve();
    let closed = Promise.resolve();
    this.#followers.whenReleased(() => {
      closed = this.#driver.close();
    });
    return closed;
  }

  async #close(): Promise<void> {
    this.#cancelSync?.();
    await this.#appender.drain();
    const { pipeline } = this.#appender;
    await runAll(this.path, [
      ...this.#files.closingSteps(pipeline, () => sealFile(pipeline, this.path)),
      () => this.#lock.release(),
      () => this.#releaseDriver(),
    ]);
  }
}
