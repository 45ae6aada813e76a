// What one tick's appends become: which of them the device has before the tick is over.

import { expect, test } from 'vitest';

import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { FaultyDriver } from './test-tools/faulty-driver.js';
import { freshLog } from './test-tools/logs.js';
import { entryOf, putOfSize } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

const BATCH_BYTES = 4096;

forEachDriver((name) => {
  /** Lengths of the writes within the tick of the appends, and of those after it. */
  async function writesOf(
    count: number,
    recordBytes: number,
    sync: boolean,
  ): Promise<{ within: number[]; after: number[] }> {
    const driver = new FaultyDriver(newDriver(name));
    const writer = await UringWalWriter.open(freshLog(), {
      driver,
      batchSize: BATCH_BYTES,
      preallocateBytes: 0,
    });
    const lengths = (): number[] =>
      driver.operations.filter(({ kind }) => kind === 'write').map(({ length }) => length);
    const appends = Array.from({ length: count }, (_, at) =>
      writer.append(entryOf(putOfSize(at + 1, recordBytes)), { sync }),
    );
    const within = lengths();
    await Promise.all(appends);
    const after = lengths().slice(within.length);
    await writer.close();
    await driver.close();
    return { within, after };
  }

  test.each([true, false])('small records, sync %s: the first batch size at once', async (sync) => {
    const { within, after } = await writesOf(100, 256, sync);
    expect(within).toEqual([BATCH_BYTES]);
    // While that is in flight, batches that fill up grow.
    expect(after).toEqual([4096, 8192, 9216]);
  });

  test('less than that waits for the end of the tick', async () => {
    const { within, after } = await writesOf(16, 256, true);
    expect(within).toEqual([]);
    expect(after).toEqual([BATCH_BYTES]);
  });

  test('larger records that are to be durable share one write and one sync', async () => {
    const { within, after } = await writesOf(7, 512, true);
    expect(within).toEqual([]);
    expect(after).toEqual([7 * 512]);
  });

  test('larger records that are to be written do not wait for each other', async () => {
    const { within } = await writesOf(12, 512, false);
    expect(within).toEqual([BATCH_BYTES]);
  });
});
