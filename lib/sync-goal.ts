// When a sync is worth its while: once everything is written that was encoded when somebody first
// wanted durability, so that it covers all of a tick. Later appends do not put it off.

/** Decides when the next sync starts. */
export class SyncGoal {
  #goal: number | undefined;

  /**
   * Whether to sync now. `headEnd` is the end of the first record that waits for durability.
   * `writtenEnd` and `end` say how far the log is written and encoded.
   */
  isDue(headEnd: number, { writtenEnd, end }: { writtenEnd: number; end: number }): boolean {
    const isMet = writtenEnd >= (this.#goal ?? Infinity);
    const isCovered = headEnd <= writtenEnd;
    if (this.#goal === undefined || (isMet && !isCovered)) this.#goal = end;
    return isCovered && writtenEnd >= this.#goal;
  }

  /** A sync has started, or the log was cut: the next wish counts anew. */
  reset(): void {
    this.#goal = undefined;
  }
}
