// The contract of directory work and of the lock.

import { describe, expect, test } from 'vitest';

import { WalError } from '../errors.js';
import { type CurrentWorld, expectIoError, get, open, put } from './contract-world.js';

export function directoryContract(current: CurrentWorld): void {
  describe('directories', () => {
    listingTests(current);
    namingTests(current);
  });
  describe('lock', () => {
    lockTests(current);
  });
}

function listingTests(current: CurrentWorld): void {
  test('list is sorted and holds names alone', async () => {
    const world = current();
    const { driver, directory } = world;
    expect(await driver.list(directory)).toEqual([]);
    for (const name of ['b', 'a10', 'a9', 'B']) await (await open(world, name)).close();
    await driver.makeDirectory(`${directory}/c`);
    expect(await driver.list(directory)).toEqual(['B', 'a10', 'a9', 'b', 'c']);
    await expectIoError(driver.list(`${directory}/missing`), 'ENOENT', `${directory}/missing`);
    await expectIoError(driver.list(`${directory}/b`), 'ENOTDIR');
  });

  test('makeDirectory: fine when it is there, EEXIST on a file, ENOENT without parent', async () => {
    const world = current();
    const { driver, directory } = world;
    await driver.makeDirectory(`${directory}/d`);
    await driver.makeDirectory(`${directory}/d`);
    await (await open(world, 'd/log')).close();
    expect(await driver.list(`${directory}/d`)).toEqual(['log']);
    await expectIoError(driver.makeDirectory(`${directory}/d/log`), 'EEXIST');
    await expectIoError(driver.makeDirectory(`${directory}/missing/d`), 'ENOENT');
  });

  test('syncDirectory works, and is ENOENT where nothing is', async () => {
    const world = current();
    const { driver, directory } = world;
    await (await open(world, 'log')).close();
    await driver.syncDirectory(directory);
    await expectIoError(driver.syncDirectory(`${directory}/missing`), 'ENOENT');
  });
}

function namingTests(current: CurrentWorld): void {
  test('remove: gone for new ones, whole for those who have it open', async () => {
    const world = current();
    const { driver, directory } = world;
    const file = await open(world, 'log');
    await put(driver, file, 'still here', 0);
    await driver.remove(`${directory}/log`);
    expect(await driver.list(directory)).toEqual([]);
    expect(await get(driver, file, 0, 16)).toBe('still here');
    await file.close();
    await expectIoError(driver.remove(`${directory}/log`), 'ENOENT', `${directory}/log`);
  });

  test('rename replaces what is there; an open file keeps its bytes', async () => {
    const world = current();
    const { driver, directory } = world;
    const [from, to] = [await open(world, 'from'), await open(world, 'to')];
    await put(driver, from, 'new', 0);
    await put(driver, to, 'replaced', 0);
    await driver.rename(`${directory}/from`, `${directory}/to`);
    expect(await driver.list(directory)).toEqual(['to']);
    const opened = await open(world, 'to', { create: 'never' });
    expect(await get(driver, opened, 0, 16)).toBe('new');
    await put(driver, from, ' and more', 3);
    const memory = driver.memory(16);
    expect(await from.write(memory, 0, 1, 30, { dsync: true })).toBe(1);
    expect(await get(driver, opened, 0, 12)).toBe('new and more');
    expect(await opened.size()).toBe(31);
    expect(await get(driver, to, 0, 16)).toBe('replaced');
    await Promise.all([from.close(), to.close(), opened.close()]);
  });

  test('rename of a missing file is ENOENT', async () => {
    const { driver, directory } = current();
    await expectIoError(driver.rename(`${directory}/from`, `${directory}/to`), 'ENOENT');
  });
}

function lockTests(current: CurrentWorld): void {
  test('a second lock is refused until the first is released', async () => {
    const { driver, directory } = current();
    const path = `${directory}/log`;
    const lock = await driver.lock(path);
    expect(await driver.list(directory)).toEqual(['log.lock']);
    await expectLocked(driver.lock(path), path);
    await expectLocked(driver.lock(path), path);
    await lock.release();
    await lock.release();
    expect(await driver.list(directory)).toEqual([]);
    const again = await driver.lock(path);
    await again.release();
  });

  test('of many that lock at once, one wins', async () => {
    const { driver, directory } = current();
    const path = `${directory}/log`;
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => driver.lock(path)));
    const locks = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(locks).toHaveLength(1);
    await locks[0]?.release();
  });

  test('a second release of an old lock leaves the new one alone', async () => {
    const { driver, directory } = current();
    const path = `${directory}/log`;
    const old = await driver.lock(path);
    await old.release();
    const lock = await driver.lock(path);
    await old.release();
    await expectLocked(driver.lock(path), path);
    await lock.release();
  });

  test('other logs of the directory are free, and a missing directory is ENOENT', async () => {
    const { driver, directory } = current();
    const locks = await Promise.all(['a', 'b'].map((name) => driver.lock(`${directory}/${name}`)));
    await Promise.all(locks.map((lock) => lock.release()));
    await expectIoError(driver.lock(`${directory}/missing/log`), 'ENOENT');
  });

  test('the log can be read, written and renamed under its lock', async () => {
    const world = current();
    const { driver, directory } = world;
    const lock = await driver.lock(`${directory}/log`);
    const file = await open(world, 'log');
    await put(driver, file, 'mine', 0);
    expect(await get(driver, file, 0, 8)).toBe('mine');
    await file.close();
    await lock.release();
    expect(await driver.list(directory)).toEqual(['log']);
  });
}

async function expectLocked(promise: Promise<unknown>, path: string): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WalError);
  if (!(error instanceof WalError)) return;
  expect(error.code).toBe('ERR_WAL_LOCKED');
  expect(error.message).toContain(path);
}
