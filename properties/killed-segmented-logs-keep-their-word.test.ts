// A process that appends to a log of many files, in batches too, and checkpoints, is killed at a
// generated moment, again and again on the same log: what it had acknowledged is there under its
// sequence, batches are whole, sequences have no gap, and what one recovery returned the next returns.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect } from 'vitest';

import { Wal, type WalOptions, type WalRecord } from '../lib/index.js';
import { checkEntries, expectKept } from '../lib/test-tools/wal-kill-checks.js';
import { WalProcess } from '../lib/test-tools/wal-kills.js';
import { directoryLines, type EntryLine, lineOf, readLines } from '../lib/test-tools/wals.js';
import { inDirectory, KERNEL_DRIVERS, refusal } from './harness/kernel.js';
import { property } from './harness/property.js';

const options: fc.Arbitrary<WalOptions> = fc.record(
  {
    maxFileSize: fc.constantFrom(24_576, 8192, 131_072),
    batchSize: fc.constantFrom(65_536, 1, 4096),
    directIo: fc.boolean(),
    preallocateBytes: fc.constantFrom(0, 65_536, 1 << 20),
    sync: fc.constantFrom('always' as const, 'manual' as const, { intervalMs: 5 }),
  },
  { noNullPrototype: true },
);

const rounds = fc.array(
  fc.record(
    {
      options,
      callers: fc.constantFrom(12, 1, 3, 40),
      // The first line tells that the log is open.
      acknowledgements: fc.oneof(
        { weight: 1, arbitrary: fc.nat(3) },
        { weight: 3, arbitrary: fc.integer({ min: 60, max: 400 }) },
      ),
    },
    { noNullPrototype: true },
  ),
  { minLength: 2, maxLength: 3 },
);

for (const driver of KERNEL_DRIVERS) {
  property({
    name: `killed-${driver}-segmented-logs-keep-their-word`,
    says: `what a killed process acknowledged in a log of many files over ${driver} is there`,
    level: 'kernel',
    cases: rounds,
    runs: 7,
    reach: ['acknowledged', 'batch', 'several files', 'checkpoint', 'killed again'],
    skip: () => refusal(driver),
    check: (cases, mark) =>
      inDirectory(async (parent) => {
        const directory = join(parent, 'log');
        let before: readonly EntryLine[] = [];
        let checkpoint = 0n;
        for (const [index, round] of cases.entries()) {
          if (index > 0) mark('killed again');
          const chosen = { ...round.options, driver };
          const child = new WalProcess(directory, chosen, round.callers);
          await child.lines(1 + round.acknowledgements);
          const told = await child.kill();
          if (told.acknowledged.size > 0) mark('acknowledged');
          if (told.checkpoint > 0n) mark('checkpoint');
          if (told.checkpoint > checkpoint) ({ checkpoint } = told);

          const wal = await Wal.open(directory, chosen);
          if (wal.recovery.segments > 1) mark('several files');
          const records: WalRecord[] = [];
          for await (const record of wal.read()) records.push(record);
          if (records.some(({ inBatch }) => inBatch)) mark('batch');
          checkEntries(records, told, checkpoint);
          const lines = records.map(lineOf);
          expectKept(lines, before, checkpoint);
          const next = await wal.put('last', 'word');
          expect(next.sequence).toBe((records.at(-1)?.sequence ?? 0n) + 1n);
          await wal.close();
          before = directoryLines(directory);
          expect(before.slice(0, -1)).toEqual(lines);
        }
        const again = await Wal.open(directory, { driver, verifyAll: true });
        expect(await readLines(again)).toEqual(before);
        await again.close();
        const strange = readdirSync(directory).filter(
          (name) => !/^wal_(\d{8}\.log|manifest)$/.test(name),
        );
        expect(strange).toEqual([]);
      }),
  });
}
