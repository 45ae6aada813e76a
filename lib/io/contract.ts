// The driver contract: what every driver promises by the seam, as one suite of vitest tests that
// runs against each of them. A new driver comes with a harness and a call of `driverContract`.

import { afterEach, beforeEach, describe } from 'vitest';

import { directoryContract } from './contract-directories.js';
import { fileContract } from './contract-files.js';
import { durabilityContract } from './contract-durability.js';
import { lifeContract } from './contract-life.js';
import { timeContract } from './contract-time.js';
import type { DriverHarness, DriverWorld } from './contract-world.js';

export type { DriverHarness, DriverWorld } from './contract-world.js';

/** Declares the suite for one driver. Call it at the top of a test file. */
export function driverContract(name: string, harness: DriverHarness): void {
  describe(`driver contract: ${name}`, () => {
    let world: DriverWorld | undefined;
    const current = (): DriverWorld => {
      if (world === undefined) throw new Error('a test of the contract runs outside of it');
      return world;
    };
    beforeEach(async () => {
      world = await harness.start();
    });
    afterEach(async () => {
      await world?.dispose();
      world = undefined;
    });
    fileContract(current, harness);
    durabilityContract(current);
    directoryContract(current);
    lifeContract(current);
    timeContract(current);
  });
}
