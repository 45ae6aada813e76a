// A temporary directory on the real file system, for tests of the drivers on a real kernel.

import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { DriverHarness } from './contract-world.js';
import type { IoDriver } from './driver.js';

/** A fresh directory under the system's own; the caller removes it. */
export function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'uring-wal-'));
}

export function removeDirectory(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** Gives every test a driver of its own and an empty directory. */
export function realHarness(createDriver: () => IoDriver | Promise<IoDriver>): DriverHarness {
  return {
    start: async () => {
      const directory = await temporaryDirectory();
      const driver = await createDriver();
      return {
        driver,
        directory,
        symlink: (target, path) => symlink(target, path),
        dispose: async () => {
          await driver.close();
          await removeDirectory(directory);
        },
      };
    },
  };
}
