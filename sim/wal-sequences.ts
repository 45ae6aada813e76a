// No sequence is given twice: one that was acknowledged belongs to its entry, also after a checkpoint
// has removed it, until a cut or a crash takes it away.

/** Which sequences are taken. */
export class TakenSequences {
  /** Of entries that are in the log. */
  #present = new Set<bigint>();
  /** Of durable entries that a checkpoint covered before the log was last opened. */
  readonly #covered = new Set<bigint>();

  /** False when it was taken before. */
  take(sequence: bigint): boolean {
    if (this.#present.has(sequence) || this.#covered.has(sequence)) return false;
    this.#present.add(sequence);
    return true;
  }

  /** What had a higher sequence is gone. */
  cutTo(last: bigint): void {
    for (const taken of [this.#present, this.#covered]) {
      for (const sequence of taken) if (sequence > last) taken.delete(sequence);
    }
  }

  /** The log was opened: these are in it, and those were covered by a checkpoint. */
  opened(present: Iterable<bigint>, covered: Iterable<bigint>): void {
    this.#present = new Set(present);
    for (const sequence of covered) this.#covered.add(sequence);
  }

  /** The log's owner has agreed to a loss: nobody can tell what was there. */
  forget(): void {
    this.#covered.clear();
  }
}
