// The commit pipeline: batches go out, completions come back, watermarks move, promises settle.
//
// Four watermarks, each an offset in the log: encoded >= submitted >= written >= durable. An append
// resolves when `written` (or, with sync, `durable`) has passed its record. What happens when a
// write or a sync fails is in failure.ts; this file decides only which of the two it was.

import { AckQueue } from './ack-queue.js';
import type { WalPosition } from './ack-queue.js';
import type { Batch } from './batch.js';
import { BLOCK_BYTES, BatchEncoder } from './batch.js';
import type { WalError } from './errors.js';
import { assertNever } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { forRecord, readCarry, syncFailed, trimFailed, trimLog, writeFailed } from './failure.js';
import type { ResolvedOptions } from './options.js';
import type { RecordFields } from './record.js';
import { isWriteHalf, writeFully } from './write-fully.js';
import { ZeroAhead } from './zero-ahead.js';

/** Writes in flight at once for O_DIRECT. Buffered writes go one by one: they end at once. */
const DIRECT_DEPTH = 8;

const NO_BYTES = new Uint8Array(0);

/** What the pipeline is doing. */
type State =
  | { readonly kind: 'serving' }
  /** A write failed; waiting for what is in flight, then cutting the log. */
  | { readonly kind: 'trimming' }
  | { readonly kind: 'poisoned'; readonly cause: WalError };

/** What the pipeline tells its owner. */
export interface CommitHooks {
  /** A record of so many bytes has left the queue, acknowledged. */
  onAcknowledged(length: number): void;
  /** The same, rejected. */
  onRejected(length: number): void;
  /** Something was settled: there may be room again. */
  onRoom(): void;
  /** A failure is over; whatever still waits was submitted before it and must reject. */
  onFailure(error: WalError): void;
}

/** Counters, all since open. */
export interface CommitCounters {
  batches: number;
  bytesWritten: number;
  resubmits: number;
  syncs: number;
  dsyncWrites: number;
  trims: number;
}

/** Where a pipeline starts: the end of the recovered log. */
export interface CommitStart {
  readonly position: number;
  /** For O_DIRECT: the bytes of the block around `position` that come before it. */
  readonly carry: Uint8Array;
}

/** Owns what is between an append and the driver. */
export class CommitPipeline {
  readonly counters: CommitCounters = {
    batches: 0,
    bytesWritten: 0,
    resubmits: 0,
    syncs: 0,
    dsyncWrites: 0,
    trims: 0,
  };
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #hooks: CommitHooks;
  readonly #isDirect: boolean;
  readonly #encoder: BatchEncoder;
  readonly #zeros: ZeroAhead;
  readonly #written = new AckQueue();
  readonly #durable = new AckQueue();
  readonly #inFlight: Batch[] = [];
  #state: State = { kind: 'serving' };
  #submittedEnd: number;
  #writtenEnd: number;
  #durableEnd: number;
  /** End of the last record that is known to be whole in the file. */
  #wholeEnd: number;
  /** The file may be this long. */
  #fileEnd: number;
  #syncing = false;
  #trimRunning = false;
  /** A wanted sync waits for the writes up to here, so that it covers all of a tick. */
  #syncGoal: number | undefined;
  #pumpIsDue = false;
  #idle: (() => void) | undefined;

  constructor(
    driver: IoDriver,
    file: IoFile,
    options: ResolvedOptions,
    start: CommitStart,
    hooks: CommitHooks,
  ) {
    const { position, carry } = start;
    this.#driver = driver;
    this.#file = file;
    this.#hooks = hooks;
    this.#isDirect = file.direct !== undefined && 'blockBytes' in file.direct;
    const { batchSize } = options;
    this.#encoder = new BatchEncoder(driver, {
      batchSize,
      isDirect: this.#isDirect,
      position,
      carry,
    });
    this.#zeros = new ZeroAhead(driver, file, {
      bytesAhead: options.preallocateBytes,
      position,
      onChange: () => {
        this.#onEvent();
      },
    });
    this.#submittedEnd = position;
    this.#writtenEnd = position;
    this.#durableEnd = position;
    this.#wholeEnd = position;
    this.#fileEnd = position;
  }

  /** Offset behind everything encoded. */
  get end(): number {
    return this.#encoder.end;
  }

  get writtenEnd(): number {
    return this.#writtenEnd;
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  /** A failure is being dealt with: what comes now must wait, and will be rejected. */
  get isTrimming(): boolean {
    return this.#state.kind === 'trimming';
  }

  /** Why nothing is accepted any more, if so. */
  get poison(): WalError | undefined {
    return this.#state.kind === 'poisoned' ? this.#state.cause : undefined;
  }

  /** Takes a record into the open batch. Its promise settles with the watermark. */
  append(
    record: RecordFields | Uint8Array,
    sequence: bigint,
    length: number,
    sync: boolean,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    const offset = this.#encoder.add(record, length);
    (sync ? this.#durable : this.#written).push({ sequence, offset, length }, resolve, reject);
    if (this.#encoder.hasFull) this.#submitReady();
    this.#pumpSoon();
  }

  /** Settles when everything taken so far is durable. */
  flush(resolve: () => void, reject: (error: Error) => void): void {
    const { end } = this.#encoder;
    if (end === this.#durableEnd) {
      resolve();
      return;
    }
    this.#durable.push({ sequence: 0n, offset: end, length: 0 }, resolve, reject);
    this.#pumpSoon();
  }

  /** Resolves when nothing is queued or in flight any more. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
      this.#onEvent();
    });
  }

  /** After {@link drain}: cuts what was allocated ahead, and syncs. Rejects with the IoError. */
  async finish(): Promise<void> {
    const { end } = this.#encoder;
    const isLonger = this.#fileEnd > end;
    if (!isLonger && this.#durableEnd === end) return;
    this.counters.syncs++;
    if (isLonger) await trimLog(this.#file, end);
    else await this.#file.sync();
    this.#fileEnd = end;
    this.#durableEnd = end;
  }

  /** Gives the memory back. */
  release(): void {
    this.#encoder.release();
  }

  /** At the end of the tick, so that what is appended together goes out together. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return;
    this.#pumpIsDue = true;
    this.#driver.defer(() => {
      this.#pumpIsDue = false;
      this.#onEvent();
    });
  }

  /** Hands out what may go now. */
  #submitReady(): void {
    const depth = this.#isDirect ? DIRECT_DEPTH : 1;
    while (this.#state.kind === 'serving' && this.#inFlight.length < depth) {
      const batch = this.#encoder.peek();
      if (batch === undefined || !this.#mayGo(batch)) break;
      this.#submit(batch);
    }
  }

  /** No two writes in flight touch one block, and none touches space that is being zeroed. */
  #mayGo(batch: Batch): boolean {
    if (Math.ceil(batch.end / BLOCK_BYTES) * BLOCK_BYTES > this.#zeros.limit) return false;
    return this.#inFlight.length === 0 || batch.position >= this.#submittedEnd;
  }

  #submit(next: Batch): void {
    const batch = this.#encoder.take(this.#mayDsync(next));
    const { job } = batch;
    this.#inFlight.push(batch);
    this.#submittedEnd = batch.end;
    this.#fileEnd = Math.max(this.#fileEnd, job.position + job.length);
    this.counters.batches++;
    if (job.dsync) this.counters.dsyncWrites++;
    void this.#write(batch);
  }

  /**
   * A dsync write makes its own range durable, nothing before it: so it serves only where all
   * before is durable, or in a dsync write that is acknowledged first. And only inside space that
   * is zeroed already: there it cannot run out of space, and needs no journal commit.
   */
  #mayDsync(batch: Batch): boolean {
    if (!this.#isDirect || !this.#file.honoursDsync || this.#durable.isEmpty) return false;
    if (batch.end > this.#zeros.durable) return false;
    const isChain = this.#inFlight.every((earlier) => earlier.job.dsync);
    return isChain && this.#durableEnd === this.#writtenEnd;
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await writeFully(this.#file, batch.job);
    } catch (error) {
      batch.error = error instanceof Error ? error : new Error(String(error));
    }
    batch.isFinished = true;
    this.counters.resubmits += batch.job.resubmits;
    this.#onWritten();
  }

  #onWritten(): void {
    for (;;) {
      const batch = this.#inFlight[0];
      if (batch?.isFinished !== true || batch.error !== undefined) break;
      this.#inFlight.shift();
      this.counters.bytesWritten += batch.job.length;
      this.#writtenEnd = batch.end;
      if (batch.job.dsync && this.#durableEnd === batch.start) this.#durableEnd = batch.end;
      this.#encoder.recycle(batch);
    }
    const failed = this.#inFlight.find((batch) => batch.error !== undefined);
    if (failed?.error !== undefined) this.#onWriteFailed(failed, failed.error);
    this.#onEvent();
  }

  #onWriteFailed(failed: Batch, error: Error): void {
    if (this.#state.kind === 'poisoned') return;
    const { job } = failed;
    if (job.syncFailed || (job.dsync && !isWriteHalf(error))) {
      this.#poison(syncFailed(this.#file.path, error));
    } else if (this.#state.kind === 'serving') this.#state = { kind: 'trimming' };
  }

  /** Whenever anything has completed: settle what can be, then see what comes next. */
  #onEvent(): void {
    switch (this.#state.kind) {
      case 'serving':
        this.#settle();
        this.#submitReady();
        this.#zeros.advance(this.#encoder.end);
        this.#syncIfDue();
        break;
      case 'trimming':
        this.#settle();
        if (this.#isQuiet) void this.#trim();
        break;
      case 'poisoned':
        break;
      default:
        assertNever(this.#state);
    }
    if (this.#idle !== undefined && this.#isIdle) this.#idle();
  }

  #settle(): void {
    if (this.#written.headEnd > this.#writtenEnd && this.#durable.headEnd > this.#durableEnd)
      return;
    const onAcknowledged = ({ offset, length }: WalPosition): void => {
      if (length === 0) return;
      this.#wholeEnd = Math.max(this.#wholeEnd, offset + length);
      this.#hooks.onAcknowledged(length);
    };
    this.#written.resolveUpTo(this.#writtenEnd, onAcknowledged);
    this.#durable.resolveUpTo(this.#durableEnd, onAcknowledged);
    this.#hooks.onRoom();
  }

  /** End of the last record that lies before `end` as a whole. */
  #lastWholeEnd(end: number): number {
    return Math.max(
      this.#wholeEnd,
      this.#written.lastEndUpTo(end) ?? 0,
      this.#durable.lastEndUpTo(end) ?? 0,
    );
  }

  #syncIfDue(): void {
    if (this.#syncing) return;
    if (this.#durable.isEmpty) {
      if (this.#zeros.wantsSync) void this.#sync();
      return;
    }
    const isMet = this.#writtenEnd >= (this.#syncGoal ?? Infinity);
    const isCovered = this.#durable.headEnd <= this.#writtenEnd;
    if (this.#syncGoal === undefined || (isMet && !isCovered)) this.#syncGoal = this.#encoder.end;
    if (isCovered && this.#writtenEnd >= this.#syncGoal) void this.#sync();
  }

  async #sync(): Promise<void> {
    const written = this.#writtenEnd;
    const zeros = this.#zeros.written;
    this.#syncing = true;
    this.#syncGoal = undefined;
    this.counters.syncs++;
    try {
      await this.#file.sync();
      this.#durableEnd = Math.max(this.#durableEnd, written);
      this.#zeros.onSynced(zeros);
    } catch (error) {
      this.#poison(syncFailed(this.#file.path, error));
    }
    this.#syncing = false;
    this.#onEvent();
  }

  /**
   * A write failed and nothing is in flight any more: cut the log to its last whole record, make
   * the cut durable, and only then tell the callers. Everything behind the cut rejects, so that no
   * record outlives one that it may depend on.
   */
  async #trim(): Promise<void> {
    const failed = this.#inFlight[0];
    const cause = failed?.error;
    if (failed === undefined || cause === undefined) return;
    const { job } = failed;
    this.#trimRunning = true;
    this.counters.trims++;
    const reached = Math.min(failed.end, job.position + job.done);
    const end = this.#lastWholeEnd(Math.max(this.#writtenEnd, reached));
    try {
      await trimLog(this.#file, end);
      const carry = await this.#carryAt(end);
      this.#restartAt(end, carry);
    } catch (trimCause) {
      this.#trimRunning = false;
      this.#poison(trimFailed(this.#file.path, end, cause, trimCause));
      this.#onEvent();
      return;
    }
    // Callers that run before these rejections are delivered still append in ignorance of them, so
    // their appends must wait (and reject) as well. This reaction runs after those callers and
    // before the first handler of a rejection.
    void Promise.resolve().then(() => {
      this.#trimRunning = false;
      this.#state = { kind: 'serving' };
      this.#hooks.onFailure(writeFailed(this.#file.path, undefined, cause));
      this.#onEvent();
    });
    this.#settle();
    this.#rejectAll((position) => writeFailed(this.#file.path, position, cause));
  }

  #carryAt(end: number): Promise<Uint8Array> {
    return this.#isDirect ? readCarry(this.#driver, this.#file, end) : Promise.resolve(NO_BYTES);
  }

  #restartAt(end: number, carry: Uint8Array): void {
    for (const batch of this.#inFlight.splice(0)) this.#encoder.recycle(batch);
    this.#encoder.reset(end, carry);
    this.#zeros.reset(end);
    this.#submittedEnd = end;
    this.#writtenEnd = end;
    this.#durableEnd = end;
    this.#wholeEnd = end;
    this.#fileEnd = end;
    this.#syncGoal = undefined;
  }

  /** The disk's state is unknown from here on: nothing that is not durable yet may be claimed. */
  #poison(cause: WalError): void {
    if (this.#state.kind === 'poisoned') return;
    this.#state = { kind: 'poisoned', cause };
    this.#rejectAll((position) => forRecord(cause, position));
    this.#hooks.onFailure(cause);
  }

  #rejectAll(errorFor: (position: WalPosition) => WalError): void {
    const onRejected = ({ length }: WalPosition): void => {
      if (length > 0) this.#hooks.onRejected(length);
    };
    this.#written.rejectAll(errorFor, onRejected);
    this.#durable.rejectAll(errorFor, onRejected);
  }

  /** Nothing is in flight. */
  get #isQuiet(): boolean {
    const areFinished = this.#inFlight.every((batch) => batch.isFinished);
    return areFinished && !this.#syncing && !this.#trimRunning && this.#zeros.isIdle;
  }

  /** Nothing is in flight, and nothing is left to do. */
  get #isIdle(): boolean {
    if (!this.#isQuiet || this.#state.kind === 'trimming') return false;
    if (this.#state.kind === 'poisoned') return true;
    const isSettled = this.#written.isEmpty && this.#durable.isEmpty;
    return isSettled && this.#encoder.peek() === undefined;
  }
}
