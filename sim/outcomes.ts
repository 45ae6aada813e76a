// Promises that callers wait for: each one's outcome is kept until the turn in which it settled is
// over, so that the oracle looks at a world at rest.

import type { SimDriver } from './driver.js';

export class Outcomes {
  /** Promises that are open. */
  open = 0;
  readonly #settled: (() => void)[] = [];
  #driver: SimDriver | undefined;

  /** A process starts (or died): what the one before was waiting for is forgotten. */
  restart(driver: SimDriver | undefined): void {
    this.#driver = driver;
    this.#settled.length = 0;
    this.open = 0;
  }

  /** Waits for a promise of the process; its outcome comes with {@link drain}. */
  expect<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    const driver = this.#driver;
    this.open += 1;
    const settle = (outcome: () => void): void => {
      if (driver?.dead === true || driver !== this.#driver) return;
      this.#settled.push(() => {
        this.open -= 1;
        outcome();
      });
    };
    promise.then(
      (value) => {
        settle(() => {
          done(value);
        });
      },
      (error: unknown) => {
        settle(() => {
          failed(error);
        });
      },
    );
  }

  /** Tells what has settled, in order; true when something had. */
  drain(): boolean {
    if (this.#settled.length === 0) return false;
    for (const outcome of this.#settled.splice(0)) outcome();
    return true;
  }
}
