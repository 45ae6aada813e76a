// What the oracle knows of damage to the medium: what it left whole, and what a sector written to
// the wrong place may have made of the log. A record carries no mark of where it belongs, so nobody
// who reads the log could tell.

import type { FoundRecord, Model, ModelEntry } from './model.js';

export class DamageKnowledge {
  readonly #model: Model;
  /** Entries that stand behind later ones, whole. */
  readonly #misplaced = new Set<ModelEntry>();
  /** Sequences of records that were part of a value, and are records of the log. */
  readonly #exposed = new Set<bigint>();
  /** The records that damage left whole which no recovery has seen yet. */
  intact: readonly FoundRecord[] | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  /** Whether the entry may stand anywhere. */
  isMisplaced(entry: ModelEntry): boolean {
    return this.#misplaced.has(entry);
  }

  /** Whether the record with this sequence was part of a value. */
  isExposed(sequence: bigint): boolean {
    return this.#exposed.has(sequence);
  }

  /** A recovery is done: `records` of the image are the log now. */
  recovered(records: readonly FoundRecord[], image: Buffer): void {
    if (this.intact === undefined) return;
    let last = -1;
    for (const { entry, sequence, offset, length } of records) {
      if (entry === undefined) {
        const bytes = image.subarray(offset, offset + length);
        if (this.#model.isNested(bytes)) this.#exposed.add(sequence);
        continue;
      }
      if (entry.index <= last) this.#misplaced.add(entry);
      last = Math.max(last, entry.index);
    }
  }
}
