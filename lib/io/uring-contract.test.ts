// The contracts of drivers against io_uring, on a second file system and against the failures of
// a real kernel; uring.test.ts has the first file system.

import { describe, test } from 'vitest';

import { cacheContract } from './contract-cache.js';
import { driverContract } from './contract.js';
import { kernelContract } from './contract-kernel.js';
import { selectDriver } from './select.js';
import { MEMORY_FILE_SYSTEM, realHarness } from './test-world.js';
import { createUringDriver } from './uring.js';

const { driver } = selectDriver('auto', { ringSize: 8 });
const { name, fallbackReason } = driver;
await driver.close();

if (name === 'uring') {
  kernelContract('uring');
  cacheContract('uring');
  if (MEMORY_FILE_SYSTEM !== undefined) {
    driverContract(
      'uring, on a file system without known dsync',
      realHarness(() => createUringDriver({ ringSize: 8 }), MEMORY_FILE_SYSTEM),
    );
  }
} else {
  describe('driver contract: uring', () => {
    test('io_uring is refused', (context) => {
      context.skip(fallbackReason ?? 'no reason given');
    });
  });
}
