// The contract of drivers, against io_uring.

import { driverContract } from './contract.js';
import { realHarness } from './test-world.js';
import { createUringDriver } from './uring.js';

driverContract(
  'uring',
  realHarness(() => createUringDriver()),
);
