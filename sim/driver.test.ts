import { driverContract } from '../lib/io/contract.js';
import { Choices } from './choices.js';
import { SimDriver } from './driver.js';
import { SimEnvironment } from './environment.js';
import type { FaultName } from './faults.js';
import { pump } from './pump.js';

let seed = 0;

driverContract('simulated', {
  start: async () => {
    seed += 1;
    const fileSystem = { profile: 'ext4', direct: true, honoursDsync: true } as const;
    const none = new Set<FaultName>();
    const environment = new SimEnvironment(Choices.fromSeed(seed), fileSystem, none);
    const driver = new SimDriver(environment);
    pump(driver);
    await driver.makeDirectory('/contract');
    await driver.syncDirectory('/');
    return {
      driver,
      directory: '/contract',
      dispose: () => driver.close(),
    };
  },
});
