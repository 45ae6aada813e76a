// A writer in each of several threads, all at work at once, beside one of the main thread: each
// thread has a ring of its own, and none disturbs another.

import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { expect, test } from 'vitest';

import { ringDescriptors } from './io/test-uring.js';
import type { AppendingWork } from './test-tools/appending-worker.js';
import { forEachDriver } from './test-tools/drivers.js';
import { appendAll, expectLog, expectNothingHeld, freshDirectory } from './test-tools/logs.js';
import { samplePuts } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

const WORKERS = 6;
const RECORDS = 500;

forEachDriver((driver) => {
  test('a writer in each of six workers, and one beside them', async () => {
    const directory = freshDirectory();
    const names = Array.from({ length: WORKERS + 1 }, (_, index) => `${String(index)}.wal`);
    const [own = '', ...others] = names.map((name) => join(directory, name));
    const rings = ringDescriptors();
    const writer = await UringWalWriter.open(own, { driver });
    const url = new URL('./test-tools/appending-worker.js', import.meta.url);
    const workers = others.map((path) => {
      const workerData: AppendingWork = { path, driver, records: RECORDS };
      return new Worker(url, { workerData });
    });
    try {
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      if (driver === 'uring') expect(ringDescriptors() - rings).toBe(WORKERS + 1);

      const ends = workers.map((worker) => once(worker, 'exit'));
      for (const worker of workers) worker.postMessage('go');
      await appendAll(writer, samplePuts(RECORDS), { sync: true });
      await writer.close();
      expect(await Promise.all(ends)).toEqual(workers.map(() => [0]));
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    for (const path of [own, ...others]) expectLog(path, samplePuts(RECORDS));
    expectNothingHeld(own, names);
    expect(ringDescriptors() - rings).toBe(0);
  });
});
