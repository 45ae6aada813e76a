// How many files a log may have: more than `maxWalFiles` is a warning, more than `maxWalFilesHard`
// an error. Neither is ever a reason to delete one.

import { events } from './diagnostics.js';
import { WalError } from './errors.js';
import type { IoDriver } from './io/driver.js';
import type { ResolvedWalOptions } from './wal-options.js';

/** Watches the number of segments. */
export class FileLimits {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: ResolvedWalOptions;
  #warnedAt: number;

  constructor(driver: IoDriver, directory: string, options: ResolvedWalOptions) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#warnedAt = options.maxWalFiles;
  }

  /** Warns, once for each segment beyond `maxWalFiles`. */
  onGrown(count: number): void {
    if (count <= this.#warnedAt) return;
    this.#warnedAt = count;
    const message =
      `'${this.#directory}' has ${String(count)} segments, more than maxWalFiles ` +
      `(${String(this.#options.maxWalFiles)}): nothing is deleted before truncateBefore`;
    // Whatever the hook does, it must not happen in the middle of a rotation.
    this.#driver.defer(() => {
      events.warning.publish(() => ({ path: this.#directory, message, segments: count }));
      this.#options.onWarning(message);
    });
  }

  /** Those that come again are warned of again. */
  onShrunk(count: number): void {
    this.#warnedAt = Math.max(this.#options.maxWalFiles, count);
  }

  /**
   * Throws `ERR_WAL_FULL` when a log of `count` segments may have no more. A caller that asks for a
   * rotation may have one file more than the limit: for the checkpoint that frees the others.
   */
  checkRoom(count: number, isAsked: boolean): void {
    const { maxWalFilesHard } = this.#options;
    const limit = maxWalFilesHard + (isAsked ? 1 : 0);
    if (count >= limit) throw this.#full();
  }

  #full(): WalError {
    const limit = String(this.#options.maxWalFilesHard);
    return new WalError(
      'ERR_WAL_FULL',
      `'${this.#directory}' has ${limit} segments (maxWalFilesHard): checkpoint, then truncateBefore`,
      { path: this.#directory },
    );
  }
}
