// `npm run sim:planted`: proof that the simulator can fail. Plants each bug in a copy of its own,
// lets the simulator hunt for it, and shows how many worlds and seconds that took.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { didYouMean } from '../../lib/cli/suggest.js';
import { endOnClosedPipe } from '../closed-pipe.js';
import { UsageError } from '../cli-options.js';
import { COMMIT_BUGS } from './bugs-commit.js';
import { OTHER_BUGS } from './bugs-recovery.js';
import { WAL_BUGS } from './bugs-wal.js';
import { CANARIES } from './canaries.js';
import type { Hunt } from './hunt.js';
import { type Mutation, plant } from './mutation.js';
import { HELP, type PlantedOptions, parsePlantedOptions } from './options.js';

const STEPS_GOAL = 8;
/** How many times its limit of processor time a hunt may take on the clock, and then shrink. */
const PATIENCE = 3;
const SHRINKING_SECONDS = 60;
const NAME_WIDTH = 34;
/** A canary must stay silent for so many worlds before its simulator counts as blind. */
const CANARY_WORLDS = 1500;
const CANARY_SECONDS = 60;

const hunts = new Set<ChildProcess>();
/** Code to exit with, once somebody has had enough of it. */
let stopped: number | undefined;

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

async function run(task: Task, copies: string, options: PlantedOptions): Promise<Outcome> {
  const { seed, report, seconds } = options;
  let root: string | undefined;
  try {
    root = await plant(task.mutations, copies);
    if (stopped !== undefined) throw new Error('it was stopped');
    const worlds = task.isBlind ? CANARY_WORLDS : 1e9;
    const kind = task.mutations.some(({ wal }) => wal === true) ? 'wal' : 'writer';
    const limit = task.isBlind ? CANARY_SECONDS : seconds;
    const args = [kind, String(seed), String(worlds), String(limit)];
    if (report !== undefined) args.push(resolvePath(report));
    const patience = (PATIENCE * limit + SHRINKING_SECONDS) * 1000;
    const text = await output(join(root, 'dist/sim/planted/hunt.js'), args, patience);
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

/** A bug that spins without ever giving a turn away cannot be stopped from inside. */
function output(script: string, args: readonly string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    hunts.add(child);
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      hunts.delete(child);
      if (code === 0) resolve(out);
      else if (code === null) reject(new Error('the hunt hung and was killed'));
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
  const name = task.name.padEnd(NAME_WIDTH);
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

function tasks({ third, only, wal }: PlantedOptions): Task[] {
  const bugs = [...COMMIT_BUGS, ...OTHER_BUGS, ...WAL_BUGS];
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
  const chosen = all.filter(({ name, mutations }, index) => {
    if (wal && mutations[0]?.wal !== true) return false;
    return (third === undefined || index % 3 === third) && (only === undefined || only === name);
  });
  if (chosen.length > 0) return chosen;
  throw new UsageError(unknownName(only ?? '', all));
}

/** Bugs of the log of many files have a prefix, which is easily left out. */
function unknownName(only: string, all: readonly Task[]): string {
  const names = all.map(({ name }) => name);
  const near = names.filter((name) => only !== '' && name.includes(only));
  const hint = near.length === 0 ? didYouMean(only, names) : ` (did you mean ${near.join(', ')}?)`;
  return `no planted bug is '${only}'${hint}; --list names them`;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parsePlantedOptions(args);
  if (options.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const queue = tasks(options);
  if (options.list) {
    for (const { name, breaks } of queue) {
      process.stdout.write(`${name.padEnd(NAME_WIDTH)} ${breaks}\n`);
    }
    return 0;
  }
  const copies = await mkdtemp(join(tmpdir(), 'uring-wal-planted-'));
  const outcomes: Outcome[] = [];
  const started = Date.now();
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const outcome = await run(task, copies, options);
      if (stopped !== undefined) return;
      outcomes.push(outcome);
      process.stdout.write(`${line(outcome)}\n`);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  await rm(copies, { recursive: true, force: true });
  if (stopped !== undefined) return stopped;
  const good = outcomes.filter(isGood).length;
  const caught = outcomes.filter(({ task, hunt }) => !task.isBlind && hunt?.caught === true);
  const short = caught.filter(({ hunt }) => (hunt?.steps ?? Infinity) <= STEPS_GOAL).length;
  process.stdout.write(
    `\n${String(short)} of ${String(caught.length)} caught bugs shrank to ` +
      `${String(STEPS_GOAL)} steps or fewer; seed ${String(options.seed)}, ` +
      `${((Date.now() - started) / 1000).toFixed(0)} s\n` +
      `${String(good)} passed, ${String(outcomes.length - good)} failed\n`,
  );
  return good === outcomes.length ? 0 : 1;
}

/** What was begun is ended in order, so that no copy stays behind. */
function stop(code: number): void {
  stopped = code;
  for (const hunt of hunts) hunt.kill('SIGKILL');
}

for (const [signal, code] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => {
    stop(code);
  });
}
endOnClosedPipe(stop);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\nnpm run sim:planted -- --help tells what there is\n`);
  process.exitCode = 64;
}
