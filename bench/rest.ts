// Between two slices a process is at rest: nothing of it is left for the disk to do, or for the
// processor, when a neighbour's slice begins.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { diskBytesOfProcess } from './log-file.js';

/** So long without a write, and nearly without CPU time: background work has ended. */
const STILL_MS = 10;
const STILL_CPU_US_MAX = 1000;
/** Databases compact in the background; longer than this is told as an error. */
const REST_MS_MAX = 20_000;

/**
 * Syncs what the process wrote, so that the kernel does not write it back later, and waits until its
 * background work is done: zeroing ahead, compaction, garbage collection.
 *
 * @throws when that takes longer than `limitMs`.
 */
export async function comeToRest(directory: string, limitMs = REST_MS_MAX): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    syncFiles(directory);
    const cpu = process.cpuUsage();
    const written = diskBytesOfProcess();
    await delay(STILL_MS);
    const used = process.cpuUsage(cpu);
    const isStill = used.user + used.system <= STILL_CPU_US_MAX;
    if (isStill && Object.is(diskBytesOfProcess(), written)) return;
    if (performance.now() - startedMs > limitMs) {
      throw new Error(`was still at work ${String(limitMs)} ms after the callers had stopped`);
    }
  }
}

/** Syncs every file below `directory`; they may come and go meanwhile. */
function syncFiles(directory: string): void {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    try {
      const fd = fs.openSync(join(entry.parentPath, entry.name), 'r');
      fs.fsyncSync(fd);
      fs.closeSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
