// What callers do with a segmented log is done to a real one, while a model listens to what they are
// told.

import type { Wal } from '../lib/index.js';
import { indexAt, patterned } from './arbitraries.js';
import type { Mark } from './harness/property.js';
import type { SegmentedEntry, SegmentedModel } from './segmented-model.js';
import type { Step } from './segmented-worlds.js';

const EMPTY = new Uint8Array(0);

/** Callers of one open log: what they asked for, and what is still open. */
export class SegmentedCallers {
  readonly #wal: Wal;
  readonly #model: SegmentedModel;
  readonly #mark: Mark;
  /** What callers were told that they should not have been; checked by whoever runs them. */
  readonly problems: unknown[] = [];
  /** Whether anything but a refusal has failed. */
  hasFailed = false;
  /** How many promises are open. */
  open = 0;
  #onQuiet: () => void = () => undefined;

  constructor(wal: Wal, model: SegmentedModel, mark: Mark) {
    this.#wal = wal;
    this.#model = model;
    this.#mark = mark;
  }

  /** Starts a step; its promises settle later. */
  start(action: Exclude<Step, { do: 'settle' }>): void {
    const wal = this.#wal;
    const model = this.#model;
    switch (action.do) {
      case 'put':
      case 'delete': {
        const value = action.do === 'put' ? patterned(action.bytes, model.entries.length) : EMPTY;
        this.#append([{ type: action.do, value }], action.sync, false);
        return;
      }
      case 'batch': {
        const parts = Array.from({ length: action.count }, (_, index) => ({
          type: 'put' as const,
          value: patterned(action.bytes, index),
        }));
        this.#append(parts, true, true);
        return;
      }
      case 'flush': {
        const count = model.entries.length;
        if (wal.stats().waiting > 0) this.#mark('flush with waiting appends');
        this.#later(wal.flush(), () => model.flushed(count));
        return;
      }
      case 'rotate':
        this.#later(wal.rotate(), () => undefined);
        return;
      case 'truncateBefore':
        this.#forget(action.place);
        return;
      case 'truncateAfter':
        this.#cut(action.place);
        return;
    }
  }

  close(): void {
    this.#later(this.#wal.close(), () => undefined);
  }

  async settle(): Promise<void> {
    while (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.#onQuiet = resolve;
      });
    }
  }

  #append(
    parts: readonly Pick<SegmentedEntry, 'type' | 'value'>[],
    sync: boolean,
    isBatch: boolean,
  ): void {
    const entries = this.#model.submit(parts);
    const [first] = entries;
    if (first === undefined) return;
    const appended = isBatch
      ? this.#wal.appendBatch(entries, { sync })
      : this.#wal.append(first, { sync });
    const told = appended.then(
      ({ sequence }) => {
        this.#mark(isBatch ? 'batch' : sync ? 'durable' : 'written');
        this.#model.acknowledge(entries, sequence, sync);
      },
      (error: unknown) => {
        const isTooLarge = error instanceof RangeError;
        const code = (error as { code?: unknown }).code;
        const isRefused = isTooLarge || code === 'ERR_WAL_CLOSED' || code === 'ERR_WAL_QUEUE_FULL';
        for (const entry of entries) entry.state = isRefused ? 'refused' : 'rejected';
        this.#mark(isRefused ? 'refused' : 'rejected');
        if (!isRefused) this.hasFailed = true;
      },
    );
    this.#later(told, () => undefined);
  }

  #forget(place: number): void {
    const sequences = this.#model.sequences();
    const bound = sequences[indexAt(place, sequences.length)] ?? 0n;
    this.#model.forget(bound);
    this.#later(this.#wal.truncateBefore(bound), ({ removed }) => {
      if (removed.length > 0) this.#mark('forgotten');
    });
  }

  /** Only while nothing else is under way: what an append meanwhile becomes is nobody's promise. */
  #cut(place: number): void {
    if (this.open > 0) return;
    const sequences = this.#model.sequences();
    const bound = sequences[indexAt(place, sequences.length)];
    if (bound === undefined || this.#isInsideBatch(bound)) return;
    this.#model.cut(bound);
    const done = this.#wal.truncateAfter(bound).then(
      () => {
        this.#mark('cut');
        this.#model.cutDone(bound);
      },
      (error: unknown) => {
        // Forgotten meanwhile: it is not in the log any more.
        if (!(error instanceof RangeError)) this.hasFailed = true;
      },
    );
    this.#later(done, () => undefined);
  }

  #isInsideBatch(bound: bigint): boolean {
    const at = this.#model.entries.find(({ sequence }) => sequence === bound);
    return this.#model.entries.filter(({ group }) => group === at?.group).length > 1;
  }

  #later<T>(promise: Promise<T>, done: (value: T) => void): void {
    this.open += 1;
    promise
      .then(done, () => void (this.hasFailed = true))
      .catch((problem: unknown) => void this.problems.push(problem))
      .finally(() => {
        this.open -= 1;
        if (this.open === 0) this.#onQuiet();
      });
  }
}
