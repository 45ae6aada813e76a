// The contract of opening, writing, reading and sizing a file.

import { describe, expect, test } from 'vitest';

import type { CurrentWorld, DriverHarness } from './contract-world.js';
import { expectIoError, get, memoryOf, open, put } from './contract-world.js';
import { MEMORY_ALIGNMENT } from './driver.js';

/** More than any ring that a harness sets up. */
const CONCURRENT = 600;

export function fileContract(current: CurrentWorld, { symlink }: DriverHarness): void {
  describe('opening', () => {
    openingTests(current);
    if (symlink !== undefined) symlinkTests(current, symlink);
  });
  describe('writing and reading', () => {
    transferTests(current);
  });
  describe('many at once', () => {
    concurrencyTests(current);
  });
  describe('size', () => {
    sizeTests(current);
  });
}

function openingTests(current: CurrentWorld): void {
  test('never: ENOENT when missing, opened when there', async () => {
    const world = current();
    const path = `${world.directory}/log`;
    await expectIoError(open(world, 'log', { create: 'never' }), 'ENOENT', path);
    await (await open(world, 'log')).close();
    const file = await open(world, 'log', { create: 'never' });
    expect(file.created).toBe(false);
    expect(file.path).toBe(path);
    await file.close();
  });

  test('if-missing: says whether it created, and keeps what is there', async () => {
    const world = current();
    const first = await open(world, 'log');
    expect(first.created).toBe(true);
    await put(world.driver, first, 'kept', 0);
    await first.close();
    const second = await open(world, 'log');
    expect(second.created).toBe(false);
    expect(await get(world.driver, second, 0, 16)).toBe('kept');
    await second.close();
  });

  test('exclusive: EEXIST when there', async () => {
    const world = current();
    const file = await open(world, 'log', { create: 'exclusive' });
    expect(file.created).toBe(true);
    await file.close();
    const path = `${world.directory}/log`;
    await expectIoError(open(world, 'log', { create: 'exclusive' }), 'EEXIST', path);
  });

  test('of many that open a missing file at once, one created it', async () => {
    const world = current();
    const files = await Promise.all(Array.from({ length: 16 }, () => open(world, 'log')));
    expect(files.filter((file) => file.created)).toHaveLength(1);
    await Promise.all(files.map((file) => file.close()));
  });

  test('a directory is no file', async () => {
    const world = current();
    await world.driver.makeDirectory(`${world.directory}/d`);
    await expectIoError(open(world, 'd'), 'EISDIR');
    await expectIoError(open(world, 'd', { create: 'never', access: 'read' }), 'EISDIR');
    await expectIoError(open(world, 'd', { create: 'exclusive' }), ['EEXIST', 'EISDIR']);
  });

  test('a missing directory is ENOENT, a file in its place ENOTDIR', async () => {
    const world = current();
    await expectIoError(open(world, 'missing/log'), 'ENOENT');
    await (await open(world, 'file')).close();
    await expectIoError(open(world, 'file/log'), 'ENOTDIR');
  });

  test('a file opened for reading refuses writes', async () => {
    const world = current();
    const { driver } = world;
    const writer = await open(world, 'log');
    await put(driver, writer, 'text', 0);
    const reader = await open(world, 'log', { access: 'read', create: 'never' });
    expect(await get(driver, reader, 0, 4)).toBe('text');
    await expectIoError(reader.write(memoryOf(driver, 'x'), 0, 1, 0), ['EBADF', 'EPERM']);
    expect(await get(driver, reader, 0, 4)).toBe('text');
    await reader.close();
    await writer.close();
  });
}

function symlinkTests(current: CurrentWorld, symlink: NonNullable<DriverHarness['symlink']>): void {
  test('creating never follows a symlink', async () => {
    const world = current();
    await symlink(`${world.directory}/target`, `${world.directory}/link`);
    await expectIoError(open(world, 'link', { create: 'exclusive' }), ['EEXIST', 'ELOOP']);
    await expectIoError(open(world, 'link'), ['EEXIST', 'ELOOP']);
    expect(await world.driver.list(world.directory)).toEqual(['link']);
  });
}

function transferTests(current: CurrentWorld): void {
  test('what was written is read, from within memories and files', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const from = memoryOf(driver, '..payload..');
    expect(await file.write(from, 2, 7, 1000)).toBe(7);
    const to = memoryOf(driver, '-----------');
    expect(await file.read(to, 3, 7, 1000)).toBe(7);
    expect(Buffer.from(to.bytes.subarray(0, 11)).toString()).toBe('---payload-');
    await file.close();
  });

  test('a read is cut at the end of the file, and 0 at and beyond it', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    expect(await get(driver, file, 0, 8)).toBe('');
    await put(driver, file, 'abcdef', 0);
    expect(await get(driver, file, 4, 8)).toBe('ef');
    expect(await get(driver, file, 6, 8)).toBe('');
    expect(await get(driver, file, 60_000, 8)).toBe('');
    await file.close();
  });

  test('a write beyond the end leaves zeros before it', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'ab', 0);
    await put(driver, file, 'yz', 5000);
    expect(await file.size()).toBe(5002);
    const text = await get(driver, file, 0, 6000);
    expect(text).toBe(`ab${'\0'.repeat(4998)}yz`);
    await file.close();
  });

  test('the later of two writes that overlap stands', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'aaaaaaaa', 0);
    await put(driver, file, 'bbbb', 2);
    await put(driver, file, 'cc', 5);
    expect(await get(driver, file, 0, 16)).toBe('aabbbcca');
    await file.close();
  });

  test('writes and reads of 0 bytes are 0 and change nothing', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const memory = memoryOf(driver, 'x');
    expect(await file.write(memory, 0, 0, 100)).toBe(0);
    expect(await file.read(memory, 0, 0, 0)).toBe(0);
    expect(await file.size()).toBe(0);
    await file.close();
  });

  test('two files open on one path see each other’s writes', async () => {
    const world = current();
    const { driver } = world;
    const [first, second] = [await open(world, 'log'), await open(world, 'log')];
    await put(driver, first, 'from the first', 0);
    expect(await get(driver, second, 0, 32)).toBe('from the first');
    await put(driver, second, 'second', 9);
    expect(await get(driver, first, 0, 32)).toBe('from the second');
    await first.close();
    await second.close();
  });
}

function concurrencyTests(current: CurrentWorld): void {
  test('more writes in flight than any ring holds: each lands whole', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    const bytes = CONCURRENT * 16;
    const memory = driver.memory(bytes);
    for (let index = 0; index < CONCURRENT; index += 1) memory.bytes.fill(index, index * 16);
    const places = Array.from({ length: CONCURRENT }, (_, index) => index * 16);
    const counts = await Promise.all(places.map((at) => file.write(memory, at, 16, at)));
    expect(counts.every((count) => count === 16)).toBe(true);
    const back = driver.memory(bytes);
    const reads = await Promise.all(places.map((at) => file.read(back, at, 16, at)));
    expect(reads.every((count) => count === 16)).toBe(true);
    const [read, written] = [back.bytes.subarray(0, bytes), memory.bytes.subarray(0, bytes)];
    expect(Buffer.compare(read, written)).toBe(0);
    await file.close();
  });

  test('operations of every kind, on several files at once, all settle', async () => {
    const world = current();
    const { driver } = world;
    const names = Array.from({ length: 12 }, (_, index) => `log-${String(index)}`);
    const files = await Promise.all(names.map((name) => open(world, name)));
    const texts = names.map((name) => name.repeat(100));
    await Promise.all(files.map((file, index) => put(driver, file, texts[index] ?? '', 0)));
    await Promise.all(files.flatMap((file) => [file.sync(), file.size(), file.allocate(0, 9000)]));
    const read = await Promise.all(files.map((file) => get(driver, file, 0, 500)));
    expect(read.every((text, index) => text === texts[index]?.slice(0, 500))).toBe(true);
    await Promise.all(files.map((file) => file.close()));
  });

  test('one write larger than a megabyte', async () => {
    const world = current();
    const { driver } = world;
    const bytes = 3 * 1024 * 1024 + 4096;
    const file = await open(world, 'log');
    const memory = driver.memory(bytes);
    for (let at = 0; at < bytes; at += 509) memory.bytes[at] = at % 251;
    expect(await file.write(memory, 0, bytes, 7)).toBe(bytes);
    const back = driver.memory(bytes);
    expect(await file.read(back, 0, bytes, 7)).toBe(bytes);
    expect(Buffer.compare(back.bytes, memory.bytes)).toBe(0);
    await file.close();
  });
}

function sizeTests(current: CurrentWorld): void {
  test('what a truncation cut reads as zeros once the file grows again', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'x'.repeat(10_000), 0);
    await file.truncate(3);
    expect(await file.size()).toBe(3);
    expect(await get(driver, file, 0, 16)).toBe('xxx');
    await file.truncate(10_000);
    expect(await file.size()).toBe(10_000);
    expect(await get(driver, file, 0, 10_000)).toBe('xxx'.padEnd(10_000, '\0'));
    await file.close();
  });

  test('allocate grows with zeros and never overwrites', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'data', 0);
    await file.allocate(0, 3 * MEMORY_ALIGNMENT);
    expect(await file.size()).toBe(3 * MEMORY_ALIGNMENT);
    const text = await get(driver, file, 0, 3 * MEMORY_ALIGNMENT);
    expect(text).toBe('data'.padEnd(3 * MEMORY_ALIGNMENT, '\0'));
    await file.close();
  });

  test('allocate within the file changes nothing; beyond its end it leaves zeros', async () => {
    const world = current();
    const { driver } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'y'.repeat(9000), 0);
    await file.allocate(100, 1000);
    expect(await file.size()).toBe(9000);
    await file.allocate(20_000, 5000);
    expect(await file.size()).toBe(25_000);
    expect(await get(driver, file, 0, 25_000)).toBe('y'.repeat(9000).padEnd(25_000, '\0'));
    await file.close();
  });
}
