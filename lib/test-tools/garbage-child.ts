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

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});

/** Bytes an append, between two collections. */
async function measured(): Promise<number> {
  globalThis.gc?.();
  await setImmediate();
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  await append(APPENDS);
  const bytes = process.memoryUsage().heapUsed - before;
  await setImmediate();
  observer.disconnect();
  return bytes / APPENDS;
}

await append(WARMUP_APPENDS);
// The least of them: the compiler may have been late, and garbage that always comes is in each.
const bytesPerAppend = Math.min(await measured(), await measured(), await measured());
await writer.close();
process.stdout.write(JSON.stringify({ bytesPerAppend, collections }));
