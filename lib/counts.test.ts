// Regression guard without a clock: how many operations and bytes a workload costs.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UringWalOptions, WriterStats } from './index.js';
import { UringWalWriter, WalEntry } from './index.js';
import { loadAddon } from './io/addon.js';

const APPENDS = 4096;
const KEY = new Uint8Array(16);
const VALUE = new Uint8Array(100);
const RECORD_BYTES = 29 + KEY.length + VALUE.length;

describe('what appends cost', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wal-counts-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  async function run(callers: number, options: UringWalOptions): Promise<WriterStats> {
    const writer = await UringWalWriter.open(join(directory, 'log'), options);
    let sequence = 0;
    const call = async (): Promise<void> => {
      while (sequence < APPENDS) await writer.append(WalEntry.put(++sequence, KEY, VALUE));
    };
    await Promise.all(Array.from({ length: callers }, call));
    const stats = writer.stats();
    await writer.close();
    expect(stats.acknowledged).toBe(APPENDS);
    return stats;
  }

  describe.each(['uring', 'threadpool'] as const)('%s', (driver) => {
    beforeEach((context) => {
      if (driver === 'uring' && loadAddon() === undefined) context.skip('the addon is missing');
    });

    test.each([1, 64, 1024])('written, %i callers: one write a round, no byte twice', async (n) => {
      const stats = await run(n, { driver });
      expect(stats.batches).toBeLessThanOrEqual(Math.ceil(APPENDS / n) + 4);
      expect(stats.bytesWritten).toBe(APPENDS * RECORD_BYTES);
      expect(stats.syncs).toBe(0);
    });

    test.each([1, 64, 1024])('durable, %i callers: one sync a round', async (n) => {
      const stats = await run(n, { driver, sync: true, preallocateBytes: 0 });
      const rounds = Math.ceil(APPENDS / n);
      expect(stats.batches).toBeLessThanOrEqual(rounds + 4);
      expect(stats.syncs).toBeLessThanOrEqual(rounds + 4);
      expect(stats.bytesWritten).toBe(APPENDS * RECORD_BYTES);
    });

    test('durable with O_DIRECT: dsync writes, whose padding is bounded', async (context) => {
      const writer = await UringWalWriter.open(join(directory, 'probe'), {
        driver,
        directIo: true,
      });
      const { directIoRefused } = writer.driver;
      await writer.close();
      if (directIoRefused !== undefined) context.skip(directIoRefused);
      const stats = await run(64, { driver, sync: true, directIo: true });
      const rounds = Math.ceil(APPENDS / 64);
      expect(stats.batches).toBeLessThanOrEqual(rounds + 4);
      // A round rewrites its first block and pads its last: two blocks more than its records.
      expect(stats.bytesWritten).toBeLessThanOrEqual(APPENDS * RECORD_BYTES + rounds * 2 * 4096);
      expect(stats.syncs + stats.dsyncWrites).toBeLessThanOrEqual(rounds + 16);
    });
  });
});
