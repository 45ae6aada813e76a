// Waits until a followed log may have grown: told by the file system, and looked at now and then
// all the same, for not every file system tells.

import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';

const LOOK_EVERY_MS = 200;
/** After news, more are let gather for a moment. */
const GATHER_MS = 10;

/** Watches a file or a directory. */
export class TailWait {
  readonly #signal: AbortSignal;
  #watcher: FSWatcher | undefined;
  #isNews = false;
  #wake: () => void = () => undefined;

  constructor(path: string, signal: AbortSignal) {
    this.#signal = signal;
    const onNews = (): void => {
      this.#isNews = true;
      this.#wake();
    };
    try {
      this.#watcher = watch(path, { persistent: false }, onNews);
      this.#watcher.on('error', () => undefined);
    } catch {
      this.#watcher = undefined;
    }
    signal.addEventListener('abort', onNews);
  }

  /** Resolves when there may be news, or after a while, or when the signal was aborted. */
  async next(): Promise<void> {
    if (!this.#isNews) await this.#sleep(LOOK_EVERY_MS, true);
    if (!this.#signal.aborted) await this.#sleep(GATHER_MS, false);
    this.#isNews = false;
  }

  close(): void {
    this.#watcher?.close();
  }

  #sleep(durationMs: number, isWakeable: boolean): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      this.#wake = () => {
        if (!isWakeable) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
