// Who reads the log right now: which segments they still need, who waits for news, and who must
// hear that the log was cut under them.

import type { Lease } from './wal-read.js';

/** What is known of one reader. */
interface Reader {
  /** It needs the segments from this number on, as of now. */
  readonly needsFrom: () => number;
  /** The log was cut to this sequence since the reader last asked. */
  cut: bigint | undefined;
}

/** Leases of readers, and the waiting of those that follow. */
export class LogFollowers {
  readonly #readers = new Set<Reader>();
  #waiting = new Set<() => void>();
  #durable: bigint | undefined;
  #hasEnded = false;
  #onReleased: (() => void) | undefined;

  /** The log is closed, and nothing will come any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The durable watermark may have moved. */
  onProgress(durable: bigint | undefined): void {
    if (durable === this.#durable) return;
    this.#durable = durable;
    this.#wake();
  }

  /** The log is poisoned: whoever waits is woken, and finds it so. */
  readonly onPoisoned = (): void => {
    this.#wake();
  };

  /** The log is being cut: sequences beyond are no longer in it. */
  onCut(last: bigint): void {
    for (const reader of this.#readers) {
      if (reader.cut === undefined || last < reader.cut) reader.cut = last;
    }
    this.#wake();
  }

  /** Resolves at the next progress, at the end, at a poisoning, or when aborted. */
  nextProgress(signal: AbortSignal | undefined): Promise<void> {
    if (this.#hasEnded || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** A hold on the segments from the number on that `needsFrom` tells whenever it is asked. */
  lease(needsFrom: () => number): Lease {
    const reader: Reader = { needsFrom, cut: undefined };
    this.#readers.add(reader);
    return {
      get isCut() {
        return reader.cut !== undefined;
      },
      takeCut: () => {
        const { cut } = reader;
        reader.cut = undefined;
        return cut;
      },
      release: () => {
        this.#readers.delete(reader);
        if (this.#readers.size === 0) this.#onReleased?.();
      },
    };
  }

  /** Whether some reader still needs this segment. */
  isLeased(number: number): boolean {
    for (const { needsFrom } of this.#readers) if (needsFrom() <= number) return true;
    return false;
  }

  /** The log is closed: whoever waits is woken, and finds it so. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Calls back once nobody reads any more: now, or when the last lease is released. */
  whenReleased(callback: () => void): void {
    if (this.#readers.size === 0) callback();
    else this.#onReleased = callback;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}
