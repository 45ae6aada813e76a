// Random callers of a log of many files on a real kernel: what they were told is what its files hold,
// across reopens, read by the log itself, by a follower beside the callers, and by an independent
// decoder; nothing is left open or lying about behind them.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect } from 'vitest';

import { Wal, type WalOptions } from '../lib/index.js';
import { openDescriptors } from '../lib/test-tools/descriptors.js';
import { directoryLines, type EntryLine, lineOf, readLines } from '../lib/test-tools/wals.js';
import { inDirectory, KERNEL_DRIVERS, refusal } from './harness/kernel.js';
import type { KernelDriver } from './harness/kernel.js';
import { type Mark, property } from './harness/property.js';
import { type FoundEntry, SegmentedModel } from './segmented-model.js';
import { SegmentedCallers } from './segmented-callers.js';
import { options, type Step, steps } from './segmented-worlds.js';

interface Life {
  readonly options: WalOptions;
  readonly steps: readonly Step[];
  readonly isFollowed: boolean;
}

/** Lives of one log: each an open, some steps, and a close. */
const lives: fc.Arbitrary<Life[]> = fc.array(
  fc.record(
    {
      options,
      steps: fc.array(steps, { maxLength: 16 }),
      isFollowed: fc.boolean(),
    },
    { noNullPrototype: true },
  ),
  { minLength: 1, maxLength: 3 },
);

for (const driver of KERNEL_DRIVERS) {
  property({
    name: `${driver}-segmented-log-equals-model`,
    says: `over ${driver}, the files of a log are what its callers were told`,
    level: 'kernel',
    cases: lives,
    runs: 60,
    reach: [
      ...['written', 'durable', 'batch', 'several files', 'forgotten', 'cut', 'refused'],
      ...['direct', 'buffered', 'reopened', 'followed', 'followed through a cut'],
      ...['flush with waiting appends'],
    ],
    skip: () => refusal(driver),
    check: (cases, mark) =>
      inDirectory(async (directory) => {
        const log = join(directory, 'log');
        const model = new SegmentedModel();
        for (const [index, life] of cases.entries()) {
          if (index > 0) mark('reopened');
          await live(log, driver, life, model, mark);
        }
        const wal = await Wal.open(log, { driver, verifyAll: true });
        expect(wal.recovery).toMatchObject({ bytesDiscarded: 0, foreign: [], reason: undefined });
        model.replayed(await entriesOf(wal), 'closed');
        const lines = await readLines(wal);
        await wal.close();
        expect(directoryLines(log)).toEqual(lines);
        const strange = readdirSync(log).filter(
          (name) => !/^wal_(\d{8}\.log|manifest)$/.test(name),
        );
        expect(strange).toEqual([]);
        expect(openDescriptors(directory)).toEqual([]);
      }),
  });
}

async function live(
  directory: string,
  driver: KernelDriver,
  life: Life,
  model: SegmentedModel,
  mark: Mark,
): Promise<void> {
  const wal = await Wal.open(directory, { ...life.options, driver });
  mark(wal.driver.directIo ? 'direct' : 'buffered');
  if (wal.recovery.segments > 1) mark('several files');
  model.replayed(await entriesOf(wal), 'closed');
  const follower = life.isFollowed ? new Follower(wal) : undefined;
  const callers = new SegmentedCallers(wal, model, mark);
  let hasCut = false;
  for (const step of life.steps) {
    hasCut ||= step.do === 'truncateAfter';
    if (step.do !== 'settle') callers.start(step);
    else await callers.settle();
  }
  await callers.settle();
  const lines = await readLines(wal);
  callers.close();
  await callers.settle();
  if (callers.problems.length > 0) throw callers.problems[0];
  expect(callers.hasFailed).toBe(false);
  expect(directoryLines(directory)).toEqual(lines);
  if (follower === undefined) return;
  mark(hasCut ? 'followed through a cut' : 'followed');
  await follower.check(lines, hasCut);
}

async function entriesOf(wal: Wal): Promise<FoundEntry[]> {
  const found: FoundEntry[] = [];
  for await (const record of wal.read()) found.push(record);
  return found;
}

/** Reads on behind what was there when it began. */
class Follower {
  readonly #from: bigint;
  readonly #lines: EntryLine[] = [];
  readonly #over: Promise<unknown>;

  constructor(wal: Wal) {
    this.#from = (wal.durableSequence ?? 0n) + 1n;
    this.#over = this.#follow(wal).catch((error: unknown) => error);
  }

  /** It has got all that is behind where it began, in order; a cut it may meet is told. */
  async check(lines: readonly EntryLine[], hasCut: boolean): Promise<void> {
    const error = await this.#over;
    if (!hasCut) expect(error).toBeUndefined();
    if (error !== undefined) {
      expect(error).toMatchObject({ code: 'ERR_WAL_READ' });
      return;
    }
    // What it got first may be forgotten by now.
    const wanted = lines.filter((line) => sequenceOf(line) >= this.#from);
    expect(this.#lines.slice(this.#lines.length - wanted.length)).toEqual(wanted);
    const expected = this.#lines.map((_, index) => this.#from + BigInt(index));
    expect(this.#lines.map(sequenceOf)).toEqual(expected);
  }

  async #follow(wal: Wal): Promise<void> {
    for await (const record of wal.read({ from: this.#from, follow: true })) {
      this.#lines.push(lineOf(record));
    }
  }
}

function sequenceOf(line: EntryLine): bigint {
  return BigInt(line.slice(0, line.indexOf(' ')));
}
