// `npm run sim:planted`: proof that the simulator can fail. Plants each bug in a copy of its own,
// lets the simulator hunt for it, and shows how many worlds and seconds that took.
//
// Options: `--third K` (0, 1, 2) runs every third bug only; `--only NAME`; `--jobs N`;
// `--report FILE` with `--only` writes the HTML report of the shrunk case.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { parseArgs } from 'node:util';
import { COMMIT_BUGS } from './bugs-commit.js';
import { OTHER_BUGS } from './bugs-recovery.js';
import { CANARIES } from './canaries.js';
import type { Hunt } from './hunt.js';
import { type Mutation, plant } from './mutation.js';

const SECONDS_MAX = 10;
const STEPS_GOAL = 8;
/** A canary must stay silent for so many worlds before its simulator counts as blind. */
const CANARY_WORLDS = 1500;

interface Task {
  readonly name: string;
  readonly breaks: string;
  readonly mutations: readonly Mutation[];
  /** The simulator itself is broken: it must not catch the bug that it would catch otherwise. */
  readonly isBlind: boolean;
  /** Of a blind simulator: the only invariant that is blind. */
  readonly blindTo?: string | undefined;
}

interface Outcome {
  readonly task: Task;
  readonly hunt: Hunt | undefined;
  readonly problem: string | undefined;
}

async function run(task: Task, seed: number, report: string | undefined): Promise<Outcome> {
  let root: string | undefined;
  try {
    root = await plant(task.mutations);
    const worlds = task.isBlind ? CANARY_WORLDS : 1e9;
    const args = [String(seed), String(worlds), String(task.isBlind ? 60 : SECONDS_MAX)];
    if (report !== undefined) args.push(resolvePath(report));
    const text = await output(join(root, 'dist/sim/planted/hunt.js'), args);
    return { task, hunt: JSON.parse(text) as Hunt, problem: undefined };
  } catch (error) {
    return {
      task,
      hunt: undefined,
      problem: error instanceof Error ? error.message : String(error),
    };
  } finally {
    if (root !== undefined) await rm(root, { recursive: true, force: true });
  }
}

function output(script: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`the hunt ended with code ${String(code)}: ${errors.slice(0, 2000)}`));
    });
  });
}

function isGood({ task, hunt }: Outcome): boolean {
  if (hunt === undefined) return false;
  if (!task.isBlind) return hunt.caught;
  return !hunt.caught || (task.blindTo !== undefined && hunt.invariant !== task.blindTo);
}

function line(outcome: Outcome): string {
  const { task, hunt, problem } = outcome;
  const mark = isGood(outcome) ? 'ok  ' : 'FAIL';
  const name = task.name.padEnd(34);
  if (hunt === undefined) return `${mark} ${name} ${problem ?? ''}`;
  const took = `${String(hunt.worlds).padStart(7)} worlds ${hunt.seconds.toFixed(2).padStart(6)} s`;
  if (task.isBlind) {
    const verdict = isGood(outcome) ? 'noticed: the canary fell silent' : 'the canary still sang';
    return `${mark} ${name} ${took}  ${verdict} (${task.breaks})`;
  }
  if (!hunt.caught) return `${mark} ${name} ${took}  not caught: ${task.breaks}`;
  const steps = hunt.steps === undefined ? '' : `, ${String(hunt.steps)} steps`;
  return `${mark} ${name} ${took}  ${hunt.invariant ?? ''}${steps}`;
}

function tasks(third: number | undefined, only: string | undefined): Task[] {
  const bugs = [...COMMIT_BUGS, ...OTHER_BUGS];
  const named = (name: string): Mutation => {
    const found = bugs.find((bug) => bug.name === name);
    if (found === undefined) throw new Error(`there is no planted bug '${name}'`);
    return found;
  };
  const all: Task[] = [
    ...bugs.map((bug) => ({
      name: bug.name,
      breaks: bug.breaks,
      mutations: [bug],
      isBlind: false,
    })),
    ...CANARIES.map(({ mutation, bug, invariant }) => ({
      blindTo: invariant,
      name: mutation.name,
      breaks: mutation.breaks,
      mutations: [mutation, named(bug)],
      isBlind: true,
    })),
  ];
  return all.filter(({ name }, index) => {
    return (third === undefined || index % 3 === third) && (only === undefined || only === name);
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      third: { type: 'string' },
      only: { type: 'string' },
      jobs: { type: 'string' },
      seed: { type: 'string' },
      report: { type: 'string' },
    },
  });
  const seed = values.seed === undefined ? randomInt(2 ** 40) : Number(values.seed);
  const todo = tasks(values.third === undefined ? undefined : Number(values.third), values.only);
  const queue = [...todo];
  const outcomes: Outcome[] = [];
  const started = Date.now();
  const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const outcome = await run(task, seed, values.report);
      outcomes.push(outcome);
      process.stdout.write(`${line(outcome)}\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  const good = outcomes.filter(isGood).length;
  const caught = outcomes.filter(({ task, hunt }) => !task.isBlind && hunt?.caught === true);
  const short = caught.filter(({ hunt }) => (hunt?.steps ?? Infinity) <= STEPS_GOAL).length;
  process.stdout.write(
    `\n${String(good)} of ${String(outcomes.length)} as they should be; ${String(short)} of ` +
      `${String(caught.length)} caught bugs shrank to ${String(STEPS_GOAL)} steps or fewer; seed ` +
      `${String(seed)}, ${((Date.now() - started) / 1000).toFixed(0)} s\n`,
  );
  return good === outcomes.length && outcomes.length > 0 ? 0 : 1;
}

process.exitCode = await main();
