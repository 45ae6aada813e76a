// Time for the drivers that run on a real kernel; the simulated one has its own.

import { performance } from 'node:perf_hooks';

/** setTimeout fires at once beyond this, in milliseconds. */
const TIMEOUT_MS_MAX = 0x7fff_ffff;

/** Its reactions are microtasks, without the resource that `queueMicrotask` makes for each. */
const RESOLVED = Promise.resolve();

/** Milliseconds, monotonic. */
export function now(): number {
  return performance.now();
}

/** Calls back once after `ms` milliseconds, unless cancelled by the function returned. */
export function delay(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(ms, TIMEOUT_MS_MAX));
  return () => {
    clearTimeout(timer);
  };
}

/**
 * Calls back once, when the callers that are running now have had their turn. A bare nextTick
 * would come before the promises of a caller that runs from a timer or an I/O callback, and after
 * them for one that runs from a promise; by way of a microtask it is after them for both.
 */
export function defer(callback: () => void): void {
  void RESOLVED.then(() => {
    process.nextTick(callback);
  });
}
