// What a flush costs: a sync for what is not durable yet, nothing for what is.

import { expect, test } from 'vitest';

import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { FaultyDriver } from './test-tools/faulty-driver.js';
import { freshLog } from './test-tools/logs.js';
import { entryOf, samplePut } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

forEachDriver((name) => {
  test('a flush of what is durable asks the driver for nothing', async () => {
    const driver = new FaultyDriver(newDriver(name));
    const writer = await UringWalWriter.open(freshLog(), { driver });
    await writer.append(entryOf(samplePut(1)));
    const syncs = (): number => driver.operations.filter(({ kind }) => kind === 'sync').length;
    const before = syncs();
    await writer.flush();
    expect(syncs()).toBe(before + 1);
    await Promise.all(Array.from({ length: 10 }, () => writer.flush()));
    expect(syncs()).toBe(before + 1);
    await writer.close();
    await driver.close();
  });
});
