// One trial, in a process of its own: `node trial.js SPEC`, where SPEC is the JSON of a TrialSpec.
// Prints one line of JSON, a TrialReport.

import * as fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { measureAppends, type Times } from './append-trial.js';
import { entryOf } from './contenders/catalogue.js';
import type { Contender, RecoverTask, ReplayTask, Task, TrialResult } from './contender.js';
import { measureFio } from './fio.js';
import { payload } from './log-file.js';
import { recordBytes } from './record.js';

export interface TrialSpec {
  readonly contender: string;
  readonly task: Task;
  /** `prepare` builds what every trial of the row reads. */
  readonly phase: 'prepare' | 'measure';
  readonly directory: string;
  readonly zeroedBytes: number;
  readonly times: Times;
}

/** The result, or the reason why there is none. */
export type TrialReport =
  | { readonly ok: true; readonly result: TrialResult | undefined }
  | { readonly ok: false; readonly reason: string };

/** The name of a recover workload's log in its directory. */
export const RECOVER_LOG = 'recover.log';
const WARM_CHUNK_BYTES = 1 << 20;

async function run(spec: TrialSpec): Promise<TrialResult | undefined> {
  const { task, directory, times } = spec;
  const { load } = entryOf(spec.contender);
  if (load === undefined) {
    if (task.kind === 'append') return measureFio(task, directory, times);
    throw new Error('fio only writes');
  }
  const contender = await load();
  if (task.kind === 'append') {
    if (contender.openLog === undefined) throw new Error('takes no appends');
    const log = await contender.openLog(task, { directory, zeroedBytes: spec.zeroedBytes });
    const result = await measureAppends(log, task, times);
    await log.close();
    return result;
  }
  if (task.kind === 'recover') return await measureRecover(contender, task, directory);
  if (spec.phase === 'measure') return await measureReplay(contender, task, directory, times);
  await contender.prepareReplay?.(task, directory);
  return undefined;
}

/** Replays once to warm up, then again and again until the time is over. */
async function measureReplay(
  contender: Contender,
  task: ReplayTask,
  directory: string,
  { measureMs }: Times,
): Promise<TrialResult> {
  if (contender.replay === undefined) throw new Error('cannot be replayed');
  await contender.replay(task, directory);
  const cpu = process.cpuUsage();
  const before = performance.now();
  let operations = 0;
  let elapsedMs = 0;
  while (elapsedMs < measureMs) {
    const { records, check } = await contender.replay(task, directory);
    if (records !== task.records || check !== expectedCheck(task)) {
      throw new Error(`replayed ${String(records)} of ${String(task.records)} records, or wrongly`);
    }
    operations += records;
    elapsedMs = performance.now() - before;
  }
  const used = process.cpuUsage(cpu);
  return {
    operations,
    seconds: elapsedMs / 1000,
    bytes: operations * recordBytes(task.keyBytes, task.valueBytes),
    cpuUs: (used.user + used.system) / operations,
    rssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

/** What {@link ReplayResult.check} must be. */
function expectedCheck(task: ReplayTask): number {
  return task.records * ((payload(task).key[0] ?? 0) + task.valueBytes);
}

async function measureRecover(
  contender: Contender,
  task: RecoverTask,
  directory: string,
): Promise<TrialResult> {
  if (contender.recover === undefined) throw new Error('recovers nothing');
  const path = join(directory, RECOVER_LOG);
  warmPageCache(path);
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
function warmPageCache(path: string): void {
  const bytes = Buffer.allocUnsafe(WARM_CHUNK_BYTES);
  const fd = fs.openSync(path, 'r');
  while (fs.readSync(fd, bytes) > 0);
  fs.closeSync(fd);
}

function reasonOf(error: unknown): string {
  const missing = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
  if (missing) return 'not installed in bench/node_modules';
  return error instanceof Error ? (error.message.split('\n')[0] ?? 'failed') : String(error);
}

if (process.argv[2] !== undefined && process.argv[1]?.endsWith('trial.js') === true) {
  const spec = JSON.parse(process.argv[2]) as TrialSpec;
  const report: TrialReport = await run(spec).then(
    (result) => ({ ok: true, result }),
    (error: unknown) => ({ ok: false, reason: reasonOf(error) }),
  );
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
