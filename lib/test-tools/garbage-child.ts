// Appends, and prints how many bytes of the JavaScript heap an append takes. To be run with a young
// generation that holds them all: until it is collected the heap only grows.

import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';

import { UringWalWriter, WalEntry } from '../index.js';

const CALLERS = 64;
/** Until the code is compiled. */
const WARMUP_APPENDS = 30_000;
const APPENDS = 20_000;

const [, , mode, directory = ''] = process.argv;
const key = new Uint8Array(16);
const value = new Uint8Array(100);
const writer = await UringWalWriter.open(join(directory, 'log'), { sync: mode === 'durable' });

let sequence = 0;
async function append(count: number): Promise<void> {
  const last = sequence + count;
  const call = async (): Promise<void> => {
    while (sequence < last) await writer.append(WalEntry.put(++sequence, key, value));
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
}

await append(WARMUP_APPENDS);
globalThis.gc?.();
let collections = 0;
await setImmediate();
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
observer.observe({ entryTypes: ['gc'] });
const before = process.memoryUsage().heapUsed;
await append(APPENDS);
const bytesPerAppend = (process.memoryUsage().heapUsed - before) / APPENDS;
await setImmediate();
observer.disconnect();
await writer.close();
process.stdout.write(JSON.stringify({ bytesPerAppend, collections }));
