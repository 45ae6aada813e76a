// Measures what reads a log: replay, again and again in a process that is warm, and recovery, once
// in a process that was just started, as an application does it.

import * as fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import type { Contender, RecoverTask, ReplayTask, TrialResult } from './contender.js';
import { payload } from './log-file.js';
import { RECOVER_LOG } from './protocol.js';
import { recordBytes } from './record.js';
import { comeToRest } from './rest.js';

const WARM_CHUNK_BYTES = 1 << 20;

/** Replays until the time is over; the last one ends the slice. */
export async function measureReplay(
  contender: Contender,
  task: ReplayTask,
  directory: string,
  measureMs: number,
): Promise<TrialResult> {
  const cpu = process.cpuUsage();
  const before = performance.now();
  let operations = 0;
  let elapsedMs = 0;
  while (elapsedMs < measureMs) {
    operations += await replayOnce(contender, task, directory);
    elapsedMs = performance.now() - before;
  }
  const used = process.cpuUsage(cpu);
  await comeToRest(directory);
  return {
    operations,
    seconds: elapsedMs / 1000,
    bytes: operations * recordBytes(task.keyBytes, task.valueBytes),
    cpuUs: (used.user + used.system) / operations,
    rssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** One replay, which must have seen every record; how many these are. */
export async function replayOnce(
  contender: Contender,
  task: ReplayTask,
  directory: string,
): Promise<number> {
  if (contender.replay === undefined) throw new Error('cannot be replayed');
  const { records, check } = await contender.replay(task, directory);
  if (records !== task.records || check !== expectedCheck(task)) {
    throw new Error(`replayed ${String(records)} of ${String(task.records)} records, or wrongly`);
  }
  return records;
}

/** What {@link ReplayResult.check} must be. */
function expectedCheck(task: ReplayTask): number {
  return task.records * ((payload(task).key[0] ?? 0) + task.valueBytes);
}

export async function measureRecover(
  contender: Contender,
  task: RecoverTask,
  directory: string,
): Promise<TrialResult> {
  if (contender.recover === undefined) throw new Error('recovers nothing');
  const path = join(directory, RECOVER_LOG);
  const cpu = process.cpuUsage();
  const before = performance.now();
  const close = await contender.recover(task, path);
  const seconds = (performance.now() - before) / 1000;
  const used = process.cpuUsage(cpu);
  await close();
  return {
    operations: 1,
    seconds,
    bytes: task.logBytes,
    cpuUs: used.user + used.system,
    rssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** Ours reads past the page cache and may empty it; those who trust it are to find it full. */
export function warmPageCache(directory: string): void {
  const bytes = Buffer.allocUnsafe(WARM_CHUNK_BYTES);
  const fd = fs.openSync(join(directory, RECOVER_LOG), 'r');
  while (fs.readSync(fd, bytes) > 0);
  fs.closeSync(fd);
}
