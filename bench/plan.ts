// What a run measures, for how long, and how long all of it takes.

import type { Task } from './contender.js';
import type { BenchOptions } from './options.js';
import { OPENED_AT_ONCE, roundsOf, type RunPlan } from './runner.js';
import { slicesOf } from './slices.js';
import { WORKLOADS, defaultContenders, type Workload } from './workloads.js';

/** Measured on two cores and a virtual disk; each is the time beside the slices themselves, s. */
const START_SECONDS = 0.1;
const REST_SECONDS = 0.02;
const FIO_SECONDS = 0.35;
const RECOVER_SECONDS = 0.25;
/** What is zeroed, built and read in a second, bytes. */
const ZEROED_BYTES_PER_SECOND = 1.3e9;
const RECOVERED_BYTES_PER_SECOND = 0.75e9;
const BUILT_BYTES_PER_SECOND = 0.5e9;
const SCRATCH_BYTES_PER_SECOND = 1.5e9;

/** How many times what a contender may write at most it zeroes before. */
function zeroedShares(task: Task, id: string): number {
  if (task.kind !== 'append') return 0;
  if (id === 'ours-zeroed') return task.durability === 'durable' ? 3 : 1.35;
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

type Estimated = Pick<RunPlan, 'workloads' | 'rounds' | 'recoverRounds' | 'times'>;

/** How long the plan takes on an idle machine, s, going by the length of its parts. */
export function estimateSeconds(plan: Estimated): number {
  return plan.workloads
    .map((workload) => workloadSeconds(workload, plan))
    .reduce((sum, seconds) => sum + seconds, 0);
}

function workloadSeconds(workload: Workload, plan: Estimated): number {
  const { task, contenders } = workload;
  const rounds = roundsOf(plan, workload);
  if (task.kind === 'recover') {
    const once = RECOVER_SECONDS + task.logBytes / RECOVERED_BYTES_PER_SECOND;
    return contenders.length * rounds * once + task.logBytes / BUILT_BYTES_PER_SECOND;
  }
  const { warmup, runUp, measured, roundsPerLog, zeroedBytes } = slicesOf(
    workload,
    plan.times,
    rounds,
  );
  const logs = Math.ceil(rounds / roundsPerLog);
  const scratch = zeroedBytes / roundsPerLog / SCRATCH_BYTES_PER_SECOND;
  const warm = logs * (warmup.ms / 1000 + REST_SECONDS);
  const pairs = Math.ceil(contenders.filter((id) => id !== 'fio').length / OPENED_AT_ONCE);
  let seconds = pairs * warm;
  for (const id of contenders) {
    const zeroed = (logs * zeroedShares(task, id) * zeroedBytes) / ZEROED_BYTES_PER_SECOND;
    const other = id === 'fio' ? FIO_SECONDS : REST_SECONDS + runUp.ms / 1000 + scratch;
    seconds += START_SECONDS + zeroed + rounds * (measured.ms / 1000 + other);
  }
  return seconds;
}
