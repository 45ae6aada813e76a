// The contract of memory and of the ends of things: releases and closes while work is in flight.

import { describe, expect, test } from 'vitest';

import { type CurrentWorld, expectIoError, get, memoryOf, open, put } from './contract-world.js';
import { type IoFile, MEMORY_ALIGNMENT } from './driver.js';

export function lifeContract(current: CurrentWorld): void {
  describe('memory', () => {
    memoryTests(current);
  });
  describe('close', () => {
    closeTests(current);
  });
}

function memoryTests(current: CurrentWorld): void {
  test('is zeroed and rounded up, also when used before', () => {
    const { driver } = current();
    for (const bytes of [1, 100, 4096, 4097, 65_536, 65_537, 1_000_000]) {
      for (let round = 0; round < 3; round += 1) {
        const memory = driver.memory(bytes);
        expect(memory.bytes.length).toBeGreaterThanOrEqual(bytes);
        expect(memory.bytes.length % MEMORY_ALIGNMENT).toBe(0);
        expect(memory.bytes.length - bytes).toBeLessThan(MEMORY_ALIGNMENT);
        expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
        memory.bytes.fill(0xff);
        memory.release();
      }
    }
  });

  test('two memories share nothing; a second release changes nothing', () => {
    const { driver } = current();
    const released = driver.memory(4096);
    released.release();
    const [first, second] = [driver.memory(4096), driver.memory(4096)];
    released.release();
    const third = driver.memory(4096);
    first.bytes.fill(1);
    second.bytes.fill(2);
    third.bytes.fill(3);
    expect(first.bytes.every((byte) => byte === 1)).toBe(true);
    expect(second.bytes.every((byte) => byte === 2)).toBe(true);
    for (const memory of [first, second, third]) memory.release();
  });

  test('released in flight, it stays as it was until the operation is done', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const bytes = 262_144;
    const writes = Array.from({ length: 20 }, (_, index) => {
      const memory = driver.memory(bytes);
      memory.bytes.fill(65 + index);
      const written = file.write(memory, 0, bytes, index * bytes);
      memory.release();
      return written;
    });
    // Would be the same bytes, were they given out again.
    const others = Array.from({ length: 20 }, () => driver.memory(bytes));
    for (const other of others) other.bytes.fill(0xee);
    expect(await Promise.all(writes)).toEqual(new Array(20).fill(bytes));
    for (let index = 0; index < 20; index += 1) {
      const text = await get(driver, file, index * bytes, bytes);
      expect(text === String.fromCharCode(65 + index).repeat(bytes)).toBe(true);
    }
    expect(others.every((other) => other.bytes.every((byte) => byte === 0xee))).toBe(true);
    for (const other of others) other.release();
    await file.close();
  });
}

function closeTests(current: CurrentWorld): void {
  test('twice is once', async () => {
    const file = await open(current(), 'log');
    await Promise.all([file.close(), file.close()]);
    await file.close();
  });

  test('waits for what is in flight, all of which lands', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    let settled = 0;
    const memory = memoryOf(driver, 'x'.repeat(8192));
    const operations = [
      ...Array.from({ length: 40 }, (_, index) => file.write(memory, 0, 8192, index * 8192)),
      file.write(memory, 0, 10, 400_000, { dsync: true }),
      file.sync(),
      file.allocate(500_000, 100_000),
    ].map((operation) =>
      operation.then(() => {
        settled += 1;
      }),
    );
    await file.close();
    expect(settled).toBe(operations.length);
    await Promise.all(operations);
    const back = await open(world, 'log');
    expect((await get(driver, back, 0, 40 * 8192)).replaceAll('x', '')).toBe('');
    expect(await back.size()).toBe(600_000);
    await back.close();
  });

  test('waits for a lone operation of each kind, whatever it is made of', async () => {
    const world = current();
    const { driver } = world;
    const memory = memoryOf(driver, 'x'.repeat(4096));
    for (let round = 0; round < 10; round += 1) {
      const operations = [
        (file: IoFile) => file.write(memory, 0, 4096, 0, { dsync: true }),
        (file: IoFile) => file.allocate(0, 3_000_000),
        (file: IoFile) => file.read(memory, 0, 100, 0),
        (file: IoFile) => file.truncate(10),
        (file: IoFile) => file.sync(),
        (file: IoFile) => file.size(),
      ];
      for (const operation of operations) {
        const file = await open(world, 'log');
        let settled = false;
        const done = operation(file).then(() => {
          settled = true;
        });
        await file.close();
        expect(settled).toBe(true);
        await done;
      }
    }
  });

  test('afterwards every operation is EBADF, and settles', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'text', 0);
    await file.close();
    const memory = driver.memory(16);
    await expectIoError(file.write(memory, 0, 4, 0), 'EBADF', file.path);
    await expectIoError(file.write(memory, 0, 4, 0, { dsync: true }), 'EBADF');
    await expectIoError(file.read(memory, 0, 4, 0), 'EBADF');
    await expectIoError(file.sync(), 'EBADF');
    await expectIoError(file.truncate(0), 'EBADF');
    await expectIoError(file.allocate(0, 4096), 'EBADF');
    await expectIoError(file.size(), 'EBADF');
    await file.dropCache();
    const back = await open(world, 'log');
    expect(await get(driver, back, 0, 16)).toBe('text');
    await back.close();
  });

  test('of the driver: twice is once', async () => {
    const { driver } = current();
    await driver.close();
    await driver.close();
  });
}
