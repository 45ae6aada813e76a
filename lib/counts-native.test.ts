// Regression guard without a clock: how often appends call into the addon, and what they leave for
// the garbage collector.

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UringWalOptions, WriterStats } from './index.js';
import { UringWalWriter, WalEntry } from './index.js';
import { countAddonCalls } from './test-tools/counted-addon.js';

const APPENDS = 1000;
const KEY = new Uint8Array(16);
const VALUE = new Uint8Array(100);

/** Memories a log may hold at once: the open batch, those in flight, one for zeros. */
const MEMORIES_MAX = 4;

const counts = countAddonCalls();

/** Calls of appends alone, those of open and close are left out. */
interface Calls {
  readonly seals: number;
  readonly writes: number;
  readonly syncs: number;
  readonly memories: number;
  readonly all: number;
  /** How many batches were written meanwhile. */
  readonly batches: number;
  readonly stats: WriterStats;
}

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wal-counts-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function callsOf(callers: number, options: UringWalOptions): Promise<Calls> {
  const writer = await UringWalWriter.open(join(directory, 'log'), options);
  counts?.clear();
  let sequence = 0;
  const call = async (): Promise<void> => {
    while (sequence < APPENDS) await writer.append(WalEntry.put(++sequence, KEY, VALUE));
  };
  await Promise.all(Array.from({ length: callers }, call));
  const count = (name: string): number => counts?.get(name) ?? 0;
  const stats = writer.stats();
  const calls = {
    seals: count('sealRecords'),
    writes: count('ringWrite'),
    syncs: count('ringSync'),
    memories: count('memoryCreate'),
    all: [...(counts?.values() ?? [])].reduce((sum, one) => sum + one, 0),
    batches: stats.batches,
    stats,
  };
  await writer.close();
  expect(stats.acknowledged).toBe(APPENDS);
  return calls;
}

describe('calls into the addon for 1,000 appends', () => {
  beforeEach((context) => {
    if (counts === undefined) context.skip('the addon is missing');
  });

  test.each([1, 64, 1000])('written, %i callers: two a batch, to seal and to write', async (n) => {
    const { seals, writes, memories, all, batches, stats } = await callsOf(n, { driver: 'uring' });
    expect(batches).toBeLessThanOrEqual(2 * Math.ceil(APPENDS / n));
    expect(seals).toBe(batches);
    expect(writes).toBe(batches);
    expect(memories).toBeLessThanOrEqual(MEMORIES_MAX);
    expect(all).toBe(seals + writes + memories);
    expect(stats.writesAtOnce).toBeGreaterThan(batches / 2);
  });

  test.each([1, 64, 1000])('durable, %i callers: three a batch, to sync as well', async (n) => {
    const options = { driver: 'uring', sync: true, preallocateBytes: 0 } as const;
    const { seals, writes, syncs, memories, all, batches } = await callsOf(n, options);
    expect(batches).toBeLessThanOrEqual(2 * Math.ceil(APPENDS / n));
    expect(seals).toBe(batches);
    expect(writes).toBe(batches);
    expect(syncs).toBeLessThanOrEqual(batches);
    expect(memories).toBeLessThanOrEqual(MEMORIES_MAX);
    expect(all).toBe(seals + writes + syncs + memories);
  });

  test.each([1, 64])('durable with zeros ahead, %i callers: as many at most', async (n) => {
    const { seals, writes, memories, all, batches } = await callsOf(n, {
      driver: 'uring',
      sync: true,
      preallocateBytes: 1024 * 1024,
    });
    const zeroWrites = writes - batches;
    expect(seals).toBe(batches);
    // 256 KiB each, and 3 MiB are zeroed at most for 145,000 bytes.
    expect(zeroWrites).toBeLessThanOrEqual(12);
    expect(memories).toBeLessThanOrEqual(MEMORIES_MAX);
    // Beside the zeros: an allocation for each of two ranges, and the syncs that make them durable.
    expect(all).toBeLessThanOrEqual(3 * batches + zeroWrites + memories + 8);
  });

  test('the thread pool seals a batch by one call, and has no other', async () => {
    const { seals, all, batches } = await callsOf(64, { driver: 'threadpool' });
    expect(seals).toBe(batches);
    expect(all).toBe(seals);
  });
});

describe('garbage', () => {
  // Measured: 720 to 740. A promise with its settlers is 200 bytes, a caller that awaits it 150, the
  // rest are the entry, its sequence, the position and a place among those who wait.
  test.each(['written', 'durable'])('%s: at most 820 bytes an append', async (mode) => {
    const child = fileURLToPath(new URL('./test-tools/garbage-child.js', import.meta.url));
    const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [...flags, child, mode, directory]);
    const { bytesPerAppend, collections } = JSON.parse(stdout) as Record<string, number>;
    expect(collections, 'collections hide what was allocated').toBe(0);
    expect(bytesPerAppend).toBeGreaterThan(100);
    expect(bytesPerAppend).toBeLessThan(820);
  });
});
