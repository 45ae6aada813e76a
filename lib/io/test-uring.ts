// For tests that need io_uring: where it is refused they are skipped, and say why.

import { readdirSync, readlinkSync } from 'node:fs';

import type { TestContext } from 'vitest';

import { createUringDriver } from './uring.js';

let problem: string | undefined;
let known = false;

/** Why io_uring cannot be used here, or undefined. */
export function uringProblem(): string | undefined {
  if (known) return problem;
  known = true;
  try {
    const driver = createUringDriver();
    void driver.close();
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  return problem;
}

/** Skips the test, aloud, where io_uring cannot be used. */
export function requireUring(context: TestContext): void {
  const found = uringProblem();
  if (found !== undefined) context.skip(found);
}

/** Rings among the descriptors of this process; libuv may have some of its own. */
export function ringDescriptors(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.includes('io_uring')).length;
}
