// The contract of what goes to the device and comes from it: syncs, dsync writes, O_DIRECT. That
// they survive a power loss is shown elsewhere (the simulator, and kernel tests); here, that they
// work together with everything else.

import { describe, expect, type TestContext, test } from 'vitest';

import { type CurrentWorld, expectIoError, get, memoryOf, open, put } from './contract-world.js';
import { type IoFile, MEMORY_ALIGNMENT } from './driver.js';

export function durabilityContract(current: CurrentWorld): void {
  describe('sync and dsync', () => {
    syncTests(current);
  });
  describe('past the cache', () => {
    pastCacheTests(current);
  });
  describe('O_DIRECT', () => {
    directTests(current);
  });
}

function syncTests(current: CurrentWorld): void {
  test('sync of an empty, a written and an unchanged file; many at once', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await file.sync();
    await put(driver, file, 'text', 0);
    await Promise.all([file.sync(), file.sync(), file.sync()]);
    await file.sync();
    expect(await get(driver, file, 0, 16)).toBe('text');
    await file.close();
  });

  test('dsync writes land like others, also many at once and mixed with others', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const memory = memoryOf(driver, '0123456789');
    const counts = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        file.write(memory, index, 1, index, { dsync: index % 2 === 0 }),
      ),
    );
    expect(counts).toEqual(new Array(10).fill(1));
    expect(await get(driver, file, 0, 16)).toBe('0123456789');
    expect(await file.write(memory, 0, 4, 20, { dsync: true })).toBe(4);
    expect(await file.size()).toBe(24);
    await file.close();
  });

  test('whether dsync is honoured is a plain yes or no', async () => {
    const file = await open(current(), 'log');
    expect(typeof file.honoursDsync).toBe('boolean');
    await file.close();
  });

  test('dropping the cache loses nothing, dirty or clean', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'dirty', 0);
    await file.dropCache();
    expect(await get(driver, file, 0, 16)).toBe('dirty');
    await file.sync();
    await file.dropCache();
    expect(await get(driver, file, 0, 16)).toBe('dirty');
    await file.close();
  });
}

function pastCacheTests(current: CurrentWorld): void {
  test('reads see what was just written through the cache', async (context) => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const unit = pastCacheUnit(file, context);
    const text = 'through the cache '.repeat(1000);
    await put(driver, file, text, 0);
    const length = Math.ceil(text.length / unit) * unit;
    expect(await get(driver, file, 0, length, { pastCache: true })).toBe(text);
    await put(driver, file, 'CHANGED', 4);
    const again = await get(driver, file, 0, length, { pastCache: true });
    expect(again.slice(0, 16)).toBe('throCHANGED cach');
    await file.close();
  });

  test('reads are cut at the end of the file, also from a unit within it', async (context) => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const unit = pastCacheUnit(file, context);
    await put(driver, file, 'z'.repeat(unit + 10), 0);
    expect(await get(driver, file, unit, unit, { pastCache: true })).toBe('z'.repeat(10));
    expect(await get(driver, file, 4 * unit, unit, { pastCache: true })).toBe('');
    await file.close();
  });

  test('a file opened for reading has them too', async (context) => {
    const world = current();
    const { driver } = world;
    const writer = await open(world, 'log');
    const unit = pastCacheUnit(writer, context);
    await put(driver, writer, 'for readers', 0);
    const reader = await open(world, 'log', { access: 'read', create: 'never' });
    expect(reader.pastCache?.unit).toBe(unit);
    expect(await get(driver, reader, 0, unit, { pastCache: true })).toBe('for readers');
    await reader.close();
    await writer.close();
  });
}

function directTests(current: CurrentWorld): void {
  test('not asked for: not told of', async () => {
    const file = await open(current(), 'log', { direct: false });
    expect(file.direct).toBeUndefined();
    await file.close();
  });

  test('granted with a usable unit, or refused with a reason; it writes and reads', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log', { direct: true });
    const block = directBlock(file) ?? MEMORY_ALIGNMENT;
    const memory = memoryOf(driver, 'd'.repeat(4 * block));
    expect(await file.write(memory, 0, 2 * block, 0)).toBe(2 * block);
    expect(await file.write(memory, block, block, 2 * block, { dsync: true })).toBe(block);
    await file.sync();
    expect(await file.size()).toBe(3 * block);
    expect(await get(driver, file, 0, 4 * block)).toBe('d'.repeat(3 * block));
    await file.close();
  });

  test('agrees with the page cache, truncation and allocation', async () => {
    const world = current();
    const { driver } = world;
    const cached = await open(world, 'log');
    const direct = await open(world, 'log', { direct: true });
    const block = directBlock(direct) ?? MEMORY_ALIGNMENT;
    await put(driver, cached, 'c'.repeat(3 * block), 0);
    const memory = memoryOf(driver, 'd'.repeat(block));
    expect(await direct.write(memory, 0, block, block)).toBe(block);
    const text = `${'c'.repeat(block)}${'d'.repeat(block)}${'c'.repeat(block)}`;
    expect(await get(driver, cached, 0, 4 * block)).toBe(text);
    await direct.truncate(block + 5);
    expect(await get(driver, direct, 0, 2 * block)).toBe(text.slice(0, block + 5));
    await direct.allocate(0, 2 * block + 1);
    expect(await direct.size()).toBe(2 * block + 1);
    const grown = await get(driver, direct, 0, 3 * block);
    expect(grown).toBe(text.slice(0, block + 5).padEnd(2 * block + 1, '\0'));
    await direct.close();
    await cached.close();
  });

  test('misaligned positions and lengths are EINVAL', async (context) => {
    const world = current();
    const file = await open(world, 'log', { direct: true });
    const block = directBlock(file);
    if (block === undefined) context.skip('O_DIRECT is refused here');
    const memory = world.driver.memory(4 * MEMORY_ALIGNMENT);
    const unit = block ?? MEMORY_ALIGNMENT;
    expect(await file.write(memory, 0, 2 * unit, 0)).toBe(2 * unit);
    await expectIoError(file.write(memory, 0, unit, 1), 'EINVAL');
    await expectIoError(file.write(memory, 0, unit - 1, 0), 'EINVAL');
    await expectIoError(file.read(memory, 0, unit, 1), 'EINVAL');
    await file.close();
  });
}

function pastCacheUnit(file: IoFile, context: TestContext): number {
  if (file.pastCache === undefined) context.skip('no reads past the cache on this file system');
  const unit = file.pastCache?.unit ?? 0;
  expectUnit(unit);
  return unit;
}

/** Undefined when O_DIRECT was refused, with a reason. */
function directBlock(file: IoFile): number | undefined {
  const { direct } = file;
  expect(direct).toBeDefined();
  if (direct === undefined) return undefined;
  if ('refused' in direct) {
    expect(direct.refused).not.toBe('');
    return undefined;
  }
  expectUnit(direct.blockBytes);
  return direct.blockBytes;
}

function expectUnit(bytes: number): void {
  expect(bytes).toBeGreaterThanOrEqual(512);
  expect(bytes).toBeLessThanOrEqual(MEMORY_ALIGNMENT);
  expect(Math.log2(bytes) % 1).toBe(0);
}
