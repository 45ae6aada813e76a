// Appends that wait for a watermark, in the order in which their bytes stand in the log. Parallel
// arrays instead of an object for each: an append costs its promise and its result, no more.

/**
 * Where a record stands: what `append` resolves to.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal'); // has one record, of 37 bytes
 * const position: WalPosition = await writer.append(WalEntry.put(2n, 'key', 'value'));
 * console.log(position.sequence, position.offset, position.length); // → 2n 37 37
 * await writer.close();
 */
export interface WalPosition {
  /** The sequence of the record. */
  readonly sequence: bigint;
  /** Number of the file, where the log has several. */
  readonly segment?: number;
  /** Offset of the record in the file, in bytes. */
  readonly offset: number;
  /** Size of the record, in bytes. */
  readonly length: number;
}

type Resolve = (position: WalPosition) => void;
type Reject = (error: Error) => void;

/** Below this many settled entries the arrays are not compacted. */
const COMPACT_MIN = 4096;

/** Records that were acknowledged; flushes, which have no length, do not count. */
export interface AckTally {
  records: number;
  bytes: number;
  /** The largest end of an acknowledged record. */
  end: number;
}

/** First in, first out: settled from the front as the watermark passes each entry's end. */
export class AckQueue {
  #positions: WalPosition[] = [];
  #resolves: Resolve[] = [];
  #rejects: Reject[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#positions.length;
  }

  /** Offset behind the record of the first entry; Infinity when there is none. */
  get headEnd(): number {
    const first = this.#positions[this.#head];
    return first === undefined ? Infinity : first.offset + first.length;
  }

  push(position: WalPosition, resolve: Resolve, reject: Reject): void {
    this.#positions.push(position);
    this.#resolves.push(resolve);
    this.#rejects.push(reject);
  }

  /** Resolves every entry that ends at or before `end`, and adds them to the tally. */
  resolveUpTo(end: number, tally: AckTally): void {
    const positions = this.#positions;
    const resolves = this.#resolves;
    let head = this.#head;
    for (; head < positions.length; head++) {
      const position = positions[head];
      if (position === undefined) break;
      const { length } = position;
      const recordEnd = position.offset + length;
      if (recordEnd > end) break;
      if (length > 0) {
        tally.records++;
        tally.bytes += length;
        if (recordEnd > tally.end) tally.end = recordEnd;
      }
      resolves[head]?.(position);
    }
    this.#head = head;
    this.#compact();
  }

  /** The largest end of an entry that is at most `end`, or undefined. */
  lastEndUpTo(end: number): number | undefined {
    let last: number | undefined;
    for (let index = this.#head; index < this.#positions.length; index++) {
      const position = this.#positions[index];
      if (position === undefined || position.offset + position.length > end) break;
      last = position.offset + position.length;
    }
    return last;
  }

  /** Rejects what is left, in order, each with an error of its own. */
  rejectAll(
    errorFor: (position: WalPosition) => Error,
    onSettled: (position: WalPosition) => void,
  ): void {
    for (let index = this.#head; index < this.#positions.length; index++) {
      const position = this.#positions[index];
      if (position === undefined) continue;
      onSettled(position);
      this.#rejects[index]?.(errorFor(position));
    }
    this.#head = this.#positions.length;
    this.#compact();
  }

  #compact(): void {
    if (this.isEmpty) {
      this.#positions.length = 0;
      this.#resolves.length = 0;
      this.#rejects.length = 0;
      this.#head = 0;
    } else if (this.#head > COMPACT_MIN && this.#head * 2 > this.#positions.length) {
      this.#positions = this.#positions.slice(this.#head);
      this.#resolves = this.#resolves.slice(this.#head);
      this.#rejects = this.#rejects.slice(this.#head);
      this.#head = 0;
    }
  }
}
