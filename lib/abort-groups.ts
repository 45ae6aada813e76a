// One listener for all that wait under one abort signal. A signal looks through its listeners
// whenever one is added, so that many would cost time by their square; and from the eleventh on
// Node.js warns of a leak.

interface Group<T> {
  readonly members: Set<T>;
  readonly onAbort: () => void;
}

/** Members by their signals. */
export class AbortGroups<T> {
  readonly #groups = new Map<AbortSignal, Group<T>>();
  readonly #onAbort: (members: readonly T[], reason: unknown) => void;

  /** `onAbort` hears of all that wait under a signal when it is aborted, in the order they joined. */
  constructor(onAbort: (members: readonly T[], reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  join(signal: AbortSignal, member: T): void {
    const { members } = this.#groups.get(signal) ?? this.#listen(signal);
    members.add(member);
  }

  /** No effect once its signal was aborted. */
  leave(signal: AbortSignal, member: T): void {
    const group = this.#groups.get(signal);
    if (group === undefined) return;
    group.members.delete(member);
    if (group.members.size > 0) return;
    this.#groups.delete(signal);
    signal.removeEventListener('abort', group.onAbort);
  }

  #listen(signal: AbortSignal): Group<T> {
    const members = new Set<T>();
    const onAbort = (): void => {
      this.#groups.delete(signal);
      this.#onAbort([...members], signal.reason);
    };
    const group = { members, onAbort };
    this.#groups.set(signal, group);
    signal.addEventListener('abort', onAbort, { once: true });
    return group;
  }
}
