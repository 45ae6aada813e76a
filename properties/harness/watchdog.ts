// A case that loops without ever giving up its thread stops every timer of that thread, fast-check's
// and vitest's too. Another thread watches: it says which case that is, and ends the process.

import { Worker } from 'node:worker_threads';

/** Told before each case. */
export interface Watchdog {
  /** The case `index` of a seed begins; negative: a regression. */
  readonly beat: (seed: number, index: number) => void;
  readonly stop: () => Promise<void>;
}

const CHECK_MS = 1000;

const WATCHER = `
const { writeSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const { shared, name, limitMs } = workerData;
const state = new Int32Array(shared);
let last = -1;
let since = performance.now();
setInterval(() => {
  const beat = Atomics.load(state, 0);
  if (beat !== last) {
    last = beat;
    since = performance.now();
  }
  if (performance.now() - since < limitMs) return;
  const [, seed, index] = state;
  const which = index < 0 ? "a case of regressions/" : "case " + (index + 1);
  const again = index < 0 ? "" : " --seed " + seed + " --path " + index;
  writeSync(2, name + ": " + which + " has not come to an end for " + limitMs / 1000 + " s, and " +
    "lets nothing else run; once more: npm run properties -- -t '" + name + ":'" + again + "\\n");
  process.kill(process.pid, 'SIGKILL');
}, ${String(CHECK_MS)});
`;

/** Watches this thread. */
export function watch(name: string, limitMs: number): Watchdog {
  const shared = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
  const state = new Int32Array(shared);
  const worker = new Worker(WATCHER, { eval: true, workerData: { shared, name, limitMs } });
  worker.unref();
  return {
    beat: (seed, index) => {
      state[1] = seed;
      state[2] = index;
      Atomics.add(state, 0, 1);
    },
    stop: async () => {
      await worker.terminate();
    },
  };
}
