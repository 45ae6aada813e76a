// Who reads the log right now: which segments they still need, and who waits for news.

import type { Lease } from './wal-read.js';

/** Leases of readers, and the waiting of those that follow. */
export class LogFollowers {
  readonly #leases = new Map<symbol, number>();
  #waiting = new Set<() => void>();
  #durable: bigint | undefined;
  #hasEnded = false;
  #onReleased: (() => void) | undefined;

  /** The durable watermark may have moved. */
  onProgress(durable: bigint | undefined): void {
    if (durable === this.#durable) return;
    this.#durable = durable;
    this.#wake();
  }

  /** Resolves at the next progress, at the end, or when aborted. */
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

  /** A hold on every segment, until it is moved. */
  lease(): Lease {
    const key = Symbol('lease');
    this.#leases.set(key, 0);
    return {
      moveTo: (number) => {
        if (this.#leases.has(key)) this.#leases.set(key, number);
      },
      release: () => {
        this.#leases.delete(key);
        if (this.#leases.size === 0) this.#onReleased?.();
      },
    };
  }

  /** Whether some reader still needs this segment. */
  isLeased(number: number): boolean {
    for (const from of this.#leases.values()) if (from <= number) return true;
    return false;
  }

  /** The log closes: whoever waits is woken, and finds it closed. */
  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Calls back once nobody reads any more: now, or when the last lease is released. */
  whenReleased(callback: () => void): void {
    if (this.#leases.size === 0) callback();
    else this.#onReleased = callback;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }
}
