// What is checked of a writer from the outside: its bounds, its errors, and what it leaves behind.

import { WalError } from '../lib/index.js';
import type { SimDriver } from './driver.js';
import type { SimEnvironment } from './environment.js';

/** A life ended by itself: nothing may be left of it. */
export function checkNothingLeft(
  environment: SimEnvironment,
  driver: SimDriver | undefined,
  what: string,
  open: number,
): void {
  if (driver === undefined) return;
  const left = [
    [driver.openFiles.size, 'open files'],
    [driver.locksHeld, 'locks'],
    [driver.timers, 'timers'],
    [driver.operations.list.length, 'operations in flight'],
    [open, 'open promises'],
  ] as const;
  const found = left.filter(([count]) => count > 0);
  environment.checks.that(found.length === 0, 'everything-settles', () => {
    const list = found.map(([count, name]) => `${String(count)} ${name}`).join(', ');
    return `${what} left ${list} behind`;
  });
}

/** A log with a queue, and the bounds of it. */
interface Queueing {
  readonly options: { readonly queueBytesMax: number; readonly channelCapacity: number };
  stats(): {
    readonly queuedBytes: number;
    readonly queuedRecords: number;
    readonly queuedBytesPeak: number;
  };
}

/** What is queued stays within the bounds; `open` promises are the most there can be. */
export function checkMemory(
  environment: SimEnvironment,
  writer: Queueing,
  largestRecord: number,
  open: number,
): void {
  const { queuedBytes, queuedRecords, queuedBytesPeak } = writer.stats();
  const { queueBytesMax, channelCapacity } = writer.options;
  const bound = Math.max(queueBytesMax, largestRecord);
  const isBounded =
    queuedBytes <= bound && queuedBytesPeak <= bound && queuedRecords <= channelCapacity;
  environment.checks.that(
    isBounded && queuedRecords <= open,
    'memory-bounded',
    () =>
      `${String(queuedRecords)} records with ${String(queuedBytes)} bytes are queued (peak ` +
      `${String(queuedBytesPeak)}); allowed are ${String(channelCapacity)} and ${String(bound)}`,
  );
}

/** Callers get typed errors, whatever happens. */
export function checkError(environment: SimEnvironment, what: string, error: unknown): void {
  environment.checks.that(error instanceof WalError, 'everything-settles', () => {
    return `${what} rejected with what is no WalError: ${String(error)}`;
  });
}
