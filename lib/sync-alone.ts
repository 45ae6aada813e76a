// One sync at a time on a file. The kernel tells a failed writeback to one of those who ask, once:
// with two under way, the other would be told that all is well, and be wrong.

import type { IoFile } from './io/driver.js';

/** The sync under way on a file, or the one that failed: after it nobody asks again. */
const latest = new WeakMap<IoFile, Promise<void>>();

/** Syncs when the sync before has succeeded. Rejects with the IoError of the first that fails. */
export function syncAlone(file: IoFile): Promise<void> {
  const before = latest.get(file);
  const sync = before === undefined ? file.sync() : before.then(() => file.sync());
  latest.set(file, sync);
  const forget = (): void => {
    if (latest.get(file) === sync) latest.delete(file);
  };
  sync.then(forget, () => undefined);
  return sync;
}
