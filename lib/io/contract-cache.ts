// Whether syncs, dsync writes and reads past the cache are what they say: the kernel itself is
// asked, by cachestat(2) (Linux 6.5), which pages of a file are cached, and which are dirty.

import { execFileSync } from 'node:child_process';

import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest';

import { CREATE, put } from './contract-world.js';
import type { IoDriver, IoFile } from './driver.js';
import { selectDriver } from './select.js';
import { removeDirectory, skipWhereRefused, temporaryDirectory } from './test-world.js';

const LENGTH = 65_536;
const ROUNDS = 5;

/** Pages of the file in the page cache. */
interface CacheState {
  readonly cached: number;
  /** Not on the device yet: dirty, or on their way. */
  readonly dirty: number;
}

/** Drops the file's clean pages if asked to, then prints its {@link CacheState} as JSON. */
const SCRIPT = `
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
class Range(ctypes.Structure):
    _fields_ = [('offset', ctypes.c_uint64), ('length', ctypes.c_uint64)]
fields = ['cache', 'dirty', 'writeback', 'evicted', 'recently_evicted']
class Stat(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in fields]
fd = os.open(sys.argv[1], os.O_RDONLY)
if sys.argv[2] == 'evict':
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
stat = Stat()
SYS_CACHESTAT = 451
if libc.syscall(SYS_CACHESTAT, fd, ctypes.byref(Range(0, 0)), ctypes.byref(stat), 0) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print(json.dumps({'cached': stat.cache, 'dirty': stat.dirty + stat.writeback}))
`;

/** Declares the suite. */
export function cacheContract(name: 'threadpool' | 'uring'): void {
  if (skipWhereRefused(name)) return;
  describe(`what the page cache shows: ${name}`, () => {
    let directory: string;
    let driver: IoDriver;
    let file: IoFile;
    beforeEach(async () => {
      directory = await temporaryDirectory();
      driver = selectDriver(name, { ringSize: 8 }).driver;
      file = await driver.open(`${directory}/log`, CREATE);
    });
    afterEach(async () => {
      await file.close();
      await driver.close();
      await removeDirectory(directory);
    });

    test('a plain write is dirty until it is synced', async (context) => {
      skipUnlessTold(file, context);
      let dirty = 0;
      // The kernel may write it back by itself before we look, so look more than once.
      for (let round = 0; round < ROUNDS && dirty === 0; round += 1) {
        await put(driver, file, 'x'.repeat(LENGTH), round * LENGTH);
        ({ dirty } = cacheState(file));
      }
      expect(dirty).toBeGreaterThan(0);
      await file.sync();
      expect(cacheState(file).dirty).toBe(0);
    });

    test('a dsync write is clean when it is done', async (context) => {
      skipUnlessTold(file, context);
      const memory = driver.memory(LENGTH);
      for (let round = 0; round < ROUNDS; round += 1) {
        await file.write(memory, 0, LENGTH, round * LENGTH, { dsync: true });
        expect(cacheState(file).dirty).toBe(0);
      }
    });

    test('a direct write is in no cache, with dsync or without', async (context) => {
      skipUnlessTold(file, context);
      const direct = await driver.open(file.path, { ...CREATE, direct: true });
      const memory = driver.memory(LENGTH);
      await direct.write(memory, 0, LENGTH, 0);
      await direct.write(memory, 0, LENGTH, LENGTH, { dsync: true });
      expect(await direct.read(memory, 0, LENGTH, 0)).toBe(LENGTH);
      expect(cacheState(direct)).toEqual({ cached: 0, dirty: 0 });
      await direct.close();
    });

    test('a read past the cache writes back what is dirty and caches nothing', async (context) => {
      skipUnlessTold(file, context);
      await put(driver, file, 'x'.repeat(LENGTH), 0);
      const memory = driver.memory(LENGTH);
      await file.read(memory, 0, LENGTH, 0, { pastCache: true });
      expect(cacheState(file).dirty).toBe(0);
      await file.sync();
      expect(cacheState(file, 'evict').cached).toBe(0);
      await file.read(memory, 0, LENGTH, 0, { pastCache: true });
      expect(cacheState(file).cached).toBe(0);
      await file.read(memory, 0, LENGTH, 0);
      expect(cacheState(file).cached).toBeGreaterThan(0);
    });
  });
}

/** For tests that ask the kernel as well. */
export function skipUnlessTold(file: IoFile, context: TestContext): void {
  if (!file.honoursDsync) context.skip('a file system that is not known to honour dsync');
  if (file.pastCache === undefined) context.skip('a file system without O_DIRECT');
  try {
    cacheState(file);
  } catch (error) {
    context.skip(`the kernel does not tell (cachestat, Linux 6.5): ${String(error)}`);
  }
}

export function cacheState(file: IoFile, action: 'look' | 'evict' = 'look'): CacheState {
  const options = { encoding: 'utf8', stdio: 'pipe' } as const;
  return JSON.parse(
    execFileSync('python3', ['-c', SCRIPT, file.path, action], options),
  ) as CacheState;
}
