// Small writes into the page cache are made at once, past the ring, as long as nothing is under way
// that they would have to wait for.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';

import type { IoDriver, IoFile } from './driver.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';
import { requireUring } from './test-uring.js';
import { createUringDriver } from './uring.js';
import { SharedRing } from './uring-ring.js';

const RING_SIZE = 16;
const KIB = 1024;

let directory: string;
let driver: IoDriver;
let ring: SharedRing;
let file: IoFile;

beforeEach(async (context) => {
  requireUring(context);
  directory = await temporaryDirectory();
  driver = createUringDriver({ ringSize: RING_SIZE });
  ring = SharedRing.take(RING_SIZE);
  const path = `${directory}/log`;
  file = await driver.open(path, {
    access: 'write',
    create: 'if-missing',
    direct: false,
    mode: 0o600,
  });
});
afterEach(async () => {
  await file.close();
  await driver.close();
  ring.leave();
  await removeDirectory(directory);
});

/** Makes every file system look like another to whoever asks statfs(2). */
function pretendFileSystem(magic: number): void {
  const statfs = vi.spyOn(fs, 'statfs');
  statfs.mockImplementation(((_path: string, done: (error: null, stats: object) => void) => {
    done(null, { type: magic });
  }) as unknown as typeof fs.statfs);
  syncBuiltinESMExports();
  onTestFinished(() => {
    statfs.mockRestore();
    syncBuiltinESMExports();
  });
}

/** How many system calls for the ring and writes past it `run` costs. */
async function costOf(run: () => Promise<unknown>): Promise<{ enters: number; atOnce: number }> {
  const before = ring.stats();
  await run();
  const after = ring.stats();
  return {
    enters: after.enterCalls - before.enterCalls,
    atOnce: after.writesAtOnce - before.writesAtOnce,
  };
}

test('a small write takes nothing of the ring', async () => {
  const memory = driver.memory(4 * KIB);
  const cost = await costOf(() => file.write(memory, 0, 100, 0));
  expect(cost).toEqual({ enters: 0, atOnce: 1 });
  expect(await file.size()).toBe(100);
});

test('a large write and a dsync write go through it', async () => {
  const memory = driver.memory(512 * KIB);
  const large = await costOf(() => file.write(memory, 0, 512 * KIB, 0));
  expect(large.atOnce).toBe(0);
  expect(large.enters).toBeGreaterThan(0);
  const durable = await costOf(() => file.write(memory, 0, 100, 0, { dsync: true }));
  expect(durable.atOnce).toBe(0);
  expect(durable.enters).toBeGreaterThan(0);
});

test('while a sync is under way, a small write waits for it in the ring, not here', async () => {
  const memory = driver.memory(4 * KIB);
  const behindSync = await costOf(() =>
    Promise.all([file.sync(), file.write(memory, 0, 100, 4 * KIB)]),
  );
  expect(behindSync.atOnce).toBe(0);
  const after = await costOf(() => file.write(memory, 0, 100, 8 * KIB));
  expect(after.atOnce).toBe(1);
});

test.each([
  ['tmpfs', 0x01021994, 1],
  ['NFS', 0x6969, 0],
  ['FUSE', 0x65735546, 0],
  ['CIFS', 0xff534d42, 0],
  ['nobody has heard of', 0x12345678, 0],
])(
  'on %s a small write is made here only if it cannot wait for others',
  async (_name, magic, atOnce) => {
    pretendFileSystem(magic);
    const path = `${directory}/elsewhere`;
    const other = await driver.open(path, {
      access: 'write',
      create: 'if-missing',
      direct: false,
      mode: 0o600,
    });
    const memory = driver.memory(4 * KIB);
    const cost = await costOf(() => other.write(memory, 0, 100, 0));
    expect(cost.atOnce).toBe(atOnce);
    await other.close();
  },
);
