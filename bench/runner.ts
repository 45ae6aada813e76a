// Runs workload by workload: every contender gets a process of its own that opens, warms up (two at
// a time) and waits; then, round by round, each measures one slice in turn while the others are idle.
// Interleaving lets every contender see the same weather. Where opening is what is measured, each
// round has a new process.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type { RecoverTask, TrialResult } from './contender.js';
import { buildLog, recordsIn } from './log-file.js';
import { RECOVER_LOG, type Command, type Reply, type TrialSpec } from './protocol.js';
import { recordBytes } from './record.js';
import { judge, rowOf, type WorkloadReport } from './report.js';
import { slicesOf, type Times } from './slices.js';
import { TrialProcess } from './trial-process.js';
import type { Workload } from './workloads.js';

/** Nothing is measured while they zero and warm up, and two do that in half the time. */
export const OPENED_AT_ONCE = 2;

export interface RunPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** Of workloads that open a log, each round in a new process. */
  readonly recoverRounds: number;
  readonly times: Times;
  /** An existing directory of this run's own. */
  readonly directory: string;
  /** Where to write CPU profiles of ours, if anywhere. */
  readonly profileDirectory: string | undefined;
  readonly progress: (done: number, all: number, what: string) => void;
  readonly start?: Start;
}

/** The part of a {@link TrialProcess} that a run needs. */
export interface Started {
  readonly isLive: boolean;
  ask(command: Command): Promise<Reply>;
  close(): Promise<Reply>;
  kill(): Promise<void>;
}

export type Start = (spec: TrialSpec, nodeArguments: readonly string[]) => Started;

interface Row {
  readonly id: string;
  readonly spec: TrialSpec;
  readonly results: TrialResult[];
  missing: string | undefined;
  process: Started | undefined;
}

const startProcess: Start = (spec, nodeArguments) => new TrialProcess(spec, { nodeArguments });

export async function runPlan(plan: RunPlan): Promise<WorkloadReport[]> {
  const reports: WorkloadReport[] = [];
  const all = plan.workloads.reduce((sum, one) => sum + turnsOf(plan, one), 0);
  let done = 0;
  const progress = (what: string): void => {
    plan.progress(done++, all, what);
  };
  for (const workload of plan.workloads) {
    const rows = await new WorkloadRun(plan, workload, progress).run();
    const { name, title, task, metric, target } = workload;
    const base = { name, title, task, metric, rows };
    reports.push(target === undefined ? base : { ...base, target: judge(target, base) });
  }
  return reports;
}

/** How many rounds a workload has. */
export function roundsOf(
  { rounds, recoverRounds }: Pick<RunPlan, 'rounds' | 'recoverRounds'>,
  { task }: Workload,
): number {
  return task.kind === 'recover' ? recoverRounds : rounds;
}

/** Slices, and a preparation of each contender. */
function turnsOf(plan: RunPlan, workload: Workload): number {
  return workload.contenders.length * (roundsOf(plan, workload) + 1);
}

/** Who measures when: every round begins with another one, and every other goes backwards. */
export function orderOf<T>(all: readonly T[], round: number): T[] {
  const first = all.length === 0 ? 0 : round % all.length;
  const order = [...all.slice(first), ...all.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}

class WorkloadRun {
  private readonly plan: RunPlan;
  private readonly workload: Workload;
  private readonly progress: (what: string) => void;
  private readonly rows: readonly Row[];
  private readonly start: Start;
  private readonly directory: string;

  constructor(plan: RunPlan, workload: Workload, progress: (what: string) => void) {
    this.plan = plan;
    this.workload = workload;
    this.progress = (what) => {
      progress(`${workload.name}, ${what}`);
    };
    this.start = plan.start ?? startProcess;
    this.directory = join(plan.directory, workload.name);
    const { task } = workload;
    const slices = slicesOf(workload, plan.times, roundsOf(plan, workload));
    this.rows = workload.contenders.map((id) => {
      const directory = task.kind === 'recover' ? this.directory : join(this.directory, id);
      const spec = { contender: id, task, directory, slices };
      return { id, spec, results: [], missing: undefined, process: undefined };
    });
  }

  async run() {
    const { rows, workload } = this;
    for (const { spec } of rows) fs.mkdirSync(spec.directory, { recursive: true });
    try {
      if (workload.task.kind === 'recover') await this.measureOpening(workload.task);
      else await this.measureWarm();
    } finally {
      await Promise.all(rows.flatMap((row) => row.process?.kill() ?? []));
      removeDurably(this.directory, this.plan.directory);
    }
    return rows.map((row) => rowOf(workload, row.id, row.results, row.missing));
  }

  private async measureWarm(): Promise<void> {
    const { rows, plan, workload } = this;
    if (workload.task.kind === 'replay') {
      for (const row of rows) await this.prepareReplay(row);
    }
    // All processes load while the first ones open: only what follows must be one at a time.
    for (const row of rows) if (row.missing === undefined) this.startRow(row);
    for (let at = 0; at < rows.length; at += OPENED_AT_ONCE) {
      const some = rows.slice(at, at + OPENED_AT_ONCE);
      for (const row of some) this.progress(`${row.id}: warm-up`);
      await Promise.all(some.map((row) => ask(row, 'open')));
    }
    for (let round = 0; round < roundsOf(plan, workload); round++) {
      for (const row of orderOf(rows, round)) {
        this.progress(row.id);
        await ask(row, 'measure');
      }
    }
    for (const row of rows) if (row.process?.isLive === true) await row.process.close();
  }

  private async measureOpening(task: RecoverTask): Promise<void> {
    const { rows, plan, workload } = this;
    for (const row of rows) this.progress(`${row.id}: the log`);
    for (let round = 0; round < roundsOf(plan, workload); round++) {
      for (const row of orderOf(rows, round)) {
        this.progress(row.id);
        if (row.missing !== undefined) continue;
        buildRecoverLog(join(row.spec.directory, RECOVER_LOG), task);
        this.startRow(row, round);
        await ask(row, 'open');
        await ask(row, 'measure');
        if (row.process?.isLive === true) await row.process.close();
      }
    }
  }

  /** In a process of its own, whose memory is not that of the replay. */
  private async prepareReplay(row: Row): Promise<void> {
    const process = this.start(row.spec, []);
    row.process = process;
    await ask(row, 'prepare');
    if (process.isLive) await process.close();
  }

  private startRow(row: Row, round?: number): void {
    row.process = this.start(row.spec, this.profileArguments(row, round));
  }

  private profileArguments(row: Row, round?: number): string[] {
    const { profileDirectory } = this.plan;
    if (profileDirectory === undefined || !row.id.startsWith('ours')) return [];
    const suffix = round === undefined ? '' : `-${String(round)}`;
    const name = `${this.workload.name}-${row.id}${suffix}.cpuprofile`;
    return ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, `--cpu-prof-name=${name}`];
  }
}

/** Asks, unless the row has failed; a failure ends its process and is what the row tells. */
async function ask(row: Row, command: Command): Promise<void> {
  if (row.missing !== undefined || row.process === undefined) return;
  const reply = await row.process.ask(command);
  if (!reply.ok) {
    row.missing = reply.reason;
    await row.process.kill();
  } else if (reply.result !== undefined) {
    row.results.push(reply.result);
  }
}

/** Builds the log unless it is there, of the right size: a contender may have left a tail. */
function buildRecoverLog(path: string, task: RecoverTask): void {
  const records = recordsIn(task.logBytes, task);
  const bytes = records * recordBytes(task.keyBytes, task.valueBytes);
  if (fs.existsSync(path)) {
    if (fs.statSync(path).size === bytes) return;
    fs.rmSync(path);
  }
  buildLog(path, task, records);
}

/** Removes a workload's files and commits that, so that the next one does not pay for it. */
function removeDurably(directory: string, parent: string): void {
  fs.rmSync(directory, { recursive: true, force: true });
  const fd = fs.openSync(parent, 'r');
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}
