// The example application, lib/examples/kv-store.ts, in the simulator: power cuts, faults and
// crashes in its log's every step, checkpoints included.

import { expect, test } from 'vitest';
import { KvStore } from '../lib/examples/kv-store.js';
import { type SimWorkload, simulate } from './index.js';

const DIRECTORY = '/store';
const KEYS = 3;

/** What each key may be: what its last acknowledged change said, or any change after that. */
type Told = Map<string, (string | undefined)[]>;

function workload(open: typeof KvStore.open): SimWorkload<Told> {
  return {
    state: () => new Map(),
    run: async (process, told) => {
      const { driver, life } = process;
      const store = await open(DIRECTORY, { driver, maxFileSize: 4096, preallocateBytes: 0 });
      for (const [key, values] of told) {
        const found = store.get(key);
        if (!values.includes(found)) {
          throw new Error(`${key} is ${String(found)}, but must be one of ${values.join(', ')}`);
        }
        // What was recovered stays.
        told.set(key, [found]);
      }
      for (let round = process.pick(6); round >= 0; round--) {
        const action = process.pick(5);
        if (action === 4) {
          process.note('checkpoint');
          await store.checkpoint();
          continue;
        }
        const key = `key-${String(process.pick(KEYS))}`;
        const name = `${String(life)}.${String(round)}`;
        const value = action === 3 ? undefined : name.padEnd(1 + process.pick(1300), '.');
        const values = told.get(key) ?? [undefined];
        process.note(`set ${key} to ${name}`);
        told.set(key, [...values, value]);
        await store.set(key, value);
        told.set(key, [value]);
      }
      await store.close();
    },
  };
}

test('keeps what it acknowledged, through every crash', async () => {
  const { failure, crashes } = await simulate(workload(KvStore.open.bind(KvStore)), {
    worlds: 400,
  });
  expect(failure?.steps.join('\n'), failure?.message).toBeUndefined();
  expect(crashes).toBeGreaterThan(200);
});

test('one that acknowledges before it is durable is caught', async () => {
  const open: typeof KvStore.open = (directory, options) =>
    KvStore.open(directory, { ...options, sync: 'manual' });
  const { failure } = await simulate(workload(open), { worlds: 400 });
  expect(failure?.message).toMatch(/must be one of/);
});
