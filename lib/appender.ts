// Bounds what is queued for a log, and lines up what comes beyond. One appender serves a log for
// as long as it is open; a segmented log gives it a new pipeline at each rotation.

import { AbortGroups } from './abort-groups.js';
import type { WalPosition } from './ack-queue.js';
import type { AppenderOptions, AppenderStats, Swap } from './appender-types.js';
import type { CommitPipeline } from './commit.js';
import { events } from './diagnostics.js';
import { WalError } from './errors.js';
import { noMemory, poisoned } from './failure.js';
import * as record from './record.js';
import type { Item, Waiter, WaitingAppend } from './waiters.js';
import { WaitingLine, numbersOf, renumber } from './waiters.js';

/** An append that finds no room. */
interface Request {
  readonly item: Item;
  /** Size of the record, in bytes. */
  readonly length: number;
  readonly sync: boolean;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (position: WalPosition) => void;
  readonly reject: (error: Error) => void;
}

/** The queue in front of the commit pipeline. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #line = new WaitingLine();
  readonly #aborts = new AbortGroups<WaitingAppend>((waiters, reason) => {
    this.#giveUp(waiters, reason);
  });
  #pipeline: CommitPipeline;
  #rotating: Promise<void> | undefined;
  #queuedRecords = 0;
  #queuedBytes = 0;
  #queuedBytesPeak = 0;
  #appends = 0;
  #acknowledged = 0;
  #rejected = 0;
  #onLineEmpty: (() => void) | undefined;

  constructor(options: AppenderOptions, pipeline: CommitPipeline) {
    this.#options = options;
    this.#pipeline = pipeline;
    this.#adopt(pipeline);
  }

  /** The pipeline in use. */
  get pipeline(): CommitPipeline {
    return this.#pipeline;
  }

  get stats(): AppenderStats {
    return {
      appends: this.#appends,
      acknowledged: this.#acknowledged,
      rejected: this.#rejected,
      queuedRecords: this.#queuedRecords,
      queuedBytes: this.#queuedBytes,
      queuedBytesPeak: this.#queuedBytesPeak,
      waiting: this.#line.appends,
    };
  }

  /** Throws what a poisoned log answers. */
  checkPoison(): void {
    if (this.poison !== undefined) throw this.poison;
  }

  /** What a poisoned log answers; undefined while it is none. */
  get poison(): WalError | undefined {
    const { poison } = this.#pipeline;
    return poison === undefined ? undefined : poisoned(this.#options.path, poison);
  }

  /** Queues a record of `length` bytes, or lines it up. Throws `ERR_WAL_QUEUE_FULL`. */
  append(
    item: Item,
    length: number,
    sync: boolean,
    signal: AbortSignal | undefined,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    this.#appends++;
    if (this.#line.isEmpty && this.#isOpen() && this.#fits(length) && this.#fileTakes(length)) {
      this.#admit(item, item, length, sync, resolve, reject);
      return;
    }
    this.#wait({ item, length, sync, signal, resolve, reject });
    this.#admitWaiting();
  }

  /** Settles when every append before it is durable, those that wait included. */
  flush(resolve: () => void, reject: (error: Error) => void): void {
    if (this.#line.isEmpty && this.#isOpen()) this.#pipeline.flush(resolve, reject);
    else this.#line.add({ kind: 'flush', resolve, reject });
  }

  /**
   * In its turn, lets nobody in, settles what is queued, and goes on with the pipeline that `swap`
   * returns: a rotation, or a cut. What is submitted later goes into the new one. Rejects as `swap`
   * does.
   */
  exchange(swap: Swap): Promise<void> {
    return new Promise((resolve, reject) => {
      this.checkPoison();
      const start = (): void => {
        let fail: (() => void) | undefined;
        const onError = (error: unknown, goOn: () => void): void => {
          fail = () => {
            reject(error instanceof Error ? error : new Error(String(error)));
          };
          goOn();
        };
        void this.#startRotation(swap, onError).then(() => {
          (fail ?? resolve)();
        });
      };
      this.#line.add({ kind: 'exchange', start, reject });
      this.#admitWaiting();
    });
  }

  /** Settles everything that was taken. */
  async drain(): Promise<void> {
    while (!this.#line.isEmpty || this.#rotating !== undefined) {
      if (this.#rotating !== undefined) {
        await this.#rotating;
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#onLineEmpty = resolve;
      });
    }
    await this.#pipeline.drain();
  }

  #adopt(pipeline: CommitPipeline): void {
    if (pipeline !== this.#pipeline) this.#options.onRetired?.(this.#pipeline);
    this.#pipeline = pipeline;
    pipeline.attach({
      onAcknowledged: (records, bytes) => {
        this.#acknowledged += records;
        this.#queuedRecords -= records;
        this.#queuedBytes -= bytes;
      },
      onRejected: (length) => {
        this.#rejected++;
        this.#queuedRecords--;
        this.#queuedBytes -= length;
      },
      onRoom: () => {
        this.#admitWaiting();
      },
      onProgress: this.#options.onProgress ?? (() => undefined),
      onFailure: (error) => {
        const { path } = this.#options;
        const isPoisoned = pipeline.poison !== undefined;
        this.#options.sequencer?.reset(pipeline.writtenSequence);
        this.#rejectLine(error);
        // Whoever listens may append at once, so everybody who must be rejected is out by now.
        events[isPoisoned ? 'poisoned' : 'error'].publish(() => ({ path, error }));
        this.#admitWaiting();
        if (isPoisoned) this.#options.onPoisoned?.();
      },
    });
    // What poisoned it before it had an owner could not tell those who wait.
    const { poison } = this;
    if (poison === undefined) return;
    this.#rejectLine(poison);
    this.#options.onPoisoned?.();
  }

  /**
   * Nobody is let in while a failure or a rotation is under way. No private getter: V8 does not inline
   * those, and every append asks.
   */
  #isOpen(): boolean {
    return this.#rotating === undefined && !this.#pipeline.isFailing;
  }

  #fits(length: number): boolean {
    if (this.#queuedRecords === 0) return true;
    const { channelCapacity, queueBytesMax } = this.#options.limits;
    return this.#queuedRecords < channelCapacity && this.#queuedBytes + length <= queueBytesMax;
  }

  #fileTakes(length: number): boolean {
    const { rotation } = this.#options;
    const { end } = this.#pipeline;
    return rotation === undefined || end === 0 || end + length <= rotation.fileBytesMax;
  }

  /** `content` is what is written: the item's fields, or its record as it was encoded before. */
  #admit(
    item: Item,
    content: record.RecordFields | Uint8Array,
    length: number,
    sync: boolean,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    const { sequencer } = this.#options;
    let { sequence, lastSequence } = item;
    let numbered = content;
    let isTaken = false;
    try {
      if (sequencer !== undefined) {
        const count = Number(lastSequence - sequence) + 1;
        sequence = sequencer.take(count);
        isTaken = true;
        lastSequence = sequence + BigInt(count - 1);
        numbered = renumber(content, sequence);
      }
      this.#pipeline.append(numbered, sequence, lastSequence, length, sync, resolve, reject);
    } catch (error) {
      // No memory for it: the next record takes its number, or the log would have a gap.
      if (isTaken) sequencer?.reset(sequence - 1n);
      this.#rejected++;
      // Of a RangeError before that, sequences are the reason.
      const isMemory = error instanceof RangeError && (isTaken || sequencer === undefined);
      throw isMemory ? noMemory(this.#options.path, length, error) : error;
    }
    this.#queuedRecords++;
    this.#queuedBytes += length;
    this.#queuedBytesPeak = Math.max(this.#queuedBytesPeak, this.#queuedBytes);
  }

  #wait(request: Request): void {
    const { item, length, sync, signal, resolve, reject } = request;
    const { waitersMax } = this.#options.limits;
    const { path } = this.#options;
    if (this.#line.appends >= waitersMax) {
      this.#rejected++;
      throw new WalError(
        'ERR_WAL_QUEUE_FULL',
        `${String(waitersMax)} appends to '${path}' wait already: await some before the next, ` +
          'or raise waitersMax',
        { path, sequence: this.#options.sequencer === undefined ? item.sequence : undefined },
      );
    }
    const bytes = new Uint8Array(length);
    record.encodeAsMeasured(bytes, new DataView(bytes.buffer), 0, item, length);
    const waiter: WaitingAppend = {
      kind: 'append',
      item: numbersOf(item),
      record: bytes,
      sync,
      resolve,
      reject,
      stopListening: () => {
        if (signal !== undefined) this.#aborts.leave(signal, waiter);
      },
    };
    this.#line.add(waiter);
    if (signal !== undefined) this.#aborts.join(signal, waiter);
  }

  /** All that gave up are out before anybody is let in. */
  #giveUp(waiters: readonly WaitingAppend[], reason: unknown): void {
    for (const waiter of waiters) {
      this.#line.remove(waiter);
      this.#rejectWaiter(waiter, reason);
    }
    this.#admitWaiting();
  }

  #admitWaiting(): void {
    while (this.#isOpen() && this.#pipeline.poison === undefined) {
      const { first } = this.#line;
      if (first === undefined) break;
      if (first.kind === 'exchange') {
        this.#line.remove(first);
        first.start();
        break;
      }
      if (first.kind === 'flush') {
        this.#line.remove(first);
        this.#pipeline.flush(first.resolve, first.reject);
        continue;
      }
      const { length } = first.record;
      if (!this.#fits(length)) break;
      if (!this.#fileTakes(length)) {
        const { rotation } = this.#options;
        if (rotation !== undefined) {
          void this.#startRotation(rotation.rotate, (error, goOn) => {
            this.#onRotationFailed(error, goOn);
          });
        }
        break;
      }
      this.#line.remove(first);
      this.#admitWaiter(first);
    }
    if (this.#line.isEmpty) this.#onLineEmpty?.();
  }

  #admitWaiter(waiter: WaitingAppend): void {
    const { item, record: bytes, sync, resolve, reject } = waiter;
    try {
      this.#admit(item, bytes, bytes.length, sync, resolve, reject);
    } catch (error) {
      // Memory for the record could not be had: its caller's failure, nobody else's.
      reject(error as Error);
    }
  }

  /**
   * Settles, never rejects, when the exchange is over and others may go on. `onError` says when
   * that is after a failed one.
   */
  #startRotation(swap: Swap, onError: (error: unknown, goOn: () => void) => void): Promise<void> {
    this.#rotating = new Promise((resolve) => {
      const goOn = (): void => {
        this.#rotating = undefined;
        this.#admitWaiting();
        resolve();
      };
      this.#swap(swap).then(goOn, (error: unknown) => {
        // The log goes on in this file after all, with zeros ahead.
        this.#adopt(this.#pipeline);
        onError(error, goOn);
      });
    });
    return this.#rotating;
  }

  /**
   * The file that was needed could not be had: whoever waits is rejected. Callers that run before
   * these rejections are delivered still append in ignorance of them, so their appends reject as
   * well. The reaction runs after those callers and before the first handler of a rejection.
   */
  #onRotationFailed(error: unknown, goOn: () => void): void {
    void Promise.resolve().then(() => {
      this.#rejectLine(error);
      goOn();
    });
    this.#rejectLine(error);
  }

  async #swap(swap: Swap): Promise<void> {
    await this.#pipeline.drain();
    this.checkPoison();
    this.#adopt(await swap(this.#pipeline));
  }

  /** An exchange depends on no record: it stays, unless there is nothing left to exchange. */
  #rejectLine(error: unknown): void {
    for (const waiter of this.#line.removeAll()) {
      const stays = waiter.kind === 'exchange' && this.#pipeline.poison === undefined;
      if (stays) this.#line.add(waiter);
      else this.#rejectWaiter(waiter, error);
    }
    this.#onLineEmpty?.();
  }

  #rejectWaiter(waiter: Waiter, reason: unknown): void {
    if (waiter.kind === 'append') this.#rejected++;
    // An abort's reason is whatever its owner chose.
    waiter.reject(reason as Error);
  }
}
