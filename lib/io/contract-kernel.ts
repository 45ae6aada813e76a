// What a driver on the real kernel makes of the failures of a real system: a full device, limits,
// read-only file systems, missing rights. What needs a privilege is skipped aloud without it.

import { execFile, execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest';

import { CREATE, expectIoError } from './contract-world.js';
import type { IoDriver, IoFile } from './driver.js';
import { selectDriver } from './select.js';
import { removeDirectory, skipWhereRefused, temporaryDirectory } from './test-world.js';

const CHILD = fileURLToPath(new URL('./test-kernel-child.js', import.meta.url));
const MEBIBYTE = 1024 * 1024;

interface Place {
  readonly driver: IoDriver;
  readonly directory: string;
}

/** Declares the suite. */
export function kernelContract(name: 'threadpool' | 'uring'): void {
  if (skipWhereRefused(name)) return;
  describe(`a real kernel's failures: ${name}`, () => {
    let place: Place;
    beforeEach(async () => {
      const { driver } = selectDriver(name, { ringSize: 8 });
      place = { driver, directory: await temporaryDirectory() };
    });
    afterEach(async () => {
      await place.driver.close();
      await removeDirectory(place.directory);
    });
    deviceTests(() => place);
    limitTests(name, () => place);
    fullFileSystemTests(() => place);
    rightsTests(name, () => place);
  });
}

function deviceTests(current: () => Place): void {
  test('a pipe or a device is refused, and a pipe does not wait for its other end', async () => {
    const { driver, directory } = current();
    execFileSync('mkfifo', [`${directory}/pipe`]);
    const read = { ...CREATE, access: 'read', create: 'never' } as const;
    for (const path of [`${directory}/pipe`, '/dev/full', '/dev/null']) {
      await expectIoError(driver.open(path, CREATE), 'EINVAL', path);
      await expectIoError(driver.open(path, read), 'EINVAL', path);
    }
  });

  test('a name that is too long', async () => {
    const { driver, directory } = current();
    const path = `${directory}/${'n'.repeat(300)}`;
    await expectIoError(driver.open(path, CREATE), 'ENAMETOOLONG', path);
    await expectIoError(driver.lock(path), 'ENAMETOOLONG');
    await expectIoError(driver.makeDirectory(path), 'ENAMETOOLONG');
  });

  test('a created file has the mode asked for, whatever is there keeps its own', async () => {
    const { driver, directory } = current();
    const path = `${directory}/log`;
    await (await driver.open(path, CREATE)).close();
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await (await driver.open(path, { ...CREATE, mode: 0o640 })).close();
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await driver.makeDirectory(`${directory}/d`);
    expect(fs.statSync(`${directory}/d`).mode & 0o777).toBe(0o700);
  });
}

function limitTests(name: string, current: () => Place): void {
  test('a file size limit: a short write, then EFBIG, then on when it is lifted', async () => {
    const { directory } = current();
    const path = `${directory}/log`;
    const results = await runLimited('RLIMIT_FSIZE', 65_536, [name, 'fileSizeLimit', path]);
    expect(results).toEqual([
      40_960,
      24_576,
      'IoError EFBIG write',
      'IoError EFBIG write',
      true,
      24_576,
      'IoError EFBIG fallocate',
      'IoError EFBIG ftruncate',
      65_536,
      'done',
      40_960,
      'done',
      120_000,
    ]);
    const bytes = fs.readFileSync(path);
    expect(bytes.subarray(0, 106_496).every((byte) => byte === 7)).toBe(true);
    expect(bytes.subarray(106_496).every((byte) => byte === 0)).toBe(true);
  });

  test('a descriptor limit: EMFILE, nothing leaks, and on when there are some', async () => {
    const { directory } = current();
    const path = `${directory}/log`;
    const results = await runLimited('RLIMIT_NOFILE', 80, [name, 'descriptorLimit', path]);
    expect(results[0]).toBe('IoError EMFILE open');
    expect(results[1]).toMatch(/^IoError EMFILE|^done$/);
    expect(results.slice(2)).toEqual([true, 0, 'done']);
    expect(fs.readdirSync(directory).filter((each) => each.endsWith('.new'))).toEqual([]);
  });
}

/** Runs test-kernel-child.js under a limit, with SIGXFSZ ignored. */
async function runLimited(limit: string, value: number, args: string[]): Promise<unknown[]> {
  const launcher =
    'import os, resource, signal, sys\n' +
    'signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n' +
    `limit = resource.${limit}\n` +
    // Node raises its own limit of descriptors as far as it may.
    'hard = limit == resource.RLIMIT_NOFILE\n' +
    `value = ${String(value)}\n` +
    'resource.setrlimit(limit, (value, value if hard else resource.getrlimit(limit)[1]))\n' +
    'os.execv(sys.argv[1], sys.argv[1:])\n';
  const command = ['-c', launcher, process.execPath, CHILD, ...args];
  const { stdout } = await promisify(execFile)('python3', command);
  return JSON.parse(stdout) as unknown[];
}

function fullFileSystemTests(current: () => Place): void {
  const cases = [
    ['tmpfs', (at: string) => mountTmpfs(at)],
    ['ext4', (at: string) => mountExt4(at)],
  ] as const;
  describe.each(cases)('a small %s', (_kind, mountAt) => {
    test('full: short write or ENOSPC; with space again it goes on', async (context) => {
      const { driver, directory } = current();
      const unmount = mountOrSkip(context, mountAt, directory);
      try {
        await fillAndFree(driver, `${directory}/small`);
      } finally {
        unmount();
      }
    });

    test('read-only: EROFS for all that changes, reads work', async (context) => {
      const { driver, directory } = current();
      const unmount = mountOrSkip(context, mountAt, directory);
      try {
        await readOnly(driver, `${directory}/small`);
      } finally {
        unmount();
      }
    });
  });
}

async function fillAndFree(driver: IoDriver, small: string): Promise<void> {
  const ballast = `${small}/ballast`;
  fs.writeFileSync(ballast, Buffer.alloc(MEBIBYTE, 1));
  const file = await driver.open(`${small}/log`, CREATE);
  const memory = driver.memory(MEBIBYTE);
  memory.bytes.fill(5);
  const written = await writeUntilFull(file, memory);
  expect(written).toBeGreaterThan(0);
  await expectIoError(file.allocate(written, 64 * MEBIBYTE), 'ENOSPC');
  await file.truncate(written);
  expect(await file.size()).toBe(written);
  fs.unlinkSync(ballast);
  expect(await file.write(memory, 0, 65_536, written)).toBe(65_536);
  await file.sync();
  await file.allocate(written, 262_144);
  expect(await file.write(memory, 0, 262_144, written, { dsync: true })).toBe(262_144);
  await file.close();
  const bytes = fs.readFileSync(`${small}/log`);
  expect(bytes.length).toBe(written + 262_144);
  expect(bytes.every((byte) => byte === 5)).toBe(true);
}

/** Bytes that went in before ENOSPC. */
async function writeUntilFull(
  file: IoFile,
  memory: ReturnType<IoDriver['memory']>,
): Promise<number> {
  let position = 0;
  for (let round = 0; round < 1000; round += 1) {
    const write = file.write(memory, 0, memory.bytes.length, position);
    const count = await write.catch(() => undefined);
    if (count === undefined) {
      await expectIoError(file.write(memory, 0, memory.bytes.length, position), 'ENOSPC');
      return position;
    }
    position += count;
  }
  throw new Error('a small file system never filled up');
}

async function readOnly(driver: IoDriver, small: string): Promise<void> {
  fs.writeFileSync(`${small}/log`, 'text');
  fs.mkdirSync(`${small}/d`);
  execFileSync('mount', ['-o', 'remount,ro', small]);
  await expectIoError(driver.open(`${small}/log`, CREATE), 'EROFS');
  await expectIoError(driver.open(`${small}/new`, CREATE), 'EROFS');
  await expectIoError(driver.lock(`${small}/log`), 'EROFS');
  await expectIoError(driver.makeDirectory(`${small}/new`), 'EROFS');
  await driver.makeDirectory(`${small}/d`);
  await expectIoError(driver.remove(`${small}/log`), 'EROFS');
  await expectIoError(driver.rename(`${small}/log`, `${small}/to`), 'EROFS');
  const read = { ...CREATE, access: 'read', create: 'never' } as const;
  const file = await driver.open(`${small}/log`, read);
  const memory = driver.memory(4096);
  expect(await file.read(memory, 0, 16, 0)).toBe(4);
  await file.close();
}

/** Mounts on `<directory>/small`; skips the test aloud where that is not allowed. */
function mountOrSkip(
  context: TestContext,
  mountAt: (at: string) => void,
  directory: string,
): () => void {
  const at = `${directory}/small`;
  fs.mkdirSync(at);
  try {
    mountAt(at);
  } catch (error) {
    context.skip(`mounting a small file system is not allowed here: ${String(error)}`);
  }
  return () => {
    execFileSync('umount', [at]);
  };
}

function mountTmpfs(at: string): void {
  const options = ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', at];
  execFileSync('mount', options, { stdio: 'pipe' });
}

function mountExt4(at: string): void {
  const image = `${at}.image`;
  fs.writeFileSync(image, '');
  fs.truncateSync(image, 8 * MEBIBYTE);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image], { stdio: 'pipe' });
  execFileSync('mount', ['-o', 'loop', image, at], { stdio: 'pipe' });
}

function rightsTests(name: string, current: () => Place): void {
  test('as another user: EACCES, and a foreign lock is seen', async (context) => {
    if (process.getuid?.() !== 0) context.skip('becoming another user needs root');
    const { driver, directory } = current();
    prepareRights(directory);
    const lock = await driver.lock(`${directory}/held`);
    const command = [CHILD, name, 'otherUser', directory];
    const { stdout } = await promisify(execFile)(process.execPath, command);
    const results = JSON.parse(stdout) as unknown[];
    expect(results.slice(0, 10)).toEqual([
      'IoError EACCES open',
      'IoError EACCES open',
      'IoError EACCES open',
      'done',
      'IoError EACCES scandir',
      'IoError EACCES mkdir',
      'IoError EACCES unlink',
      'IoError EACCES rename',
      'IoError EACCES open',
      'IoError EACCES open',
    ]);
    expect(results[10]).toMatch(/^IoError EACCES|^WalError ERR_WAL_LOCKED/);
    expect(results.slice(11)).toEqual([10, 'done', 'done']);
    await lock.release();
  });
}

function prepareRights(directory: string): void {
  fs.chmodSync(directory, 0o755);
  fs.writeFileSync(`${directory}/private`, 'x', { mode: 0o600 });
  fs.writeFileSync(`${directory}/readable`, 'x', { mode: 0o644 });
  fs.mkdirSync(`${directory}/closed`, { mode: 0o700 });
}
