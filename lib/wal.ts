// The log that an application keeps its state on: a directory of segments that rotates, recovers,
// and forgets only what a checkpoint covers. It numbers its entries itself, without a gap.

import type { WalPosition } from './ack-queue.js';
import { Appender } from './appender.js';
import { runAll, sealFile } from './close.js';
import type { CommitCounters } from './commit-types.js';
import type { CommitPipeline } from './commit.js';
import { events } from './diagnostics.js';
import { WalError } from './errors.js';
import type { IoDriver, IoLock } from './io/driver.js';
import type { WalDirectoryOptions } from './wal-directory.js';
import { readDirectory } from './wal-directory.js';
import type { WalFiles } from './wal-files.js';
import { LogFollowers } from './wal-followers.js';
import { WalMaintenance } from './wal-maintenance.js';
import type { TruncateResult } from './wal-maintenance.js';
import type { WalBatchEntry, WalItem } from './wal-item.js';
import { SEQUENCE_MAX, batchItem, checkBytes, entryItem, itemBytes, toBound } from './wal-item.js';
import type { WalPositions } from './append-many.js';
import { appendAll } from './append-many.js';
import type { ResolvedWalOptions, WalOptions } from './wal-options.js';
import { recordBytesMax } from './wal-options.js';
import type { OpenedWal } from './wal-open.js';
import { openWal } from './wal-open.js';
import { readLog } from './wal-read.js';
import type { WalReadOptions } from './wal-read-options.js';
import { readBounds } from './wal-read-options.js';
import type { RecoveryReport } from './wal-recovery.js';
import type { WalRecord } from './wal-record.js';
import type { WalStats } from './wal-stats.js';
import { sumOf } from './wal-stats.js';
import type { WriterDriver } from './writer.js';

/**
 * Where an entry of a segmented log stands.
 *
 * @example
 * const wal = await Wal.open('app-wal');
 * const position: WalLogPosition = await wal.put('key', 'value');
 * console.log(position.sequence, position.segment, position.offset); // → 2n 1 37
 * await wal.close();
 */
export interface WalLogPosition extends WalPosition {
  /** Number of the segment. */
  readonly segment: number;
}

/**
 * Options of one append to a `Wal`.
 *
 * @example
 * const options: WalAppendOptions = { sync: false }; // written, not yet durable
 * const wal = await Wal.open('app-wal');
 * await wal.put('key', 'value', options);
 * await wal.close();
 */
export interface WalAppendOptions {
  /** Resolve when durable, not just written. Default: true with `sync: 'always'`, else false. */
  readonly sync?: boolean;
  /** Gives up while the append still waits for room; no effect once it was admitted. */
  readonly signal?: AbortSignal;
}

/**
 * A segmented write-ahead log.
 *
 * @example
 * const wal = await Wal.open('app-wal');
 * const { sequence } = await wal.put('key', 'value');
 * console.log(sequence); // → 2n
 * const text = new TextDecoder();
 * for await (const { key, value } of wal.read({ from: sequence })) {
 *   console.log(text.decode(key), text.decode(value)); // → key value
 * }
 * await wal.truncateBefore(sequence); // after a checkpoint
 * await wal.close();
 */
export class Wal {
  /** The log's directory. */
  readonly path: string;
  /** What moves the bytes, and why. */
  readonly driver: WriterDriver;
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #options: ResolvedWalOptions;
  readonly #driver: IoDriver;
  readonly #ownsDriver: boolean;
  readonly #lock: IoLock;
  readonly #files: WalFiles;
  readonly #appender: Appender;
  readonly #followers = new LogFollowers();
  readonly #maintenance: WalMaintenance;
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
    this.#appender = new Appender(
      {
        path: directory,
        limits: options.file,
        sequencer: {
          take: (count) => this.#take(count),
          reset: (last) => {
            this.#nextSequence = (last ?? 0n) + 1n;
            this.#files.forgetBeyondEnd(this.#appender.pipeline);
          },
        },
        rotation: {
          fileBytesMax: options.maxFileSize,
          rotate: (current) => this.#rotate(current, false),
        },
        onProgress: () => {
          this.#followers.onProgress(files.durableSequence);
          files.onProgress();
        },
        onPoisoned: this.#followers.onPoisoned,
        onRetired: ({ counters }) => {
          this.#retired = sumOf(this.#retired, counters);
        },
      },
      pipeline,
    );
    this.#maintenance = new WalMaintenance({
      directory,
      driver,
      files,
      appender: this.#appender,
      followers: this.#followers,
      rotate: (current) => this.#rotate(current, true),
      onCut: (last) => {
        this.#nextSequence = last + 1n;
        this.#followers.onCut(last);
      },
    });
  }

  /**
   * Opens the log in `directory`, creating both when they are missing: locked, recovered, durable.
   *
   * @throws TypeError or RangeError for a bad option. WalError: `ERR_WAL_OPEN`, `ERR_WAL_LOCKED`,
   * `ERR_WAL_DRIVER`, `ERR_WAL_CORRUPT`, `ERR_WAL_READ`.
   *
   * @example
   * const wal = await Wal.open('app-wal', { maxFileSize: 16 * 1024 * 1024 });
   * console.log(wal.recovery.entriesRecovered, wal.writtenSequence); // → 1n 1n
   * await wal.close();
   */
  static async open(directory: string, options: WalOptions = {}): Promise<Wal> {
    return new Wal(await openWal(directory, options));
  }

  /**
   * Entries of the log in a directory, in order, without opening it: no lock is taken and nothing
   * changed, whether or not somebody, here or in another process, writes to it. Entries are handed
   * out as soon as they are written, durable or not. A torn tail ends the reading; where segments
   * follow, or the manifest knows of more, it is damage. A checkpoint that removes what is still to
   * be read is told as `ERR_WAL_READ`.
   *
   * @throws TypeError or RangeError for a bad option. WalError `ERR_WAL_READ`, `ERR_WAL_CORRUPT`,
   * `ERR_WAL_DRIVER`. The signal's reason, when it was aborted. All from the iteration.
   *
   * @example
   * const wal = await Wal.open('app-wal'); // whoever writes, here or in another process
   * for await (const { sequence } of Wal.readDirectory('app-wal')) console.log(sequence); // → 1n
   * await wal.close();
   */
  static readDirectory(
    directory: string,
    options: WalDirectoryOptions = {},
  ): AsyncGenerator<WalRecord, void, void> {
    return readDirectory(directory, options);
  }

  /**
   * Appends an entry that sets `key` to `value`. Errors as {@link Wal.append}.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * console.log((await wal.put('user:7', 'Ada')).sequence); // → 2n
   * await wal.close();
   */
  put(
    key: Uint8Array | string,
    value: Uint8Array | string,
    options?: WalAppendOptions,
  ): Promise<WalLogPosition> {
    return this.append({ type: 'put', key, value }, options);
  }

  /**
   * Appends an entry that removes `key`. Errors as {@link Wal.append}.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * console.log((await wal.delete('user:7')).sequence); // → 2n
   * await wal.close();
   */
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
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * const { length } = await wal.append({ type: 'put', key: 'user:7', value: 'Ada' });
   * console.log(length, wal.durableSequence); // → 38 2n
   * await wal.close();
   */
  append(entry: WalBatchEntry, options?: WalAppendOptions): Promise<WalLogPosition> {
    return new Promise((resolve, reject) => {
      this.#append(entryItem(entry), options, resolve as (position: WalPosition) => void, reject);
    });
  }

  /**
   * Appends many entries, each a record of its own, under one promise. All are checked before the
   * first is taken; when one fails later, those before it may be in the log.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * const { sequences } = await wal.appendMany([
   *   { key: 'a', value: '1' },
   *   { type: 'delete', key: 'b' },
   * ]);
   * console.log(sequences.join(' ')); // → 2 3
   * await wal.close();
   */
  async appendMany(
    entries: readonly WalBatchEntry[],
    options?: WalAppendOptions,
  ): Promise<WalPositions> {
    if (!Array.isArray(entries)) throw new TypeError('entries must be an array');
    const items = entries.map((entry: WalBatchEntry) => this.#checked(entryItem(entry)));
    this.#checkOpen();
    return appendAll(items.length, (index, resolve, reject) => {
      const item = items[index];
      if (item !== undefined) this.#append(item, options, resolve, reject);
    });
  }

  /**
   * Appends many entries as one: after a crash all of them are there, or none. They get consecutive
   * sequences; the position is the first one's, and offset and length are the whole batch's.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * await wal.appendBatch([
   *   { key: 'from', value: '70' },
   *   { key: 'to', value: '30' },
   * ]); // after a crash: both or none
   * console.log(wal.durableSequence); // → 3n
   * await wal.close();
   */
  appendBatch(
    entries: readonly WalBatchEntry[],
    options?: WalAppendOptions,
  ): Promise<WalLogPosition> {
    return new Promise((resolve, reject) => {
      this.#append(
        batchItem(entries, recordBytesMax(this.#options)),
        options,
        resolve as (position: WalPosition) => void,
        reject,
      );
    });
  }

  /**
   * Resolves when every append called before it is durable. Rejects when one of them failed.
   *
   * @example
   * const wal = await Wal.open('app-wal', { sync: 'manual' });
   * void wal.put('key', 'value');
   * await wal.flush();
   * console.log(wal.durableSequence); // → 2n
   * await wal.close();
   */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#checkOpen();
      this.#appender.flush(resolve, reject);
    });
  }

  /**
   * Seals the active segment and goes over to the next; no effect while it is empty. Rejects as
   * {@link Wal.append} does.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * await wal.rotate();
   * console.log((await wal.put('key', 'value')).segment); // → 2
   * await wal.close();
   */
  async rotate(): Promise<void> {
    this.#checkOpen();
    await this.#maintenance.rotate();
  }

  /**
   * Forgets what a checkpoint covers: whole segments all of whose entries have a lower sequence,
   * oldest first. Never the active one, none that a reader still needs, none that cannot be read.
   * Before any goes, what was appended before the call, perhaps the checkpoint, is made durable.
   *
   * @throws TypeError for what is no sequence, RangeError for one beyond the next to come; WalError
   * `ERR_WAL_WRITE`, `ERR_WAL_SYNC`, `ERR_WAL_POISONED`, `ERR_WAL_CLOSED`.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * await wal.rotate();
   * const { sequence } = await wal.put('checkpoint', 'all that came before');
   * console.log((await wal.truncateBefore(sequence)).removed); // → [ 1 ]
   * await wal.close();
   */
  async truncateBefore(sequence: bigint | number): Promise<TruncateResult> {
    const bound = toBound(sequence, 'sequence');
    this.#checkOpen();
    return this.#maintenance.truncateBefore(bound);
  }

  /**
   * Drops every entry with a higher sequence, durably, for logs whose suffix was never committed.
   * Appends wait meanwhile; the sequences are assigned again. A reader that has handed out a dropped
   * entry rejects with `ERR_WAL_READ`.
   *
   * @throws TypeError for what is no sequence, RangeError for one outside the log or inside an atomic
   * batch. WalError as append.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * await wal.put('not', 'committed');
   * await wal.truncateAfter(1n);
   * console.log(wal.writtenSequence); // → 1n
   * await wal.close();
   */
  async truncateAfter(sequence: bigint | number): Promise<void> {
    const bound = toBound(sequence, 'sequence');
    this.#checkOpen();
    await this.#maintenance.truncateAfter(bound);
  }

  /**
   * Entries from a sequence on, in order, while the log is being written; each owns its bytes.
   *
   * @throws TypeError or RangeError for a bad option, before anything is read. WalError
   * `ERR_WAL_READ`, `ERR_WAL_CORRUPT`; a follower gets all that is durable, and then
   * `ERR_WAL_POISONED` from a log that is. The signal's reason, when it was aborted. All from the
   * iteration.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * for await (const { sequence, type } of wal.read({ from: 1n })) {
   *   console.log(sequence, type); // → 1n put
   * }
   * await wal.close();
   */
  async *read(options: WalReadOptions = {}): AsyncGenerator<WalRecord, void, void> {
    const bounds = readBounds(options);
    this.#checkOpen();
    const [driver, files, followers] = [this.#driver, this.#files, this.#followers];
    const poison = (): WalError | undefined => this.#appender.poison;
    yield* readLog({ driver, files, followers, poison }, bounds);
  }

  /** Sequence of the last entry that is written; undefined while there is none. */
  get writtenSequence(): bigint | undefined {
    return this.#appender.pipeline.writtenSequence;
  }

  /** Sequence of the last entry that is durable; undefined while there is none. */
  get durableSequence(): bigint | undefined {
    return this.#appender.pipeline.durableSequence;
  }

  /**
   * Counters and gauges, as of now.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * console.log(wal.stats().segments, wal.stats().bytes); // → 1 37
   * await wal.close();
   */
  stats(): WalStats {
    const { pipeline, stats } = this.#appender;
    const { segments } = this.#files;
    return {
      ...stats,
      ...sumOf(this.#retired, pipeline.counters),
      ...pipeline.latencies.stats,
      segments: segments.length,
      bytes: segments.reduce((sum, each) => sum + this.#files.ends(each).end, 0),
      rotations: this.#rotations,
      writtenSequence: pipeline.writtenSequence,
      durableSequence: pipeline.durableSequence,
      isOverMaxWalFiles: segments.length > this.#options.maxWalFiles,
    };
  }

  /**
   * Settles every append, makes all of it durable, unlocks and closes. Later calls return the same
   * promise. Readers that follow end. After a poisoning it only releases what it holds, and rejects.
   *
   * @example
   * const wal = await Wal.open('app-wal');
   * await wal.close();
   * await wal.put('key', 'value').catch((error) => console.log(error.code)); // → ERR_WAL_CLOSED
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * {@link close}, for `await using`.
   *
   * @example
   * await using wal = await Wal.open('app-wal'); // closed at the end of the block
   * await wal.put('key', 'value');
   */
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
    const signal: unknown = options?.signal;
    const length = itemBytes(this.#checked(item));
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError('signal must be an AbortSignal');
    }
    signal?.throwIfAborted();
    this.#checkOpen();
    if (!sync) this.#syncLater();
    this.#appender.append(item, length, sync, signal, resolve, reject);
  }

  /** A record that fits into a segment. */
  #checked(item: WalItem): WalItem {
    checkBytes(itemBytes(item), recordBytesMax(this.#options));
    return item;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) {
      throw new WalError('ERR_WAL_CLOSED', `'${this.path}' is closed`, { path: this.path });
    }
    this.#appender.checkPoison();
  }

  #take(count: number): bigint {
    const sequence = this.#nextSequence;
    const left = SEQUENCE_MAX + 1n - sequence;
    if (left < BigInt(count)) {
      const wanted = `${String(count)} wanted, ${String(left)} left`;
      throw new RangeError(`sequences end at 2^64 - 1: ${wanted}`);
    }
    this.#nextSequence += BigInt(count);
    return sequence;
  }

  /** With an interval, the first append that is not synced starts the clock. */
  #syncLater(): void {
    const { sync } = this.#options;
    if (typeof sync === 'string' || this.#cancelSync !== undefined) return;
    this.#cancelSync = this.#driver.delay(sync.intervalMs, () => {
      this.#cancelSync = undefined;
      this.#syncNow();
    });
  }

  /** A failed sync poisons the log, which the next call tells; close makes all durable itself. */
  #syncNow(): void {
    if (this.#closing !== undefined || this.#appender.poison !== undefined) return;
    // Where an append before it in the line fails, so does a flush: others still want it.
    const onFailed = (): void => {
      this.#driver.defer(() => {
        this.#syncNow();
      });
    };
    this.#appender.flush(() => undefined, onFailed);
  }

  async #rotate(pipeline: CommitPipeline, isAsked: boolean): Promise<CommitPipeline> {
    // A failed write may have cut the file to nothing while it was drained: an empty file in the
    // middle of the log would look like a lost one.
    if (pipeline.end === 0) return pipeline;
    const { number: from } = this.#files.active;
    const next = await this.#files.rotate(pipeline, isAsked);
    events.rotate.publish(() => {
      const { number: to } = this.#files.active;
      return { path: this.path, from, to, lastSequence: pipeline.writtenSequence };
    });
    this.#rotations++;
    // Sealing made durable what nobody had asked a sync for.
    this.#followers.onProgress(this.#files.durableSequence);
    return next;
  }

  /** Readers that are still at it keep the driver; close does not wait for them. */
  #releaseDriver(): Promise<void> {
    this.#followers.end();
    if (!this.#ownsDriver) return Promise.resolve();
    let closed = Promise.resolve();
    this.#followers.whenReleased(() => {
      closed = this.#driver.close();
      // Close may have returned long ago.
      closed.catch(() => undefined);
    });
    return closed;
  }

  async #close(): Promise<void> {
    await this.#maintenance.idle();
    await this.#appender.drain();
    this.#cancelSync?.();
    const { pipeline } = this.#appender;
    await runAll(this.path, [
      ...this.#files.closingSteps(pipeline, () => sealFile(pipeline, this.path)),
      () => this.#lock.release(),
      () => this.#releaseDriver(),
    ]);
  }
}
