// A temporary directory on the real file system, for tests of the drivers on a real kernel.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { test } from 'vitest';

import type { DriverHarness } from './contract-world.js';
import type { IoDriver } from './driver.js';
import { selectDriver } from './select.js';

/** A fresh directory, by default under the system's own; the caller removes it. */
export function temporaryDirectory(under: string = tmpdir()): Promise<string> {
  return mkdtemp(join(under, 'uring-wal-'));
}

export function removeDirectory(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/**
 * Another file system than that of the temporary directory, usually: one of memory, without known
 * dsync. Undefined where there is none.
 */
export const MEMORY_FILE_SYSTEM: string | undefined = existsSync('/dev/shm')
  ? '/dev/shm'
  : undefined;

/** Gives every test a driver of its own and an empty directory. */
export function realHarness(
  createDriver: () => IoDriver | Promise<IoDriver>,
  under?: string,
): DriverHarness {
  return {
    symlink,
    start: async () => {
      const directory = await temporaryDirectory(under);
      const driver = await createDriver();
      return {
        driver,
        directory,
        dispose: async () => {
          await driver.close();
          await removeDirectory(directory);
        },
      };
    },
  };
}

/**
 * For suites of a driver that may be refused here: declares one test that is skipped aloud with the
 * reason, and returns true, where it is.
 */
export function skipWhereRefused(name: 'threadpool' | 'uring'): boolean {
  try {
    void selectDriver(name, { ringSize: 8 }).driver.close();
    return false;
  } catch (error) {
    test(`the ${name} driver`, (context) => {
      context.skip(String(error));
    });
    return true;
  }
}
