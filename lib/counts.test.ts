// Regression guard without a clock: how many operations and bytes a workload costs.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { UringWalOptions, WriterStats } from './index.js';
import { UringWalWriter, WalEntry } from './index.js';
import { loadAddon } from './io/addon.js';
import { SharedRing } from './io/uring-ring.js';

const APPENDS = 4096;
const KEY = new Uint8Array(16);
const VALUE = new Uint8Array(100);
const RECORD_BYTES = 29 + KEY.length + VALUE.length;

/** The default of `batchSize`. */
const BATCH_BYTES = 64 * 1024;

/** Of the default size, which the writers of this thread share. */
const RING_SIZE = 128;

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

    // Of more than a batch size, the first part is written while the rest is encoded.
    const writesOf = (n: number): number => {
      const parts = n * RECORD_BYTES > BATCH_BYTES ? 2 : 1;
      return parts * Math.ceil(APPENDS / n) + 4;
    };

    test.each([1, 64, 1024])('written, %i callers: one write a round, no byte twice', async (n) => {
      const stats = await run(n, { driver });
      expect(stats.batches).toBeLessThanOrEqual(writesOf(n));
      expect(stats.bytesWritten).toBe(APPENDS * RECORD_BYTES);
      expect(stats.syncs).toBe(0);
    });

    test.each([1, 64, 1024])('durable, %i callers: one sync a round', async (n) => {
      const stats = await run(n, { driver, sync: true, preallocateBytes: 0 });
      expect(stats.batches).toBeLessThanOrEqual(writesOf(n));
      expect(stats.syncs).toBeLessThanOrEqual(writesOf(n));
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

  describe('system calls', () => {
    let ring: SharedRing;
    beforeEach((context) => {
      if (loadAddon() === undefined) context.skip('the addon is missing');
      ring = SharedRing.take(RING_SIZE);
    });
    afterEach(() => {
      ring.leave();
    });

    async function callsOf(
      callers: number,
      options: UringWalOptions,
    ): Promise<{ enters: number; atOnce: number; stats: WriterStats; memories: number }> {
      const before = ring.stats();
      const stats = await run(callers, { driver: 'uring', ...options });
      const after = ring.stats();
      const { memoriesRegistered, memoriesPlain } = ring.features();
      return {
        enters: after.enterCalls - before.enterCalls,
        atOnce: after.writesAtOnce - before.writesAtOnce,
        stats,
        memories: memoriesRegistered + memoriesPlain,
      };
    }

    // Opening and closing enter the ring a few times; a slow write sends the next 16 through it.
    const FEW = 64;

    test.each([1, 64])('written, %i callers: one a batch, none of them for the ring', async (n) => {
      const { enters, atOnce, stats, memories } = await callsOf(n, {});
      expect(enters + atOnce).toBeLessThanOrEqual(stats.batches + FEW);
      expect(atOnce).toBeGreaterThan(stats.batches / 2);
      expect(memories, 'all memory is given back').toBe(0);
    });

    test.each([1, 64])('durable, %i callers: a write and a sync a batch', async (n) => {
      const { enters, atOnce, stats, memories } = await callsOf(n, {
        sync: true,
        preallocateBytes: 0,
      });
      expect(stats.syncs).toBeLessThanOrEqual(stats.batches + 4);
      expect(enters).toBeLessThanOrEqual(2 * stats.batches + FEW);
      expect(enters + atOnce).toBeLessThanOrEqual(2 * stats.batches + FEW);
      expect(memories).toBe(0);
    });

    test('durable with O_DIRECT and zeros ahead: one a batch, hardly a sync', async (context) => {
      const { enters, stats } = await callsOf(1, { sync: true, directIo: true });
      if (stats.dsyncWrites === 0) context.skip('no dsync writes on this file system');
      expect(stats.syncs).toBeLessThan(stats.batches / 8);
      expect(enters).toBeLessThanOrEqual(1.25 * stats.batches + FEW);
    });
  });
});
