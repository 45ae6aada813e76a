import * as fs from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { driverContract } from './contract.js';
import { CREATE } from './contract-world.js';
import type { IoFile } from './driver.js';
import {
  MEMORY_FILE_SYSTEM,
  realHarness,
  removeDirectory,
  temporaryDirectory,
} from './test-world.js';
import { createThreadpoolDriver } from './threadpool.js';
import { takeMemory } from './wasm-memory.js';

driverContract(
  'threadpool',
  realHarness(() => createThreadpoolDriver()),
);

if (MEMORY_FILE_SYSTEM !== undefined) {
  driverContract(
    'threadpool, on a file system without known dsync',
    realHarness(() => createThreadpoolDriver(), MEMORY_FILE_SYSTEM),
  );
}

const onLinux = process.platform === 'linux';

describe('the thread-pool driver', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => removeDirectory(directory));

  test('says its name, and why it was taken', () => {
    expect(createThreadpoolDriver().name).toBe('threadpool');
    expect(createThreadpoolDriver().fallbackReason).toBeUndefined();
    expect(createThreadpoolDriver({ fallbackReason: 'why' }).fallbackReason).toBe('why');
  });

  test('dsync, direct and past-cache operations have descriptors of their kind', async (context) => {
    if (!onLinux) context.skip('descriptor flags are told by /proc');
    const driver = createThreadpoolDriver();
    const file = await driver.open(`${directory}/log`, { ...CREATE, direct: true });
    const probe = await driver.open(`${directory}/other`, CREATE);
    if (file.direct === undefined || 'refused' in file.direct || !file.honoursDsync) {
      context.skip('this file system has no O_DIRECT or no known dsync');
    }
    const { O_DIRECT, O_DSYNC } = fs.constants;
    expect(flagsOf(file, O_DIRECT | O_DSYNC)).toEqual([0, O_DIRECT]);
    expect(flagsOf(probe, O_DIRECT | O_DSYNC)).toEqual([0, O_DIRECT]);
    const memory = driver.memory(4096);
    await file.write(memory, 0, 4096, 0, { dsync: true });
    await probe.write(memory, 0, 4096, 0, { dsync: true });
    expect(flagsOf(file, O_DIRECT | O_DSYNC)).toEqual([0, O_DIRECT, O_DIRECT | O_DSYNC]);
    expect(flagsOf(probe, O_DIRECT | O_DSYNC)).toEqual([0, O_DSYNC, O_DIRECT]);
    await file.close();
    await probe.close();
    expect(flagsOf(file, O_DIRECT | O_DSYNC)).toEqual([]);
  });

  test('O_DIRECT that is refused says why, and the file works without', async (context) => {
    if (!onLinux) context.skip('a file of /proc has no O_DIRECT');
    const driver = createThreadpoolDriver();
    const path = '/proc/self/comm';
    const file = await driver.open(path, { ...CREATE, create: 'never', direct: true });
    expect(file.direct).toMatchObject({ refused: expect.stringContaining('EINVAL') as string });
    expect(file.pastCache).toBeUndefined();
    expect(file.honoursDsync).toBe(false);
    const memory = driver.memory(4096);
    expect(await file.read(memory, 0, 1, 1)).toBe(1);
    const past = file.read(memory, 0, 4096, 0, { pastCache: true });
    await expect(past).rejects.toMatchObject({ code: 'EINVAL' });
    await file.close();
  });

  test('memory beyond all bounds is a RangeError; misuse is caught', async () => {
    const driver = createThreadpoolDriver();
    expect(() => driver.memory(2 ** 40)).toThrow(RangeError);
    expect(() => driver.memory(0)).toThrow('broken invariant');
    const file = await driver.open(`${directory}/log`, CREATE);
    const memory = driver.memory(4096);
    expect(() => file.write(memory, 4000, 97, 0)).toThrow('broken invariant');
    expect(() => file.write(memory, -1, 1, 0)).toThrow('broken invariant');
    expect(() => file.read(memory, 0, 1, -1)).toThrow('broken invariant');
    memory.release();
    await expect(file.write(memory, 0, 1, 0)).rejects.toThrow('after its release');
    await file.close();
  });

  test('released memory is used again, up to a bound', () => {
    const first = takeMemory(300_000);
    const { buffer } = first.bytes;
    first.release();
    const second = takeMemory(290_000);
    expect(second.bytes.buffer).toBe(buffer);
    const large = Array.from({ length: 40 }, () => takeMemory(1024 * 1024));
    const before = new Set(large.map((memory) => memory.bytes.buffer));
    for (const memory of large) memory.release();
    const after = Array.from({ length: 40 }, () => takeMemory(1024 * 1024));
    const reused = after.filter((memory) => before.has(memory.bytes.buffer));
    expect(reused.length).toBeGreaterThan(0);
    expect(reused.length).toBeLessThanOrEqual(16);
  });

  test('nothing keeps the process alive, and no descriptor is left', async (context) => {
    if (!onLinux) context.skip('descriptors are told by /proc');
    const driver = createThreadpoolDriver();
    const before = fs.readdirSync('/proc/self/fd').length;
    for (const direct of [false, true]) {
      const file = await driver.open(`${directory}/log`, { ...CREATE, direct });
      await file.write(driver.memory(4096), 0, 4096, 0, { dsync: true });
      await file.close();
    }
    await driver.open(directory, CREATE).catch(() => undefined);
    await driver
      .open(`${directory}/log`, { ...CREATE, create: 'exclusive' })
      .catch(() => undefined);
    await driver.syncDirectory(directory);
    await driver.close();
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });
});

/** The flags in `mask` of each open descriptor of the file, sorted. */
function flagsOf(file: IoFile, mask: number): number[] {
  return fs
    .readdirSync('/proc/self/fd')
    .filter((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`) === file.path;
      } catch {
        return false;
      }
    })
    .map((fd) => {
      const info = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
      return parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8) & mask;
    })
    .sort((a, b) => a - b);
}
