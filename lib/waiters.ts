// Appends, flushes and exchanges that came while the queue was full: first come, first admitted. Each append
// holds a copy of its record, so its owner may reuse the buffers at once.

import type { WalPosition } from './ack-queue.js';
import type { RecordFields } from './record.js';
import { AT_SEQUENCE } from './record.js';

/** A record on its way into the log. */
export interface Item extends RecordFields {
  /** The last sequence that the record carries: its own, unless it is a batch. */
  readonly lastSequence: bigint;
}

/** An append that waits. */
export interface WaitingAppend {
  readonly kind: 'append';
  /** The record, encoded but for its checksum. */
  readonly record: Uint8Array;
  /** Its numbers; its bytes are in `record`. */
  readonly item: Item;
  readonly sync: boolean;
  readonly resolve: (position: WalPosition) => void;
  readonly reject: (error: Error) => void;
  /** Stops listening to the abort signal, where there is one. */
  readonly stopListening: () => void;
}

/** A flush that waits for the appends before it to be admitted. */
export interface WaitingFlush {
  readonly kind: 'flush';
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** An exchange of the pipeline that waits for what was submitted before it to be admitted. */
export interface WaitingExchange {
  readonly kind: 'exchange';
  readonly start: () => void;
  readonly reject: (error: Error) => void;
}

export type Waiter = WaitingAppend | WaitingFlush | WaitingExchange;

/** First in, first out, with appends that can leave by an abort. A Set keeps order and removal cheap. */
export class WaitingLine {
  readonly #line = new Set<Waiter>();
  #appends = 0;

  get isEmpty(): boolean {
    return this.#line.size === 0;
  }

  /** How many appends wait; nothing else counts against `waitersMax`. */
  get appends(): number {
    return this.#appends;
  }

  get first(): Waiter | undefined {
    for (const waiter of this.#line) return waiter;
    return undefined;
  }

  add(waiter: Waiter): void {
    this.#line.add(waiter);
    if (waiter.kind === 'append') this.#appends++;
  }

  /** Takes a waiter out: admitted, aborted or rejected. */
  remove(waiter: Waiter): void {
    if (!this.#line.delete(waiter)) return;
    if (waiter.kind !== 'append') return;
    this.#appends--;
    waiter.stopListening();
  }

  /** Empties the line, in order. */
  removeAll(): Waiter[] {
    const all = [...this.#line];
    for (const waiter of all) this.remove(waiter);
    return all;
  }
}

const NO_BYTES = new Uint8Array(0);

/** What must be known of a record whose bytes are encoded. */
export function numbersOf({ sequence, lastSequence, typeByte }: Item): Item {
  return { sequence, lastSequence, typeByte, key: NO_BYTES, value: NO_BYTES };
}

/** The same record under the sequence it was given. */
export function renumber(
  content: RecordFields | Uint8Array,
  sequence: bigint,
): RecordFields | Uint8Array {
  if (content instanceof Uint8Array) {
    new DataView(content.buffer).setBigUint64(AT_SEQUENCE, sequence, true);
    return content;
  }
  const { typeByte, key, value } = content;
  return { sequence, typeByte, key, value };
}
