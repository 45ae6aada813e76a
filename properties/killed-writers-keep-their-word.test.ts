// A process that appends is killed at a generated moment, again and again on the same log: every
// record that it had acknowledged is there, where it said, and nothing stands there that it never
// appended. The records come from lib/test-tools, by their sequence.

import { join } from 'node:path';

import fc from 'fast-check';
import { expect } from 'vitest';

import type { PlacedRecord } from '../lib/fixtures/independent.js';
import { UringWalWriter, type UringWalOptions } from '../lib/index.js';
import { type Acknowledgement, killRecord, runAndKill } from '../lib/test-tools/kills.js';
import { inDirectory, KERNEL_DRIVERS, readFile, refusal } from './harness/kernel.js';
import { property } from './harness/property.js';
import { Model } from './model.js';

const options: fc.Arbitrary<UringWalOptions> = fc.record(
  {
    batchSize: fc.constantFrom(65_536, 1, 4096),
    directIo: fc.boolean(),
    preallocateBytes: fc.constantFrom(0, 65_536, 1 << 20),
    sync: fc.boolean(),
  },
  { noNullPrototype: true },
);

const rounds = fc.array(
  fc.record(
    {
      options,
      appenders: fc.constantFrom(1, 2, 16, 64),
      acknowledgements: fc.oneof(fc.nat(3), fc.nat(400)),
    },
    { noNullPrototype: true },
  ),
  { minLength: 2, maxLength: 3 },
);

for (const driver of KERNEL_DRIVERS) {
  property({
    name: `killed-${driver}-writers-keep-their-word`,
    says: `what a killed process acknowledged over ${driver} is there at the next open`,
    level: 'kernel',
    cases: rounds,
    runs: 8,
    reach: ['acknowledged', 'unacknowledged, and there', 'killed again'],
    skip: () => refusal(driver),
    check: (cases, mark) =>
      inDirectory(async (directory) => {
        const path = join(directory, 'log');
        const model = new Model();
        let next = 1;
        for (const [index, round] of cases.entries()) {
          if (index > 0) mark('killed again');
          const plan = { path, options: { ...round.options, driver }, first: next };
          const { told } = await runAndKill(
            { ...plan, appenders: round.appenders },
            round.acknowledgements,
          );
          if (told.length > 0) mark('acknowledged');
          await (await UringWalWriter.open(path, { driver })).close();
          const found = await readFile(path, driver);
          const last = Math.max(next - 1, ...sequencesOf(told), ...sequencesOf(found));
          for (; next <= last; next++) model.submit(killRecord(next));
          acknowledgeAll(model, told);
          if (model.entries.some(({ state }) => state === 'pending'))
            mark('unacknowledged, and there');
          model.replayed(found, 'killed');
          expect(found.length).toBe(model.entries.filter(({ state }) => state !== 'gone').length);
        }
      }),
  });
}

function sequencesOf(list: readonly (Acknowledgement | PlacedRecord)[]): number[] {
  return list.map(({ sequence }) => Number(sequence));
}

function acknowledgeAll(model: Model, told: readonly Acknowledgement[]): void {
  for (const one of told) {
    const entry = model.entries[Number(one.sequence) - 1];
    if (entry === undefined) throw new Error(`acknowledged, and never appended: ${one.sequence}`);
    model.acknowledge(entry, one, false);
  }
}
