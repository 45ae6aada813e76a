// A worker thread that opens a log when it starts, again when told to, and never closes it.

import { parentPort, workerData } from 'node:worker_threads';

import { UringWalWriter } from '../writer.js';
import type { DriverName } from './drivers.js';
import { entryOf, samplePut } from './records.js';

const { path, driver } = workerData as { readonly path: string; readonly driver: DriverName };

async function open(): Promise<void> {
  try {
    const writer = await UringWalWriter.open(path, { driver });
    const { records } = writer.recovery;
    await writer.append(entryOf(samplePut(records + 1)), { sync: true });
    parentPort?.postMessage({ records });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    parentPort?.postMessage({ code, message });
  }
}

parentPort?.on('message', () => void open());
await open();
