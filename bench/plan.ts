// What a run measures, for how long, and how long all of it takes.

import type { Times } from './append-trial.js';
import type { Task } from './contender.js';
import type { BenchOptions } from './options.js';
import { WORKLOADS, defaultContenders, type Workload } from './workloads.js';

const WARMUP_MS = 300;
const WARMUP_ONE_CALLER_MS = 600;
/** Starting and ending a trial's process, s, and what one zeroes and reads in a second, bytes. */
const TRIAL_OVERHEAD_SECONDS = 0.2;
const PREPARED_BYTES_PER_SECOND = 1.2e9;

interface EstimatedPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly times: Times;
}

/** How many times what a contender may write at most it zeroes before. */
function zeroedShares(task: Task, id: string): number {
  if (task.kind !== 'append') return 0;
  if (id === 'ours-zeroed') return task.durability === 'durable' ? 3 : 2.1;
  return id.startsWith('group-commit') ? 1 : 0;
}

type Choice = Pick<BenchOptions, 'tier' | 'workloads' | 'contenders'>;

/** The workloads asked for, each with the contenders asked for, in table order. */
export function chosenWorkloads({ tier, workloads, contenders }: Choice): Workload[] {
  const measured = (workload: Workload): readonly string[] => {
    const isNamed = workloads.includes(workload.name);
    if (workloads.length > 0 && !isNamed) return [];
    if (tier === 'quick') return workload.quick ?? (isNamed ? workload.contenders : []);
    if (isNamed || tier === 'all') return workload.contenders;
    if (workload.tier === 'extended') return [];
    return contenders.length > 0 ? workload.contenders : defaultContenders(workload);
  };
  const isWanted = (id: string): boolean => contenders.length === 0 || contenders.includes(id);
  return WORKLOADS.map((workload) => ({
    ...workload,
    contenders: measured(workload).filter(isWanted),
  })).filter((workload) => workload.contenders.length > 0);
}

/** How long the plan takes on an idle machine, s, going by the length of its parts. */
export function estimateSeconds({ workloads, rounds, times }: EstimatedPlan): number {
  let seconds = 0;
  for (const { task, contenders, zeroedBytesPerSecond } of workloads) {
    const { warmupMs, measureMs } = timesOf(task, times);
    const ms = task.kind === 'recover' ? 0 : warmupMs + measureMs;
    for (const id of contenders) {
      const zeroed = (zeroedShares(task, id) * zeroedBytesPerSecond * ms) / 1000;
      const read = task.kind === 'recover' ? 2 * task.logBytes : 0;
      seconds += TRIAL_OVERHEAD_SECONDS + ms / 1000 + (zeroed + read) / PREPARED_BYTES_PER_SECOND;
    }
  }
  return seconds * rounds;
}

/**
 * Everybody warms up until the code is compiled and there is space ahead of the log: what is measured
 * is how a process runs, not how it starts. One caller makes a few thousand appends a second.
 */
export function timesOf(task: Task, times: Times): Times {
  if (task.kind !== 'append') return times;
  const warmupMs = task.callers === 1 ? WARMUP_ONE_CALLER_MS : WARMUP_MS;
  return { ...times, warmupMs: Math.max(times.warmupMs, warmupMs) };
}
