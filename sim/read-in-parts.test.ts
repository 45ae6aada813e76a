// Logs that are read in many parts, the next one on its way while the records of one are looked at:
// the logs of the campaigns are shorter than the MiB that is read at once.

import { expect, test } from 'vitest';
import { UringWalWriter, Wal, WalEntry, WalReader } from '../lib/index.js';
import type { IoDriver } from '../lib/io/driver.js';
import { type SimProcess, type SimWorkload, simulate } from './index.js';

const PART_BYTES = 1024;
const decoder = new TextDecoder();

/** What was acknowledged as durable: the value of each sequence. */
type Told = Map<bigint, string>;

/** The same driver, which has files read in parts. */
function inParts(driver: IoDriver): IoDriver {
  return new Proxy(driver, {
    get: (target, name): unknown => {
      if (name === 'readBytes') return PART_BYTES;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function valueOf(process: SimProcess, sequence: bigint): string {
  return String(sequence).padEnd(1 + process.pick(600), '.');
}

/** Demands every entry that was acknowledged, in order; returns the last sequence. */
async function check(
  records: AsyncIterable<{ readonly sequence: bigint; readonly value: Uint8Array }>,
  told: Told,
): Promise<bigint> {
  let last = 0n;
  const missing = new Map(told);
  for await (const { sequence, value } of records) {
    if (sequence !== last + 1n) throw new Error(`${String(sequence)} after ${String(last)}`);
    last = sequence;
    const expected = told.get(sequence);
    if (expected === undefined) continue;
    if (decoder.decode(value) !== expected) throw new Error(`another value of ${String(sequence)}`);
    missing.delete(sequence);
  }
  for (const sequence of missing.keys()) throw new Error(`${String(sequence)} is lost`);
  return last;
}

const writer: SimWorkload<Told> = {
  state: () => new Map(),
  run: async (process, told) => {
    const driver = inParts(process.driver);
    const log = await UringWalWriter.open('/log', { driver, preallocateBytes: 0 });
    const reader = await WalReader.open('/log', { driver });
    let sequence = await check(reader, told);
    await reader.close();
    for (let round = process.pick(20); round >= 0; round--) {
      const value = valueOf(process, ++sequence);
      await log.append(WalEntry.put(sequence, 'key', value), { sync: true });
      told.set(sequence, value);
    }
    await log.close();
  },
};

const segmented: SimWorkload<Told> = {
  state: () => new Map(),
  run: async (process, told) => {
    const driver = inParts(process.driver);
    const log = await Wal.open('/log', { driver, maxFileSize: 8192, preallocateBytes: 0 });
    await check(log.read(), told);
    for (let round = process.pick(20); round >= 0; round--) {
      const value = valueOf(process, 0n);
      const { sequence } = await log.append({ type: 'put', key: 'key', value });
      told.set(sequence, value);
    }
    await log.close();
  },
};

test.each([
  ['one file', writer],
  ['segments', segmented],
])('%s, read in parts: nothing that was acknowledged is lost', async (_what, workload) => {
  const { failure, crashes } = await simulate(workload, { worlds: 300 });
  expect(failure?.steps.join('\n'), failure?.message).toBeUndefined();
  expect(crashes).toBeGreaterThan(150);
});
