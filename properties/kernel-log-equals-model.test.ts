// Random callers of a writer on a real kernel and real files: what they were told is what the file
// holds, in order, to the byte, across reopens; nothing is left open behind them.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect } from 'vitest';

import { independentLine } from '../lib/fixtures/independent.js';
import { UringWalWriter, type UringWalOptions } from '../lib/index.js';
import { openDescriptors } from '../lib/test-tools/descriptors.js';
import { inDirectory, KERNEL_DRIVERS, readFile, refusal } from './harness/kernel.js';
import type { KernelDriver } from './harness/kernel.js';
import { type Mark, property } from './harness/property.js';
import { Model } from './model.js';
import { Callers, operations, type Operation, writerOptions } from './operations.js';

/** Lives of one log: each an open, some operations, and a close. */
const lives = fc.array(fc.tuple(writerOptions, operations), { minLength: 1, maxLength: 3 });

type Lives = readonly (readonly [UringWalOptions, readonly Operation[]])[];

for (const driver of KERNEL_DRIVERS) {
  property({
    name: `${driver}-log-equals-model`,
    says: `over ${driver}, the file is what the callers were told, to the byte`,
    level: 'kernel',
    cases: lives,
    runs: 150,
    reach: [
      ...['written', 'durable', 'direct', 'buffered', 'preallocated', 'reopened'],
      ...['flush with open appends', 'flush with waiting appends'],
      ...['close with open appends', 'refused: ERR_WAL_QUEUE_FULL'],
      ...['refused: ERR_WAL_CLOSED', 'refused: ABORT_ERR'],
    ],
    skip: () => refusal(driver),
    check: (cases, mark) =>
      inDirectory(async (directory) => {
        const path = join(directory, 'log');
        const model = await liveAll(path, driver, cases, mark);
        expect(Buffer.compare(readFileSync(path), model.closedBytes())).toBe(0);
        expect(readdirSync(directory)).toEqual(['log']);
        expect(openDescriptors(directory)).toEqual([]);
      }),
  });
}

property({
  name: 'drivers-write-the-same-bytes',
  says: 'the same calls over io_uring and over the thread pool give byte-identical logs',
  level: 'kernel',
  // What is refused for want of room depends on timing: here there is room for all.
  cases: lives.map((cases) =>
    cases.map(([options, steps]) => {
      const roomy = { ...options, channelCapacity: 1024, queueBytesMax: 1 << 25, waitersMax: 4096 };
      return [roomy, steps.filter((step) => step.do !== 'abort')] as const;
    }),
  ),
  runs: 60,
  reach: ['written', 'durable', 'direct', 'preallocated', 'reopened'],
  skip: () => refusal('uring'),
  check: (cases, mark) =>
    inDirectory(async (directory) => {
      const logs: Buffer[] = [];
      for (const driver of KERNEL_DRIVERS) {
        const path = join(directory, driver);
        await liveAll(path, driver, cases, mark);
        logs.push(readFileSync(path));
      }
      expect(logs[0]?.equals(logs[1] ?? Buffer.alloc(0))).toBe(true);
    }),
});

async function liveAll(
  path: string,
  driver: KernelDriver,
  cases: Lives,
  mark: Mark,
): Promise<Model> {
  const model = new Model();
  for (const [index, [options, steps]] of cases.entries()) {
    const writer = await UringWalWriter.open(path, { ...options, driver });
    if (index > 0) mark('reopened');
    mark(writer.driver.directIo ? 'direct' : 'buffered');
    if (writer.options.preallocateBytes > 0) mark('preallocated');
    expect(writer.recovery.bytes).toBe(model.closedBytes().length);
    const callers = new Callers(writer, model, mark);
    for (const step of steps) {
      if (step.do !== 'settle') callers.start(step);
      else await settleAndRead(callers, path, driver, model);
    }
    callers.close();
    await callers.settle();
    if (callers.problems.length > 0) throw callers.problems[0];
  }
  return model;
}

/** A reader beside the writer finds everything that was acknowledged, and nothing else. */
async function settleAndRead(
  callers: Callers,
  path: string,
  driver: KernelDriver,
  model: Model,
): Promise<void> {
  await callers.settle();
  const found = await readFile(path, driver);
  const expected = model.entries.filter(({ state }) => state === 'written' || state === 'durable');
  expect(found.map(independentLine)).toEqual(
    expected.map(({ record, bytes, offset = -1 }) => {
      const crc = bytes.readUInt32LE(bytes.length - 4);
      return independentLine({ ...record, offset, length: bytes.length, crc });
    }),
  );
}
