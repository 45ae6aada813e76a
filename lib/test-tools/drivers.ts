// The drivers that the tests of the log run over, each in a suite of its own. What this kernel
// refuses is skipped with the reason, never passed.

import { beforeEach, describe } from 'vitest';

import type { IoDriver } from '../io/driver.js';
import { selectDriver } from '../io/select.js';

export const DRIVER_NAMES = ['threadpool', 'uring'] as const;

export type DriverName = (typeof DRIVER_NAMES)[number];

/** Defines the same tests once for each driver. */
export function forEachDriver(define: (driver: DriverName) => void): void {
  describe.each(DRIVER_NAMES)('%s', (driver) => {
    beforeEach(async (context) => {
      const problem = await problemOf(driver);
      if (problem !== undefined) context.skip(problem);
    });
    define(driver);
  });
}

/** A driver for a test to wrap; the test closes it. */
export function newDriver(name: DriverName): IoDriver {
  return selectDriver(name, {}).driver;
}

const problems = new Map<DriverName, string | undefined>();

async function problemOf(name: DriverName): Promise<string | undefined> {
  if (!problems.has(name)) {
    try {
      await newDriver(name).close();
      problems.set(name, undefined);
    } catch (error) {
      problems.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return problems.get(name);
}
