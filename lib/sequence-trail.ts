// Which sequence stands where: the ends of records on their way to disk, so that a watermark in
// bytes can be told as a watermark in sequences. Bounded by what is queued.

/** Below this many passed entries the arrays are not compacted. */
const COMPACT_MIN = 4096;

/** First in, first out: record ends in log order, each with the last sequence that it carries. */
export class SequenceTrail {
  readonly #ends: number[] = [];
  readonly #sequences: bigint[] = [];
  #head = 0;
  #passed: bigint | undefined;

  constructor(passed: bigint | undefined) {
    this.#passed = passed;
  }

  /** Last sequence of the last record that was passed; undefined when there was none yet. */
  get passed(): bigint | undefined {
    return this.#passed;
  }

  push(end: number, sequence: bigint): void {
    this.#ends.push(end);
    this.#sequences.push(sequence);
  }

  /** The watermark has come to `end`. */
  passTo(end: number): void {
    let head = this.#head;
    while ((this.#ends[head] ?? Infinity) <= end) {
      this.#passed = this.#sequences[head];
      head++;
    }
    this.#head = head;
    if (head === this.#ends.length) {
      this.drop();
    } else if (head > COMPACT_MIN) {
      this.#ends.splice(0, head);
      this.#sequences.splice(0, head);
      this.#head = 0;
    }
  }

  /** What has not been passed never will be. */
  drop(): void {
    if (this.#ends.length === 0) return;
    this.#ends.length = 0;
    this.#sequences.length = 0;
    this.#head = 0;
  }
}
