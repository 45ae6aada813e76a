// Memory that batches share: who gets what back, and how much is kept.

import { expect, test } from 'vitest';

import { BatchMemory } from './batch-memory.js';
import type { IoDriver, IoMemory } from './io/driver.js';

const MIB = 2 ** 20;

/** A driver of which only `memory` is there; keeps book of what is out. */
function memories(): { live: Set<IoMemory>; pool: BatchMemory; taken: () => number } {
  const live = new Set<IoMemory>();
  let taken = 0;
  const memory = (size: number): IoMemory => {
    taken++;
    const bytes = new Uint8Array(size);
    const one: IoMemory = { bytes, release: () => expect(live.delete(one)).toBe(true) };
    live.add(one);
    return one;
  };
  const pool = new BatchMemory({ memory } as unknown as IoDriver);
  return { live, pool, taken: () => taken };
}

test.each([1, 4096, 69_632, 65_681, MIB + 45, 3 * MIB + 1])(
  '%i bytes: enough, little more, whole blocks',
  (bytes) => {
    const size = memories().pool.take(bytes).bytes.length;
    expect(size).toBeGreaterThanOrEqual(bytes);
    expect(size).toBeLessThanOrEqual(bytes * 1.25 + 4096);
    expect(size % 4096).toBe(0);
  },
);

test('values of about one size are served by the same memory', () => {
  const { pool, taken } = memories();
  for (let index = 0; index < 1000; index++) pool.give(pool.take(MIB + 4096 + (index % 100)));
  expect(taken()).toBe(1);
});

test('nobody gets memory that somebody has', () => {
  const { pool } = memories();
  const first = pool.take(5000);
  pool.give(first);
  expect(pool.take(5000)).toBe(first);
  expect(pool.take(5000)).not.toBe(first);
});

test.each([
  ['small ones', 4096, 16],
  ['those of 1.5 MiB', 1.5 * MIB, 10],
  ['one of 17 MiB', 17 * MIB, 0],
])('of %s no more is kept than is allowed', (_what, bytes, kept) => {
  const { live, pool } = memories();
  const taken = Array.from({ length: 20 }, () => pool.take(bytes));
  for (const memory of taken) pool.give(memory);
  expect(live.size).toBe(kept);
  pool.release();
  expect(live.size).toBe(0);
});

test('what is used no more makes room for what is', () => {
  const { pool, taken } = memories();
  const small = Array.from({ length: 16 }, () => pool.take(4096));
  for (const memory of small) pool.give(memory);
  for (let index = 0; index < 10; index++) pool.give(pool.take(65_536));
  expect(taken()).toBe(17);
});

test('sixteen mebibytes are kept, and not a block more', () => {
  const { live, pool } = memories();
  const all = Array.from({ length: 16 }, () => pool.take(MIB));
  for (const one of all) pool.give(one);
  expect(live.size).toBe(16);
  pool.give(pool.take(4096));
  expect(live.size).toBe(16);
  pool.release();
  expect(live.size).toBe(0);
});
