// The promises of a pipeline: appends that resolve when written, appends and flushes that resolve
// when durable, each kind in the order of its bytes in the log.

import type { WalPosition } from './ack-queue.js';
import { AckQueue } from './ack-queue.js';
import type { WalError } from './errors.js';

/** Who hears of records that leave the queue; a flush is no record. */
export interface SettlementHooks {
  onAcknowledged(records: number, bytes: number): void;
  onRejected(length: number): void;
}

/** Settles promises as watermarks pass their records. */
export class Settlement {
  readonly #hooks: () => SettlementHooks;
  readonly #written = new AckQueue();
  readonly #durable = new AckQueue();
  /** End of the last record that was acknowledged: whole in the file for certain. */
  #wholeEnd: number;

  constructor(position: number, hooks: () => SettlementHooks) {
    this.#wholeEnd = position;
    this.#hooks = hooks;
  }

  /** Nobody waits. */
  get isEmpty(): boolean {
    return this.#written.isEmpty && this.#durable.isEmpty;
  }

  /** Somebody waits for no more than the write. */
  get wantsWritten(): boolean {
    return !this.#written.isEmpty;
  }

  /** Somebody waits for durability. */
  get wantsDurable(): boolean {
    return !this.#durable.isEmpty;
  }

  /** Offset behind the first record whose durability is waited for; Infinity when there is none. */
  get durableHeadEnd(): number {
    return this.#durable.headEnd;
  }

  push(
    position: WalPosition,
    sync: boolean,
    resolve: (position: WalPosition) => void,
    reject: (error: Error) => void,
  ): void {
    (sync ? this.#durable : this.#written).push(position, resolve, reject);
  }

  /** A flush waits at `end` until all before it is durable: a record of no length. */
  pushFlush(end: number, resolve: () => void, reject: (error: Error) => void): void {
    const done = (): void => {
      resolve();
    };
    this.#durable.push({ sequence: 0n, offset: end, length: 0 }, done, reject);
  }

  /** Resolves what the watermarks have passed; false when that was nothing. */
  settle(writtenEnd: number, durableEnd: number): boolean {
    if (this.#written.headEnd > writtenEnd && this.#durable.headEnd > durableEnd) return false;
    const tally = { records: 0, bytes: 0, end: this.#wholeEnd };
    this.#written.resolveUpTo(writtenEnd, tally);
    this.#durable.resolveUpTo(durableEnd, tally);
    this.#wholeEnd = tally.end;
    this.#hooks().onAcknowledged(tally.records, tally.bytes);
    return true;
  }

  /** End of the last record that lies before `end` as a whole. */
  lastWholeEnd(end: number): number {
    return Math.max(
      this.#wholeEnd,
      this.#written.lastEndUpTo(end) ?? 0,
      this.#durable.lastEndUpTo(end) ?? 0,
    );
  }

  /** The log goes on at `position`. */
  restart(position: number): void {
    this.#wholeEnd = position;
  }

  /** Rejects everybody, each with an error of their own. */
  rejectAll(errorFor: (position: WalPosition) => WalError): void {
    const hooks = this.#hooks();
    const onRejected = ({ length }: WalPosition): void => {
      if (length > 0) hooks.onRejected(length);
    };
    this.#written.rejectAll(errorFor, onRejected);
    this.#durable.rejectAll(errorFor, onRejected);
  }
}
