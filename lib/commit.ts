// The commit pipeline: records go in, watermarks move, promises settle.
//
// Three watermarks, each an offset in the log: encoded >= written >= durable. An append resolves
// when `written` (or, with sync, `durable`) has passed its record. A failed write cuts the log back
// to its last whole record; a failed sync poisons it: see the table in CONTRIBUTING.md.

import type { WalPosition } from './ack-queue.js';
import type { Batch } from './batch.js';
import type { CommitCounters, CommitHooks, CommitStart, CommitState } from './commit-types.js';
import { NO_HOOKS } from './commit-types.js';
import { events } from './diagnostics.js';
import { WalError, assertNever } from './errors.js';
import * as failure from './failure.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { Latencies } from './latencies.js';
import type { ResolvedOptions } from './options.js';
import type { RecordFields } from './record.js';
import { Settlement } from './settlement.js';
import { isWriteHalf, syncAlone } from './sync-alone.js';
import { SyncGoal } from './sync-goal.js';
import { WriteLane } from './write-lane.js';
import { type WriteMode, writeMode } from './write-mode.js';
import { Watermarks } from './watermarks.js';
import { ZeroAhead } from './zero-ahead.js';

/**
 * Records up to this size, in bytes, take longer to encode than to write, so that it pays to make
 * two syncs of one and have the device at work meanwhile (measured). With larger ones the device is
 * what everybody waits for: one write and one sync for all of a tick.
 */
const OVERLAP_BYTES_MAX = 256;

/** Owns what is between an append and the driver. */
export class CommitPipeline {
  readonly latencies: Latencies;
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #segment: number | undefined;
  readonly #lane: WriteLane;
  readonly #zeros: ZeroAhead;
  readonly #settlement: Settlement;
  readonly #marks: Watermarks;
  #hooks: CommitHooks = NO_HOOKS;
  #state: CommitState = { kind: 'serving' };
  #isSyncing = false;
  /** Also of a log that was poisoned meanwhile: whoever drains it then closes the file. */
  #isCutting = false;
  readonly #syncGoal = new SyncGoal();
  #isEventDue = false;
  #onIdle: (() => void) | undefined;
  #syncs = 0;
  #trims = 0;

  constructor(
    driver: IoDriver,
    file: IoFile,
    options: Pick<ResolvedOptions, 'batchSize' | 'preallocateBytes'>,
    start: CommitStart,
  ) {
    const { position } = start;
    const onEvent = (): void => {
      this.#onEvent();
    };
    this.#driver = driver;
    this.#file = file;
    this.latencies = start.latencies ?? new Latencies();
    this.#segment = start.segment;
    this.#marks = new Watermarks(start);
    this.#lane = new WriteLane(driver, file, options.batchSize, start, this.latencies, {
      modeOf: (batch, isChain) => this.#modeOf(batch, isChain),
      onWritten: (batch) => {
        this.#marks.onWritten(batch);
      },
      onEvent,
    });
    this.#zeros = new ZeroAhead(driver, file, {
      bytesAhead: options.preallocateBytes,
      position,
      zeroedTo: start.zeroedTo ?? position,
      onChange: onEvent,
      onSyncFailed: (error) => {
        this.#poison(failure.syncFailed(file.path, error));
      },
    });
    this.#settlement = new Settlement(position, () => this.#hooks);
  }

  /** Offset behind everything encoded. */
  get end(): number {
    return this.#lane.end;
  }

  get writtenEnd(): number {
    return this.#lane.writtenEnd;
  }

  get durableEnd(): number {
    return this.#marks.durableEnd;
  }

  /** Last sequence of the last record that is written; undefined while there is none. */
  get writtenSequence(): bigint | undefined {
    return this.#marks.writtenSequence;
  }

  /** The same, durable. */
  get durableSequence(): bigint | undefined {
    return this.#marks.durableSequence;
  }

  get counters(): CommitCounters {
    return { ...this.#lane.counters, syncs: this.#syncs, trims: this.#trims };
  }

  /** A failed write is being dealt with: what comes now must wait, and will be rejected. */
  get isFailing(): boolean {
    return this.#state.kind === 'failing' || this.#state.kind === 'trimming';
  }

  /** Why nothing is accepted any more, if so. */
  get poison(): WalError | undefined {
    return this.#state.kind === 'poisoned' ? this.#state.cause : undefined;
  }

  /** Names the owner; before the first append. */
  attach(hooks: CommitHooks): void {
    this.#hooks = hooks;
    this.#zeros.resume();
  }

  /** Takes a record into the open batch. Its promise settles with the watermark. */
  append(
    record: RecordFields | Uint8Array,
    sequence: bigint,
    lastSequence: bigint,
    length: number,
    sync: boolean,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    const offset = this.#lane.add(record, length, !sync || length <= OVERLAP_BYTES_MAX);
    const segment = this.#segment;
    const position =
      segment === undefined ? { sequence, offset, length } : { sequence, segment, offset, length };
    this.#settlement.push(position, sync, resolve, reject);
    this.#marks.place(sequence, lastSequence, offset, length);
    if (this.#lane.hasFull && this.#state.kind === 'serving') {
      this.#lane.submit('full', this.#zeros.limit);
    }
    this.#eventSoon();
  }

  /** Settles when everything taken so far is durable. */
  flush(resolve: () => void, reject: (error: Error) => void): void {
    const { end } = this.#lane;
    if (end === this.durableEnd) {
      resolve();
      return;
    }
    this.#settlement.pushFlush(end, resolve, reject);
    this.#eventSoon();
  }

  /** Resolves when nothing is queued or in flight any more. */
  drain(): Promise<void> {
    this.#zeros.halt();
    return new Promise((resolve) => {
      this.#onIdle = () => {
        this.#onIdle = undefined;
        resolve();
      };
      this.#onEvent();
    });
  }

  /** After {@link drain}: cuts what was allocated ahead, and syncs. Rejects with the IoError. */
  async finish(): Promise<void> {
    const { end, fileEnd } = this.#lane;
    const isLonger = Math.max(fileEnd, this.#zeros.fileEnd) > end;
    if (!isLonger && this.durableEnd === end) return;
    this.#syncs++;
    const startedAt = this.#driver.now();
    if (isLonger) await failure.trimLog(this.#file, end);
    else await syncAlone(this.#file);
    this.#onSynced({ end, sequence: this.writtenSequence }, startedAt);
  }

  /** A failure outside left the disk's state unknown. */
  poisonBy(cause: WalError): void {
    this.#poison(cause);
  }

  /** Gives the memory back. */
  release(): void {
    this.#lane.release();
  }

  /** At the end of the tick, so that what is appended together goes out together. */
  #eventSoon(): void {
    if (this.#isEventDue) return;
    this.#isEventDue = true;
    this.#driver.defer(() => {
      this.#isEventDue = false;
      this.#onEvent();
    });
  }

  /** Whenever anything has happened: settle what can be, then see what comes next. */
  #onEvent(): void {
    this.#checkWrites();
    switch (this.#state.kind) {
      case 'serving':
        this.#settle();
        this.#lane.submit('all', this.#zeros.limit);
        this.#zeros.advance(this.#lane.end);
        this.#syncIfDue();
        break;
      case 'failing':
        this.#settle();
        if (this.#isQuiet) void this.#trim();
        break;
      case 'trimming':
      case 'poisoned':
        break;
      default:
        assertNever(this.#state);
    }
    this.#hooks.onProgress();
    if (this.#onIdle !== undefined && this.#isIdle) this.#onIdle();
  }

  /** Resolves what the watermarks have passed. */
  #settle(): void {
    if (this.#settlement.settle(this.writtenEnd, this.durableEnd)) this.#hooks.onRoom();
  }

  #modeOf(batch: Batch, isChain: boolean): WriteMode {
    return writeMode({
      file: this.#file,
      waiting: this.#settlement,
      isZeroed: batch.end <= this.#zeros.durable,
      isChain,
      isWrittenDurable: this.durableEnd === this.#lane.writtenEnd,
      isSyncing: this.#isSyncing,
    });
  }

  #syncIfDue(): void {
    if (this.#isSyncing) return;
    if (!this.#settlement.wantsDurable) {
      if (this.#zeros.wantsSync && this.#onIdle === undefined) void this.#sync();
      return;
    }
    const { durableHeadEnd } = this.#settlement;
    if (this.#syncGoal.isDue(durableHeadEnd, this.#lane)) void this.#sync();
  }

  async #sync(): Promise<void> {
    const mark = { end: this.#lane.writtenEnd, sequence: this.writtenSequence };
    const zerosWritten = this.#zeros.written;
    this.#isSyncing = true;
    this.#syncGoal.reset();
    this.#syncs++;
    const startedAt = this.#driver.now();
    try {
      await syncAlone(this.#file);
      this.#onSynced(mark, startedAt);
      this.#zeros.onSynced(zerosWritten);
    } catch (error) {
      this.#poison(failure.syncFailed(this.#file.path, error));
    }
    this.#isSyncing = false;
    this.#onEvent();
  }

  #onSynced(mark: { end: number; sequence: bigint | undefined }, startedAt: number): void {
    const durationMs = this.#driver.now() - startedAt;
    const offset = this.durableEnd;
    this.#marks.onSynced(mark);
    this.latencies.sync.record(durationMs);
    events.commit.publish(() => {
      const bytes = Math.max(0, mark.end - offset);
      return { path: this.#file.path, kind: 'sync', offset, bytes, dsync: false, durationMs };
    });
  }

  /** Has a write failed? What that means depends on which half of a dsync write it was. */
  #checkWrites(): void {
    if (this.#state.kind !== 'serving' && this.#state.kind !== 'failing') return;
    for (const { job, error } of this.#lane.failures) {
      if (job.syncFailed || (job.dsync && !isWriteHalf(error))) {
        this.#poison(failure.syncFailed(this.#file.path, error));
        return;
      }
      this.#state = { kind: 'failing' };
      this.#zeros.halt();
    }
  }

  /**
   * A write failed and nothing is in flight any more: cut the log to its last whole record, make
   * the cut durable, and only then tell the callers. Everything behind the cut rejects, so that no
   * record outlives one that it may depend on.
   */
  async #trim(): Promise<void> {
    const { failures, writtenEnd } = this.#lane;
    const [failed] = failures;
    if (failed === undefined) return;
    const { job, error } = failed;
    const { path } = this.#file;
    this.#state = { kind: 'trimming' };
    this.#trims++;
    const end = this.#settlement.lastWholeEnd(
      Math.max(writtenEnd, Math.min(failed.end, job.position + job.done)),
    );
    this.#isCutting = true;
    const cut = await failure.cutLog(this.#driver, this.#file, end, error);
    this.#isCutting = false;
    if (cut instanceof WalError) {
      this.#poison(cut);
      this.#onEvent();
      return;
    }
    if (this.#isTrimming) this.#restartAt(end, cut);
    // Callers that run before these rejections are delivered still append in ignorance of them, so
    // their appends must wait (and reject) as well. This reaction runs after those callers and
    // before the first handler of a rejection.
    void Promise.resolve().then(() => {
      if (this.#isTrimming) {
        this.#state = { kind: 'serving' };
        this.#hooks.onFailure(failure.writeFailed(path, undefined, error));
      }
      this.#onEvent();
    });
    if (!this.#isTrimming) return;
    this.#settle();
    this.#settlement.rejectAll((position) => failure.writeFailed(path, position, error));
  }

  /** A failure outside may have poisoned the log meanwhile. */
  get #isTrimming(): boolean {
    return this.#state.kind === 'trimming';
  }

  #restartAt(position: number, carry: Uint8Array): void {
    this.#marks.restart(position);
    this.#lane.restart({ position, carry });
    this.#zeros.reset(position);
    this.#settlement.restart(position);
    this.#syncGoal.reset();
  }

  /** The disk's state is unknown from here on: nothing that is not durable yet may be claimed. */
  #poison(cause: WalError): void {
    if (this.#state.kind === 'poisoned') return;
    this.#state = { kind: 'poisoned', cause };
    this.#zeros.halt();
    this.#settlement.rejectAll((position) => failure.forRecord(cause, position));
    this.#hooks.onFailure(cause);
  }

  /** Nothing is in flight. */
  get #isQuiet(): boolean {
    return this.#lane.isQuiet && !this.#isSyncing && !this.#isCutting && this.#zeros.isIdle;
  }

  /** Nothing is in flight, and nothing is left to do. */
  get #isIdle(): boolean {
    if (!this.#isQuiet || this.isFailing) return false;
    if (this.#state.kind === 'poisoned') return true;
    return this.#settlement.isEmpty && this.#lane.isEmpty;
  }
}
