// The contracts of drivers against io_uring, on a second file system and by the page cache;
// uring.test.ts has the first file system.

import { cacheContract } from './contract-cache.js';
import { driverContract } from './contract.js';
import { MEMORY_FILE_SYSTEM, realHarness, skipWhereRefused } from './test-world.js';
import { createUringDriver } from './uring.js';

cacheContract('uring');

if (MEMORY_FILE_SYSTEM !== undefined && !skipWhereRefused('uring')) {
  driverContract(
    'uring, on a file system without known dsync',
    realHarness(() => createUringDriver({ ringSize: 8 }), MEMORY_FILE_SYSTEM),
  );
}
