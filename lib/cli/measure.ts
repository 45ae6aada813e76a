// Appends under load, measured: so many callers, each waiting for its acknowledgement before the
// next append, for a time or a number of records.

import { UringWalWriter, WalEntry } from '../index.js';
import { LatencyHistogram } from './latency.js';

/** What is measured. */
export interface Load {
  readonly driver: 'auto' | 'uring' | 'threadpool';
  readonly callers: number;
  /** Acknowledge when durable, not when written. */
  readonly sync: boolean;
  readonly valueBytes: number;
  readonly secondsMax: number;
  readonly recordsMax: number;
  readonly bytesMax: number;
}

/** What came out. */
export interface Measured {
  readonly driver: string;
  readonly records: number;
  /** Size of the log, in bytes. */
  readonly bytes: number;
  readonly seconds: number;
  readonly latency: LatencyHistogram;
}

/** Appends to a new log at `path`. Rejects with WalError; an abort only ends it sooner. */
export async function measureAppends(
  path: string,
  load: Load,
  signal: AbortSignal,
): Promise<Measured> {
  const { driver, callers, sync } = load;
  const channelCapacity = Math.max(1024, callers);
  const writer = await UringWalWriter.open(path, { driver, sync, channelCapacity });
  const latency = new LatencyHistogram();
  const value = Buffer.alloc(load.valueBytes, 'v');
  let sequence = 0n;
  const startedAtMs = performance.now();
  const endMs = startedAtMs + load.secondsMax * 1000;
  let bytes = 0;
  const call = async (): Promise<void> => {
    for (;;) {
      const beganAtMs = performance.now();
      const isDone = beganAtMs >= endMs || signal.aborted;
      if (isDone || sequence >= load.recordsMax || bytes >= load.bytesMax) return;
      sequence += 1n;
      const { length, offset } = await writer.append(WalEntry.put(sequence, 'key', value));
      bytes = Math.max(bytes, offset + length);
      latency.add(performance.now() - beganAtMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: callers }, call));
    const seconds = (performance.now() - startedAtMs) / 1000;
    return { driver: writer.driver.name, records: latency.count, bytes, seconds, latency };
  } finally {
    await writer.close();
  }
}
