// Appends that wait for a watermark, in the order in which their bytes stand in the log. Parallel
// arrays instead of an object for each, and a new piece of them for every so many appends: one array
// for all would be copied as it grows, and would grow old, when every store into it is noted down
// for the garbage collector.

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

/** Entries of a piece. */
const PIECE_ENTRIES = 64;

/** So many entries, in three arrays. */
class Piece {
  readonly positions = new Array<WalPosition | undefined>(PIECE_ENTRIES);
  readonly resolves = new Array<Resolve | undefined>(PIECE_ENTRIES);
  readonly rejects = new Array<Reject | undefined>(PIECE_ENTRIES);
  /** How many entries were put into it. */
  count = 0;
  next: Piece | undefined;

  /** One by one: mostly there is one, and `fill` is a call into the runtime. */
  clear(): void {
    for (let index = 0; index < this.count; index++) {
      this.positions[index] = undefined;
      this.resolves[index] = undefined;
      this.rejects[index] = undefined;
    }
    this.count = 0;
  }
}

/** Records that were acknowledged; flushes, which have no length, do not count. */
export interface AckTally {
  records: number;
  bytes: number;
  /** The largest end of an acknowledged record. */
  end: number;
}

/** First in, first out: settled from the front as the watermark passes each entry's end. */
export class AckQueue {
  #first = new Piece();
  #last = this.#first;
  /** Entries of the first piece that are settled. */
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#first.count;
  }

  /** Offset behind the record of the first entry; Infinity when there is none. */
  get headEnd(): number {
    if (this.isEmpty) return Infinity;
    const first = this.#first.positions[this.#head];
    return first === undefined ? Infinity : first.offset + first.length;
  }

  push(position: WalPosition, resolve: Resolve, reject: Reject): void {
    let piece = this.#last;
    if (piece.count === PIECE_ENTRIES) {
      piece.next = new Piece();
      piece = piece.next;
      this.#last = piece;
    }
    const at = piece.count++;
    piece.positions[at] = position;
    piece.resolves[at] = resolve;
    piece.rejects[at] = reject;
  }

  /** Resolves every entry that ends at or before `end`, and adds them to the tally. */
  resolveUpTo(end: number, tally: AckTally): void {
    while (this.#resolvePieceUpTo(end, tally) && this.#next());
  }

  /** The largest end of an entry that is at most `end`, or undefined. */
  lastEndUpTo(end: number): number | undefined {
    let last: number | undefined;
    let index = this.#head;
    for (let piece: Piece | undefined = this.#first; piece !== undefined; piece = piece.next) {
      for (; index < piece.count; index++) {
        const position = piece.positions[index];
        if (position === undefined || position.offset + position.length > end) return last;
        last = position.offset + position.length;
      }
      index = 0;
    }
    return last;
  }

  /** Rejects what is left, in order, each with an error of its own. */
  rejectAll(
    errorFor: (position: WalPosition) => Error,
    onSettled: (position: WalPosition) => void,
  ): void {
    do {
      const piece = this.#first;
      for (let index = this.#head; index < piece.count; index++) {
        const position = piece.positions[index];
        if (position === undefined) continue;
        onSettled(position);
        piece.rejects[index]?.(errorFor(position));
      }
      this.#head = piece.count;
    } while (this.#next());
  }

  /** Whether it came to the end of the first piece. */
  #resolvePieceUpTo(end: number, tally: AckTally): boolean {
    const piece = this.#first;
    const { positions, resolves } = piece;
    let head = this.#head;
    for (; head < piece.count; head++) {
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
    return head === piece.count;
  }

  /** The first piece is settled: goes on with the next; false when there is none. */
  #next(): boolean {
    const { next } = this.#first;
    this.#head = 0;
    if (next !== undefined) {
      // Else an old piece, dead already, would keep all behind it until the next full collection.
      this.#first.next = undefined;
      this.#first = next;
    } else if (this.#first.count < PIECE_ENTRIES / 2) {
      this.#first.clear();
    } else {
      this.#first = new Piece();
      this.#last = this.#first;
    }
    return next !== undefined;
  }
}
