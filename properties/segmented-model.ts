// What the callers of a segmented log were told: entries in the order of their submission, batches
// that stand or fall together, and the cuts that callers asked for. Shares no code with the library.

/** As in model.ts; `loose`: a cut at the end failed half done, it may be there or not. */
type State = 'pending' | 'written' | 'durable' | 'rejected' | 'refused' | 'loose' | 'gone';

export interface SegmentedEntry {
  /** Unique: tells the entry from all others. */
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly value: Uint8Array;
  /** Entries of one atomic batch share a number. */
  readonly group: number;
  state: State;
  /** As acknowledged, or as found. */
  sequence: bigint | undefined;
}

/** An entry as a reader hands it out. */
export interface FoundEntry {
  readonly sequence: bigint;
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export class SegmentedModel {
  readonly entries: SegmentedEntry[] = [];
  #groups = 0;
  /** Entries below may have been forgotten, from the front. */
  #forgettable = 0n;

  /** Entries of one append, or of one atomic batch. */
  submit(parts: readonly Pick<SegmentedEntry, 'type' | 'value'>[]): SegmentedEntry[] {
    this.#groups += 1;
    const group = this.#groups;
    const added = parts.map((part, index): SegmentedEntry => {
      const key = `entry ${String(this.entries.length + index)}`;
      return { ...part, key, group, state: 'pending', sequence: undefined };
    });
    this.entries.push(...added);
    return added;
  }

  acknowledge(entries: readonly SegmentedEntry[], first: bigint, durable: boolean): void {
    const before = this.entries.slice(0, this.entries.indexOf(entries[0] ?? NOBODY));
    const last = before.findLast(isKept)?.sequence;
    if (last !== undefined && first <= last) {
      throw new Error(`sequence ${String(first)} was given again: ${String(last)} is in the log`);
    }
    for (const [index, entry] of entries.entries()) {
      entry.sequence = first + BigInt(index);
      entry.state = durable ? 'durable' : 'written';
    }
  }

  /** A flush resolved that was called after `count` entries: all of them have settled. */
  flushed(count: number): void {
    for (const entry of this.entries.slice(0, count)) {
      if (entry.state === 'pending') {
        throw new Error(`a flush resolved before an append that it follows: ${entry.key}`);
      }
      if (entry.state === 'written') entry.state = 'durable';
    }
  }

  /** A caller asked to forget what is below. */
  forget(bound: bigint): void {
    if (bound > this.#forgettable) this.#forgettable = bound;
  }

  /** A caller asks to cut what is above: until that is done, it may be there or not. */
  cut(bound: bigint): void {
    for (const entry of this.entries) if (isAbove(entry, bound)) entry.state = 'loose';
  }

  /** What was appended since the cut was asked for stands behind it, acknowledged or not. */
  cutDone(bound: bigint): void {
    for (const entry of this.entries) if (entry.state === 'loose') entry.state = 'gone';
    this.#reassignedFrom(bound + 1n);
  }

  /** Sequences that are known to be in the log. */
  sequences(): bigint[] {
    return this.entries.filter(isKept).map(({ sequence }) => sequence ?? 0n);
  }

  /** Checks what an open log holds after an ending; then that is the log. */
  replayed(found: readonly FoundEntry[], ending: 'closed' | 'killed' | 'power lost'): void {
    const kept = this.#match(found);
    const lastKept = this.entries.findLastIndex((entry) => kept.has(entry));
    for (const [index, entry] of this.entries.entries()) {
      if (kept.has(entry)) continue;
      const isFollowed = index < lastKept;
      const mustBeThere =
        entry.state === 'durable' ||
        (entry.state === 'written' && (isFollowed || ending !== 'power lost'));
      const isForgotten = entry.sequence !== undefined && entry.sequence < this.#forgettable;
      if (mustBeThere && !isForgotten) {
        throw new Error(`${entry.state}, and missing after '${ending}': ${entry.key}`);
      }
      entry.state = entry.state === 'refused' ? 'refused' : 'gone';
    }
    this.#checkBatches(kept);
    this.#reassignedFrom((found.at(-1)?.sequence ?? 0n) + 1n);
  }

  /** Sequences from here on are given again: to entries that nobody asked to forget. */
  #reassignedFrom(sequence: bigint): void {
    if (sequence < this.#forgettable) this.#forgettable = sequence;
  }

  #match(found: readonly FoundEntry[]): Set<SegmentedEntry> {
    const byKey = new Map(this.entries.map((entry, index) => [entry.key, { entry, index }]));
    const kept = new Set<SegmentedEntry>();
    let [lastIndex, lastSequence] = [-1, undefined as bigint | undefined];
    for (const { sequence, type, key, value } of found) {
      const known = byKey.get(Buffer.from(key).toString());
      if (known === undefined) throw new Error(`nobody submitted the entry ${String(sequence)}`);
      const { entry, index } = known;
      if (entry.type !== type || Buffer.compare(entry.value, value) !== 0) {
        throw new Error(`not as it was submitted: ${entry.key}`);
      }
      if (entry.state === 'gone' || entry.state === 'refused') {
        throw new Error(`${entry.state} before, and there: ${entry.key}`);
      }
      if (index <= lastIndex) throw new Error(`out of order: ${entry.key}`);
      if (lastSequence !== undefined && sequence !== lastSequence + 1n) {
        throw new Error(`sequence ${String(sequence)} behind ${String(lastSequence)}`);
      }
      if (entry.sequence !== undefined && isKept(entry) && entry.sequence !== sequence) {
        throw new Error(`acknowledged as ${String(entry.sequence)}, now ${String(sequence)}`);
      }
      kept.add(entry);
      [lastIndex, lastSequence] = [index, sequence];
      entry.sequence = sequence;
      entry.state = 'durable';
    }
    return kept;
  }

  #checkBatches(kept: ReadonlySet<SegmentedEntry>): void {
    const groups = new Set([...kept].map(({ group }) => group));
    for (const entry of this.entries) {
      if (groups.has(entry.group) && !kept.has(entry)) {
        throw new Error(`a batch in parts: ${entry.key} is missing, others of it are there`);
      }
    }
  }
}

const NOBODY: SegmentedEntry = {
  key: '',
  type: 'put',
  value: new Uint8Array(0),
  group: 0,
  state: 'gone',
  sequence: undefined,
};

function isKept({ state }: SegmentedEntry): boolean {
  return state === 'written' || state === 'durable';
}

function isAbove(entry: SegmentedEntry, bound: bigint): boolean {
  return isKept(entry) && entry.sequence !== undefined && entry.sequence > bound;
}
