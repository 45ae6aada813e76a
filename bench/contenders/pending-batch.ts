// The batching that peers without one of their own get from us, so that their rows are as good as
// they can be: what is added within one tick (or one turn of the loop) is committed together.

type Commit<T> = (items: T[]) => Promise<unknown> | undefined;

/** Collects items and commits them together; each `add` resolves with its batch's commit. */
export class PendingBatch<T> {
  private items: T[] = [];
  private waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  private readonly when: 'tick' | 'turn';
  private readonly commit: Commit<T>;

  /**
   * `tick` commits when the callers running now have had their turn; `turn` once per turn of the
   * event loop, which a blocking commit needs lest it starve everything else.
   */
  constructor(when: 'tick' | 'turn', commit: Commit<T>) {
    this.when = when;
    this.commit = commit;
  }

  add(item: T): Promise<void> {
    if (this.items.push(item) === 1) {
      if (this.when === 'turn') setImmediate(this.run);
      else process.nextTick(this.run);
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  private readonly run = (): void => {
    const { items, waiting } = this;
    this.items = [];
    this.waiting = [];
    const done = (): void => {
      for (const { resolve } of waiting) resolve();
    };
    const failed = (error: unknown): void => {
      for (const { reject } of waiting) reject(error);
    };
    try {
      const committing = this.commit(items);
      if (committing === undefined) done();
      else committing.then(done, failed);
    } catch (error) {
      failed(error);
    }
  };
}
