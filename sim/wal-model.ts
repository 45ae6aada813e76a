// What the outside knows of a segmented log: every entry that was ever submitted, by a number of its
// own that is written into its value, and what its caller was told. Shares no code with lib/.

import type { Spoilt } from './wal-damage.js';

/** What became of a submitted entry. */
type Fate =
  /** Its caller was told nothing yet. */
  | { readonly kind: 'open' }
  /** Written under this sequence; a power cut may lose it. */
  | { readonly kind: 'written'; readonly sequence: bigint }
  /** Durable under this sequence. */
  | { readonly kind: 'durable'; readonly sequence: bigint }
  /** Its caller was told that it failed: it may be there until a later one is acknowledged. */
  | { readonly kind: 'rejected' }
  /** It was seen to be missing, or cut off: it must never be there again. */
  | { readonly kind: 'gone' };

/** An entry that was read. */
export interface Found {
  readonly sequence: bigint;
  readonly id: number;
}

/** Throws what is wrong, in words. */
function demand(condition: boolean, words: () => string): asserts condition {
  if (!condition) throw new Error(words());
}

/** The model; it outlives every simulated process. */
export class WalModel {
  readonly #fates = new Map<number, Fate>();
  readonly #batches: number[][] = [];
  #nextId = 1;
  /** What was taken from the log's files and not yet given back. */
  spoilt: Spoilt | undefined;
  /** Entries below may have been removed by truncateBefore. */
  #removedBelow = 0n;
  /** A truncateAfter to here is under way, or was when the process died. */
  #cutting: bigint | undefined;

  /** A new entry is about to be submitted; returns its number. */
  submit(): number {
    const id = this.#nextId++;
    this.#fates.set(id, { kind: 'open' });
    return id;
  }

  /** The same for an atomic batch. */
  submitBatch(count: number): number[] {
    const ids = Array.from({ length: count }, () => this.submit());
    this.#batches.push(ids);
    return ids;
  }

  /** An append resolved. Whatever was rejected before it is gone for good. */
  acknowledged(id: number, sequence: bigint, isDurable: boolean): void {
    this.#fates.set(id, { kind: isDurable ? 'durable' : 'written', sequence });
    for (const [other, fate] of this.#fates) {
      if (other < id && fate.kind === 'rejected') this.#fates.set(other, { kind: 'gone' });
    }
  }

  /** A flush resolved that was called when every entry up to `id` was acknowledged or rejected. */
  flushed(id: number): void {
    for (const [other, fate] of this.#fates) {
      if (other > id || fate.kind !== 'written') continue;
      this.#fates.set(other, { kind: 'durable', sequence: fate.sequence });
    }
  }

  /** The entry submitted last. */
  get lastId(): number {
    return this.#nextId - 1;
  }

  rejected(id: number): void {
    this.#fates.set(id, { kind: 'rejected' });
  }

  /** A truncateBefore was called. */
  removingBelow(sequence: bigint): void {
    if (sequence > this.#removedBelow) this.#removedBelow = sequence;
  }

  /** A truncateAfter was called. */
  cutting(sequence: bigint): void {
    this.#cutting = sequence;
  }

  /** It was refused before anything happened. */
  cutRefused(): void {
    this.#cutting = undefined;
  }

  /** It resolved: everything behind is gone. */
  hasCut(sequence: bigint): void {
    this.#cutting = undefined;
    for (const [id, fate] of this.#fates) {
      const isKept = 'sequence' in fate && fate.sequence <= sequence;
      if (!isKept) this.#fates.set(id, { kind: 'gone' });
    }
  }

  /** Checks all that a log gave back; with `isReopened`, what is missing is gone from now on. */
  check(found: readonly Found[], isReopened: boolean): void {
    let previous: Found | undefined;
    for (const entry of found) {
      this.#checkEntry(entry, previous);
      previous = entry;
    }
    const bySequence = new Map(found.map(({ sequence, id }) => [sequence, id]));
    const ids = new Set(found.map(({ id }) => id));
    for (const [id, fate] of this.#fates) {
      if (fate.kind !== 'durable' || this.#mayMiss(fate.sequence)) continue;
      demand(bySequence.get(fate.sequence) === id, () => {
        return `durable-survives: entry ${String(id)} is not at sequence ${String(fate.sequence)}`;
      });
    }
    for (const batch of this.#batches) {
      const there = batch.filter((id) => ids.has(id)).length;
      demand(there === 0 || there === batch.length, () => {
        return `batch-is-atomic: ${String(there)} of ${String(batch.length)} entries are there`;
      });
    }
    if (isReopened) this.#settle(found, ids);
  }

  #checkEntry({ sequence, id }: Found, previous: Found | undefined): void {
    const fate = this.#fates.get(id);
    demand(fate !== undefined, () => `nothing-invented: entry ${String(id)} was never submitted`);
    demand(fate.kind !== 'gone', () => `no-resurrection: entry ${String(id)} was left out before`);
    if ('sequence' in fate) {
      demand(fate.sequence === sequence, () => {
        return `entry ${String(id)} moved from ${String(fate.sequence)} to ${String(sequence)}`;
      });
    }
    if (previous === undefined) return;
    demand(sequence === previous.sequence + 1n, () => {
      return `order-without-gaps: ${String(sequence)} follows ${String(previous.sequence)}`;
    });
    demand(id > previous.id, () => `order: entry ${String(id)} is behind ${String(previous.id)}`);
  }

  #mayMiss(sequence: bigint): boolean {
    if (sequence < this.#removedBelow) return true;
    return this.#cutting !== undefined && sequence > this.#cutting;
  }

  /** What a recovery kept is durable, what it left out is gone. */
  #settle(found: readonly Found[], ids: ReadonlySet<number>): void {
    this.#cutting = undefined;
    for (const id of this.#fates.keys()) if (!ids.has(id)) this.#fates.set(id, { kind: 'gone' });
    for (const { id, sequence } of found) this.#fates.set(id, { kind: 'durable', sequence });
  }
}
