// One sync at a time on a file. The kernel tells a failed writeback to one of those who ask, once:
// with two under way, the other would be told that all is well, and be wrong. A dsync write through
// the page cache asks as well, since its bytes may have been on their way before its sync.

import type { IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';

/** What is under way on a file, or the sync that failed: after it nobody asks again. */
const latest = new WeakMap<IoFile, Promise<unknown>>();

/** Syncs when the sync before has succeeded. Rejects with the IoError of the first that fails. */
export function syncAlone(file: IoFile): Promise<void> {
  return askAlone(file, () => file.sync());
}

/** The same for whatever asks the file how its writeback went. */
export function askAlone<T>(file: IoFile, ask: () => Promise<T>): Promise<T> {
  const before = latest.get(file);
  const asked =
    before === undefined ? ask() : before.then(ask, (error: unknown) => again(error, ask));
  latest.set(file, asked);
  const forget = (): void => {
    if (latest.get(file) === asked) latest.delete(file);
  };
  asked.then(forget, (error: unknown) => {
    if (isWriteHalf(error)) forget();
  });
  return asked;
}

/** Whether it is certain that a failed dsync write never came to its sync. */
export function isWriteHalf(error: unknown): boolean {
  return error instanceof IoError && error.writeHalf;
}

/** What failed before it asked has heard nothing that was meant for others. */
function again<T>(error: unknown, ask: () => Promise<T>): Promise<T> {
  if (isWriteHalf(error)) return ask();
  throw error;
}
