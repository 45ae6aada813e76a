// A worker thread with a writer of its own: tells when it is open, and appends when it is told to.

import { parentPort, workerData } from 'node:worker_threads';
import { UringWalWriter } from '../index.js';
import type { DriverName } from './drivers.js';
import { appendAll } from './logs.js';
import { samplePuts } from './records.js';

/** What the thread is started with. */
export interface AppendingWork {
  readonly path: string;
  readonly driver: DriverName;
  readonly records: number;
}

const { path, driver, records } = workerData as AppendingWork;
const writer = await UringWalWriter.open(path, { driver });
parentPort?.once('message', () => {
  void (async () => {
    await appendAll(writer, samplePuts(records), { sync: true });
    await writer.close();
  })();
});
parentPort?.postMessage('open');
