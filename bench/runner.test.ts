import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrialResult } from './contender.js';
import type { Command, Reply, TrialSpec } from './protocol.js';
import { orderOf, runPlan, type Start, type Started } from './runner.js';
import { WORKLOADS } from './workloads.js';

const RESULT: TrialResult = { operations: 10, seconds: 1, bytes: 100 };
const ROUNDS = 3;
let directory: string;
/** What the processes were told, in order. */
let told: string[];
let profiled: string[];
/** What runs at this moment, and the most of it that ran at once. */
let running: Command[];
let openingsMax: number;

beforeEach(() => {
  running = [];
  openingsMax = 0;
  directory = fs.mkdtempSync(join(tmpdir(), 'bench-runner-'));
  told = [];
  profiled = [];
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

type Answer = (command: Command, spec: TrialSpec) => Reply;

class Fake implements Started {
  isLive = true;
  private readonly spec: TrialSpec;
  private readonly answer: Answer;

  constructor(spec: TrialSpec, answer: Answer) {
    this.spec = spec;
    this.answer = answer;
  }

  async ask(command: Command): Promise<Reply> {
    expect(this.isLive).toBe(true);
    expect(fs.existsSync(this.spec.directory)).toBe(true);
    told.push(`${this.spec.contender} ${command}`);
    running.push(command);
    if (command === 'measure') expect(running).toEqual(['measure']);
    openingsMax = Math.max(openingsMax, running.filter((one) => one === 'open').length);
    await nextTurn();
    running.splice(running.indexOf(command), 1);
    return this.answer(command, this.spec);
  }

  async close(): Promise<Reply> {
    const reply = await this.ask('close');
    this.isLive = false;
    return reply;
  }

  kill(): Promise<void> {
    if (this.isLive) told.push(`${this.spec.contender} killed`);
    this.isLive = false;
    return Promise.resolve();
  }
}

const works: Answer = (command) =>
  command === 'measure' ? { ok: true, result: RESULT } : { ok: true };

function run(name: string, contenders: string[], answer = works) {
  const workload = WORKLOADS.find((one) => one.name === name);
  if (workload === undefined) throw new Error(name);
  const start: Start = (spec, nodeArguments) => {
    told.push(`${spec.contender} started`);
    profiled.push(...nodeArguments);
    return new Fake(spec, answer);
  };
  return runPlan({
    workloads: [{ ...workload, contenders }],
    rounds: ROUNDS,
    recoverRounds: 2,
    times: { warmupMs: 1, measureMs: 1 },
    directory,
    profileDirectory: 'profiles',
    progress: () => undefined,
    start,
  });
}

describe('rounds', () => {
  it('begin with another contender each, and every other goes backwards', () => {
    const all = ['a', 'b', 'c'];
    expect([0, 1, 2, 3].map((round) => orderOf(all, round).join(''))).toEqual([
      'abc',
      'acb',
      'cab',
      'cba',
    ]);
    expect(orderOf([], 5)).toEqual([]);
  });

  it('come when all have opened, one process a contender, a slice a turn', async () => {
    const [report] = await run('written-64', ['ours', 'lmdb']);
    expect(told).toEqual([
      'ours started',
      'lmdb started',
      'ours open',
      'lmdb open',
      'ours measure',
      'lmdb measure',
      'ours measure',
      'lmdb measure',
      'ours measure',
      'lmdb measure',
      'ours close',
      'lmdb close',
    ]);
    expect(report?.rows.map(({ values }) => values.length)).toEqual([ROUNDS, ROUNDS]);
    expect(fs.readdirSync(directory)).toEqual([]);
    expect(profiled).toEqual([
      '--cpu-prof',
      '--cpu-prof-dir=profiles',
      '--cpu-prof-name=written-64-ours.cpuprofile',
    ]);
  });

  it('have nothing beside a slice, while two contenders open at once', async () => {
    await run('written-64', ['ours', 'group-commit', 'lmdb', 'sonic-boom', 'write-stream']);
    expect(openingsMax).toBe(2);
    expect(told.slice(5, 10).every((what) => what.endsWith('open'))).toBe(true);
    expect(told.filter((what) => what.endsWith('measure'))).toHaveLength(5 * ROUNDS);
  });

  it('go on without a contender that failed, and its row says why', async () => {
    let slices = 0;
    const [report] = await run('written-64', ['ours', 'lmdb'], (command, spec) => {
      if (spec.contender !== 'lmdb' || command !== 'measure') return works(command, spec);
      return ++slices === 2 ? { ok: false, reason: 'it broke' } : works(command, spec);
    });
    expect(told.filter((what) => what === 'lmdb measure')).toHaveLength(2);
    expect(told).toContain('lmdb killed');
    expect(told).not.toContain('lmdb close');
    expect(told.filter((what) => what === 'ours measure')).toHaveLength(ROUNDS);
    const [ours, lmdb] = report?.rows ?? [];
    expect(ours?.missing).toBeUndefined();
    expect(lmdb).toMatchObject({ missing: 'it broke', values: [10] });
  });

  it('leave out who cannot open', async () => {
    const [report] = await run('written-64', ['ours', 'lmdb'], (command, spec) =>
      spec.contender === 'lmdb' ? { ok: false, reason: 'not here' } : works(command, spec),
    );
    expect(told).not.toContain('lmdb measure');
    expect(report?.rows[1]).toMatchObject({ missing: 'not here', values: [] });
  });

  it('of opening a log have a new process each, which finds the same log', async () => {
    const sizes = new Set<number>();
    const [report] = await run('recover-1m', ['ours', 'group-commit'], (command, spec) => {
      const log = join(spec.directory, 'recover.log');
      sizes.add(fs.statSync(log).size);
      if (command === 'measure') fs.appendFileSync(log, 'a tail');
      return works(command, spec);
    });
    expect(told.filter((what) => what === 'ours started')).toHaveLength(2);
    expect(told.slice(0, 4)).toEqual(['ours started', 'ours open', 'ours measure', 'ours close']);
    expect(report?.rows.map(({ values }) => values.length)).toEqual([2, 2]);
    // As built, and with the tail at its closing.
    expect(sizes.size).toBe(2);
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it('of replay come after the logs were built, by other processes', async () => {
    await run('replay', ['ours', 'lmdb']);
    expect(told.slice(0, 9)).toEqual([
      'ours started',
      'ours prepare',
      'ours close',
      'lmdb started',
      'lmdb prepare',
      'lmdb close',
      'ours started',
      'lmdb started',
      'ours open',
    ]);
  });
});

it('removes the files and ends the processes when the run itself fails', async () => {
  const running = run('written-64', ['ours', 'lmdb'], (command) => {
    if (command === 'measure') throw new Error('a bug of the bench');
    return { ok: true };
  });
  await expect(running).rejects.toThrow('a bug of the bench');
  expect(told).toContain('ours killed');
  expect(told).toContain('lmdb killed');
  expect(fs.readdirSync(directory)).toEqual([]);
});
