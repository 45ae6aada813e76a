import { driverContract } from './contract.js';
import { realHarness } from './test-world.js';
import { createThreadpoolDriver } from './threadpool.js';

driverContract(
  'threadpool',
  realHarness(() => createThreadpoolDriver()),
);
