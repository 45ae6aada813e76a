// The worked example of `uring-wal/sim`: a key-value store over the log, and a broken one.

import { expect, test } from 'vitest';
import { UringWalWriter, WalEntry, WalReader } from '../lib/index.js';
import { type SimProcess, type SimWorkload, simulate } from './index.js';

const LOG = '/store.wal';
const decoder = new TextDecoder();

/** Rebuilds the store from its log. */
async function replay({
  driver,
}: SimProcess): Promise<{ store: Map<string, string>; next: bigint }> {
  const store = new Map<string, string>();
  let next = 1n;
  const reader = await WalReader.open(LOG, { driver });
  try {
    for await (const { sequence, type, key, value } of reader) {
      if (type === 'put') store.set(decoder.decode(key), decoder.decode(value));
      else store.delete(decoder.decode(key));
      next = sequence + 1n;
    }
  } finally {
    await reader.close();
  }
  return { store, next };
}

/** A counter per key: what callers were told may be behind the log, the log never behind them. */
function counters(sync: boolean): SimWorkload<Map<string, number>> {
  return {
    state: () => new Map(),
    run: async (process, told) => {
      const writer = await UringWalWriter.open(LOG, { driver: process.driver });
      const { store, next } = await replay(process);
      for (const [key, count] of told) {
        const found = Number(store.get(key) ?? 0);
        if (found < count) {
          throw new Error(`${key} is ${String(found)}, but a caller was told ${String(count)}`);
        }
      }
      let sequence = next;
      for (let round = process.pick(4); round >= 0; round--) {
        const key = `key${String(process.pick(3))}`;
        const count = Number(store.get(key) ?? 0) + 1;
        process.note(`set ${key} to ${String(count)}`);
        await writer.append(WalEntry.put(sequence++, key, String(count)), { sync });
        store.set(key, String(count));
        told.set(key, count);
      }
      await writer.close();
    },
  };
}

test('a store that waits for durability survives every crash', async () => {
  const { failure, crashes } = await simulate(counters(true), { worlds: 200 });
  expect(failure).toBeUndefined();
  expect(crashes).toBeGreaterThan(100);
});

test('a store that does not wait is caught, shrunk and replayed', async () => {
  const { failure } = await simulate(counters(false), { worlds: 200 });
  expect(failure?.message).toMatch(/is \d+, but a caller was told \d+/);
  expect(failure?.steps.length).toBeLessThanOrEqual(8);
  expect(failure?.html).toContain('<svg');
  const again = await simulate(counters(false), { replay: failure?.token ?? '' });
  expect(again.failure?.message).toBe(failure?.message);
  expect(again.failure?.trace).toEqual(failure?.trace);
});
