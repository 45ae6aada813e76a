// Opening a log cuts a torn tail that holds no whole record, and keeps no copy: any crash leaves one.
// Whoever asks for a repair may want to look at it all the same.

import { createThreadpoolDriver } from '../io/threadpool.js';
import { quarantine } from '../quarantine.js';
import { FileWindow } from '../window.js';
import type { TornTail } from './repair-plan.js';

/** Copies each to `FILE.discarded-OFFSET`, durably; resolves to the copies' paths. */
export async function keepTornTails(tails: readonly TornTail[]): Promise<string[]> {
  const driver = createThreadpoolDriver();
  const kept: string[] = [];
  for (const { path, end } of tails) {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    const file = await driver.open(path, options);
    try {
      const window = new FileWindow(driver, file, { size: end.size, pastCache: false });
      try {
        kept.push(await quarantine(driver, file, window, end));
      } finally {
        window.release();
      }
    } finally {
      await file.close();
    }
  }
  return kept;
}
