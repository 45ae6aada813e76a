// How far a log is durable, in bytes and in sequences, and where its index has points. (How far it
// is written in bytes is the lane's to say.)

import type { Batch } from './batch.js';
import { INDEX_STEP_BYTES } from './segments.js';
import { SequenceTrail } from './sequence-trail.js';

/** Where the watermarks start. */
export interface WatermarksStart {
  /** The log is durable to here. */
  readonly position: number;
  /** Last sequence in it. */
  readonly lastSequence: bigint | undefined;
  /** Hears where every so many bytes a record starts, for an index. */
  readonly onPoint?: (sequence: bigint, offset: number) => void;
}

/** What a sync makes durable: what was written when it started. */
export interface WrittenMark {
  readonly end: number;
  readonly sequence: bigint | undefined;
}

/** Watermarks of one file. */
export class Watermarks {
  readonly #trail: SequenceTrail;
  readonly #onPoint: ((sequence: bigint, offset: number) => void) | undefined;
  /** Sequences are told only where somebody keeps an index. */
  readonly #isTracked: boolean;
  #nextPoint = 0;
  #durableEnd: number;
  #durableSequence: bigint | undefined;

  constructor({ position, lastSequence, onPoint }: WatermarksStart) {
    this.#trail = new SequenceTrail(lastSequence);
    this.#onPoint = onPoint;
    this.#isTracked = onPoint !== undefined;
    this.#durableEnd = position;
    this.#durableSequence = lastSequence;
  }

  /** Offset to which the log is durable. */
  get durableEnd(): number {
    return this.#durableEnd;
  }

  /** Last sequence of the last durable record; undefined while there is none. */
  get durableSequence(): bigint | undefined {
    return this.#durableSequence;
  }

  /** The same for the last written record. */
  get writtenSequence(): bigint | undefined {
    return this.#trail.passed;
  }

  /** A record was encoded at `offset`. */
  place(sequence: bigint, lastSequence: bigint, offset: number, length: number): void {
    if (!this.#isTracked) return;
    this.#trail.push(offset + length, lastSequence);
    if (offset < this.#nextPoint) return;
    this.#nextPoint = offset + INDEX_STEP_BYTES;
    this.#onPoint?.(sequence, offset);
  }

  /** A batch is written, and all before it. A dsync batch behind durable bytes is durable as well. */
  onWritten(batch: Batch): void {
    this.#trail.passTo(batch.end);
    if (!batch.job.dsync || this.#durableEnd !== batch.start) return;
    this.#durableEnd = batch.end;
    this.#durableSequence = this.#trail.passed;
  }

  /** A sync succeeded that started when the log was written to `mark`. */
  onSynced(mark: WrittenMark): void {
    if (mark.end < this.#durableEnd) return;
    this.#durableEnd = mark.end;
    this.#durableSequence = mark.sequence;
  }

  /** The log was cut to `position`, durably; what lies behind never was. */
  restart(position: number): void {
    this.#trail.passTo(position);
    this.#trail.drop();
    this.#durableEnd = position;
    this.#durableSequence = this.#trail.passed;
    this.#nextPoint = 0;
  }
}
