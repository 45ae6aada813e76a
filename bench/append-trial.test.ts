import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppendTrial } from './append-trial.js';
import type { AppendTask, Contender } from './contender.js';
import type { Slices } from './slices.js';
import { charactersWritten } from './test-environment.js';

const CALLERS = 4;
const TASK: AppendTask = {
  kind: 'append',
  durability: 'written',
  callers: CALLERS,
  keyBytes: 16,
  valueBytes: 100,
};
const SLICES: Slices = {
  warmup: { ms: 60_000, records: 20 },
  runUp: { ms: 60_000, records: 8 },
  measured: { ms: 60_000, records: 100 },
  roundsPerLog: 2,
  zeroedBytes: 1e6,
};
/** An append in the end of the first slice that takes longer than all others. */
const STRAGGLER = 127;
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'bench-append-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

/** A log that takes its time, and knows what became of its appends. */
class Fake implements Contender {
  appended: number[][] = [];
  pending = 0;
  events: string[] = [];
  atEnd = (): void => {
    this.events.push('atEnd');
  };

  openLog(_task: AppendTask, context: { directory: string; zeroedBytes: number }) {
    expect(fs.readdirSync(context.directory)).toEqual([]);
    expect(context.zeroedBytes).toBe(SLICES.zeroedBytes);
    const sequences: number[] = [];
    this.appended.push(sequences);
    this.events.push('open');
    return Promise.resolve({
      append: async (sequence: number) => {
        sequences.push(sequence);
        this.pending++;
        await delay(sequence === STRAGGLER ? 80 : 1);
        this.pending--;
      },
      flush: () => Promise.resolve(),
      atEnd: () => {
        this.atEnd();
      },
      close: () => {
        this.events.push('close');
        return Promise.resolve();
      },
    });
  }
}

it('appends no more than a slice may, and has awaited every append at its end', async () => {
  const fake = new Fake();
  const trial = new AppendTrial(fake, TASK, directory, SLICES);
  await trial.open();
  expect(fake.appended[0]).toHaveLength(20);
  const { operations } = await trial.measure();
  expect(fake.appended[0]).toEqual(Array.from({ length: 128 }, (_, at) => at + 1));
  expect(fake.pending).toBe(0);
  // What was still in flight when the first caller found nothing left does not count.
  expect(operations).toBeGreaterThan(100 - CALLERS);
  expect(operations).toBeLessThanOrEqual(100);
});

it('ends a slice with its time as well', async () => {
  const fake = new Fake();
  const measured = { ms: 30, records: 1e9 };
  const trial = new AppendTrial(fake, TASK, directory, { ...SLICES, measured });
  await trial.open();
  const { operations, seconds } = await trial.measure();
  expect(seconds).toBeGreaterThanOrEqual(0.03);
  expect(fake.pending).toBe(0);
  const after = fake.appended[0]?.length;
  await delay(20);
  expect(fake.appended[0]).toHaveLength(after ?? 0);
  expect(operations).toBeLessThan(1000);
});

it('takes a new log in an empty directory when the zeros of one are used up', async () => {
  const fake = new Fake();
  const trial = new AppendTrial(fake, TASK, directory, SLICES);
  await trial.open();
  for (let round = 0; round < 3; round++) await trial.measure();
  expect(fake.appended.map(({ length }) => length)).toEqual([20 + 2 * 108, 20 + 108]);
  expect(fake.events).toEqual([
    'open',
    'atEnd',
    'atEnd',
    'atEnd',
    'close',
    'open',
    'atEnd',
    'atEnd',
  ]);
  expect(fs.readdirSync(directory)).toEqual(['log-1']);
});

it('touches as much page cache as a slice may need before it', async () => {
  const trial = new AppendTrial(new Fake(), TASK, directory, SLICES);
  await trial.open();
  const before = charactersWritten();
  await trial.measure();
  expect(charactersWritten() - before).toBeGreaterThanOrEqual(108 * 145);
});

it('fails when the contender says that the slice was not what it claims to be', async () => {
  const fake = new Fake();
  const trial = new AppendTrial(fake, TASK, directory, SLICES);
  await trial.open();
  fake.atEnd = () => {
    throw new Error('no zeros left');
  };
  await expect(trial.measure()).rejects.toThrow('no zeros left');
});
