// Runs the trials: round by round, workload by workload, contender by contender, each in a process
// of its own on an empty directory. Interleaving lets every contender see the same weather.

import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Times } from './append-trial.js';
import type { RecoverTask, TrialResult } from './contender.js';
import { buildLog, recordsIn } from './log-file.js';
import { TRIAL_SCRIPT } from './paths.js';
import { timesOf } from './plan.js';
import { recordBytes } from './record.js';
import { judge, rowOf, type WorkloadReport } from './report.js';
import { RECOVER_LOG, type TrialReport, type TrialSpec } from './trial.js';
import type { Workload } from './workloads.js';

/** A trial that takes longer is ended, and its row says so. */
const TRIAL_MS_MAX = 120_000;
/** What a trial may print; more is a bug. */
const OUTPUT_CHARACTERS_MAX = 1 << 20;

export interface RunPlan {
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly times: Times;
  /** An existing directory of this run's own. */
  readonly directory: string;
  /** Where to write CPU profiles of ours, if anywhere. */
  readonly profileDirectory: string | undefined;
  readonly progress: (done: number, all: number, what: string) => void;
}

interface Row {
  readonly workload: Workload;
  readonly id: string;
  readonly results: TrialResult[];
  missing: string | undefined;
}

export async function runPlan(plan: RunPlan): Promise<WorkloadReport[]> {
  const rows = plan.workloads.map((workload) =>
    workload.contenders.map((id): Row => ({ workload, id, results: [], missing: undefined })),
  );
  const all = plan.rounds * rows.flat().length;
  let done = 0;
  for (let round = 0; round < plan.rounds; round++) {
    for (const group of rows) {
      for (let turn = 0; turn < group.length; turn++) {
        const row = group[(turn + round) % group.length];
        if (row === undefined) continue;
        plan.progress(done++, all, `${row.workload.name}, ${row.id}`);
        if (row.missing === undefined) await runTrial(plan, row, round);
      }
    }
  }
  return rows.map((group, index) => {
    const workload = plan.workloads[index] as Workload;
    const reports = group.map((row) => rowOf(workload, row.id, row.results, row.missing));
    const { name, title, task, metric, target } = workload;
    const base = { name, title, task, metric, rows: reports };
    return target === undefined ? base : { ...base, target: judge(target, base) };
  });
}

async function runTrial(plan: RunPlan, row: Row, round: number): Promise<void> {
  const { workload, id } = row;
  const { task } = workload;
  const shared = task.kind === 'recover';
  const directory = join(plan.directory, shared ? workload.name : `${workload.name}-${id}`);
  const times = timesOf(task, plan.times);
  const seconds = (times.warmupMs + times.measureMs) / 1000;
  const spec: TrialSpec = {
    contender: id,
    task,
    phase: 'measure',
    directory,
    zeroedBytes: Math.ceil(workload.zeroedBytesPerSecond * seconds),
    times,
  };
  const fresh = !fs.existsSync(directory);
  if (fresh) fs.mkdirSync(directory);
  if (task.kind === 'recover') prepareRecover(join(directory, RECOVER_LOG), task);
  if (task.kind === 'replay' && fresh) {
    const report = await runProcess({ ...spec, phase: 'prepare' }, []);
    if (!report.ok) row.missing = report.reason;
  }
  if (row.missing === undefined) {
    const report = await runProcess(spec, profileArguments(plan, row, round));
    if (!report.ok) row.missing = report.reason;
    else if (report.result !== undefined) row.results.push(report.result);
  }
  if (task.kind === 'append') removeDurably(directory, plan.directory);
}

function profileArguments(plan: RunPlan, row: Row, round: number): string[] {
  if (plan.profileDirectory === undefined || !row.id.startsWith('ours')) return [];
  const name = `${row.workload.name}-${row.id}-${String(round)}.cpuprofile`;
  return ['--cpu-prof', `--cpu-prof-dir=${plan.profileDirectory}`, `--cpu-prof-name=${name}`];
}

/** Builds the log unless it is there, of the right size: a contender may have left a tail. */
function prepareRecover(path: string, task: RecoverTask): void {
  const records = recordsIn(task.logBytes, task);
  const bytes = records * recordBytes(task.keyBytes, task.valueBytes);
  if (fs.existsSync(path)) {
    if (fs.statSync(path).size === bytes) return;
    fs.rmSync(path);
  }
  buildLog(path, task, records);
}

/** Removes a trial's files and commits that, so that the next trial does not pay for it. */
function removeDurably(directory: string, parent: string): void {
  fs.rmSync(directory, { recursive: true, force: true });
  const fd = fs.openSync(parent, 'r');
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

function runProcess(spec: TrialSpec, nodeArguments: string[]): Promise<TrialReport> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...nodeArguments, TRIAL_SCRIPT, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TRIAL_MS_MAX,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (errors.length < OUTPUT_CHARACTERS_MAX) errors += text;
    });
    child.once('error', (error) => {
      resolve({ ok: false, reason: error.message });
    });
    child.once('close', (code, signal) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as TrialReport);
      else resolve({ ok: false, reason: crashReason(code, signal, errors) });
    });
  });
}

function crashReason(code: number | null, signal: string | null, errors: string): string {
  const how = signal === null ? `exited with ${String(code)}` : `was ended by ${signal}`;
  const lines = errors.trim().split('\n');
  const why = lines.find((line) => line.includes('Error')) ?? lines.at(-1) ?? '';
  return `the trial ${how}${why === '' ? '' : `: ${why.trim()}`}`;
}
