// The diagnostics channels: what is published when, and nothing while nobody listens. And the
// latency figures of stats().

import * as diagnostics from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DiagnosticsEvents } from './diagnostics.js';
import { EventChannel } from './diagnostics.js';
import { UringWalWriter, Wal, WalEntry, WalError } from './index.js';
import { createThreadpoolDriver } from './io/threadpool.js';
import { LatencyHistogram } from './latencies.js';
import { FaultyDriver, fail } from './test-tools/faulty-driver.js';
import { freshDirectory, freshLog } from './test-tools/logs.js';

const NAMES = [
  'uring-wal:open',
  'uring-wal:recovery',
  'uring-wal:commit',
  'uring-wal:rotate',
  'uring-wal:error',
  'uring-wal:poisoned',
  'uring-wal:fallback',
  'uring-wal:warning',
] as const;

interface Heard {
  readonly name: keyof DiagnosticsEvents;
  readonly message: unknown;
}

/** Listens to these channels until the test ends. */
function listen(names: readonly (keyof DiagnosticsEvents)[] = NAMES): Heard[] {
  const heard: Heard[] = [];
  for (const name of names) {
    const listener = (message: unknown): void => {
      heard.push({ name, message });
    };
    diagnostics.subscribe(name, listener);
    onTestFinished(() => {
      diagnostics.unsubscribe(name, listener);
    });
  }
  return heard;
}

function messages(heard: readonly Heard[], name: keyof DiagnosticsEvents): unknown[] {
  return heard.filter((each) => each.name === name).map(({ message }) => message);
}

describe('a file', () => {
  it('tells of recovery, opening, writes and syncs, in this order', async () => {
    const heard = listen();
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver: 'threadpool' });
    const { length } = await writer.append(WalEntry.put(1n, 'key', 'value'), { sync: true });
    await writer.close();
    expect(heard.slice(0, 4)).toEqual([
      {
        name: 'uring-wal:recovery',
        message: {
          path,
          records: 0n,
          bytes: 0,
          bytesDiscarded: 0,
          reason: undefined,
          quarantined: [],
        },
      },
      {
        name: 'uring-wal:open',
        message: { path, driver: 'threadpool', directIo: false, lastSequence: undefined },
      },
      {
        name: 'uring-wal:commit',
        message: {
          path,
          kind: 'write',
          offset: 0,
          bytes: length,
          dsync: false,
          durationMs: expect.any(Number),
        },
      },
      {
        name: 'uring-wal:commit',
        message: {
          path,
          kind: 'sync',
          offset: 0,
          bytes: length,
          dsync: false,
          durationMs: expect.any(Number),
        },
      },
    ]);
  });

  it('tells what a recovery cut off', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path);
    await writer.append(WalEntry.put(7n, 'key', 'value'));
    await writer.close();
    appendFileSync(path, 'torn');
    const heard = listen(['uring-wal:recovery', 'uring-wal:open']);
    await (await UringWalWriter.open(path)).close();
    expect(heard[0]?.message).toMatchObject({ records: 1n, bytesDiscarded: 4, quarantined: [] });
    expect(heard[0]?.message).toHaveProperty('reason', expect.any(String));
    expect(heard[1]?.message).toMatchObject({ lastSequence: 7n });
  });

  it('tells of a fallback, and of an open that failed', async () => {
    const heard = listen(['uring-wal:fallback', 'uring-wal:error']);
    const path = freshLog();
    const driver = createThreadpoolDriver({ fallbackReason: 'no ring today' });
    const writer = await UringWalWriter.open(path, { driver });
    await expect(UringWalWriter.open(path)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' });
    await writer.close();
    expect(heard).toEqual([
      {
        name: 'uring-wal:fallback',
        message: { path, driver: 'threadpool', reason: 'no ring today' },
      },
      { name: 'uring-wal:error', message: { path, error: expect.any(WalError) } },
    ]);
  });

  it('tells once of a failed write, however many appends it rejects', async () => {
    const heard = listen(['uring-wal:error', 'uring-wal:poisoned']);
    const driver = new FaultyDriver(createThreadpoolDriver());
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, preallocateBytes: 0 });
    driver.next('write', fail('ENOSPC'));
    const appends = [1n, 2n, 3n].map((sequence) => writer.append(WalEntry.put(sequence, 'k', 'v')));
    const outcomes = await Promise.allSettled(appends);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await writer.append(WalEntry.put(4n, 'k', 'v'));
    await writer.close();
    expect(heard).toEqual([
      {
        name: 'uring-wal:error',
        message: { path, error: expect.objectContaining({ code: 'ERR_WAL_WRITE' }) },
      },
    ]);
  });

  it('tells once that it is poisoned', async () => {
    const heard = listen(['uring-wal:error', 'uring-wal:poisoned']);
    const driver = new FaultyDriver(createThreadpoolDriver());
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, preallocateBytes: 0 });
    driver.next('sync', fail('EIO'));
    await expect(writer.append(WalEntry.put(1n, 'k', 'v'), { sync: true })).rejects.toThrow();
    await expect(writer.append(WalEntry.put(2n, 'k', 'v'))).rejects.toThrow();
    await expect(writer.close()).rejects.toThrow();
    expect(heard).toEqual([
      {
        name: 'uring-wal:poisoned',
        message: { path, error: expect.objectContaining({ code: 'ERR_WAL_SYNC' }) },
      },
    ]);
  });

  it('goes on when a listener throws', async () => {
    const thrown: unknown[] = [];
    const onUncaught = (error: unknown): void => {
      thrown.push(error);
    };
    const uncaught = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', onUncaught);
    const listener = (): never => {
      throw new Error('of the listener');
    };
    diagnostics.subscribe('uring-wal:commit', listener);
    try {
      const writer = await UringWalWriter.open(freshLog());
      const { offset } = await writer.append(WalEntry.put(1n, 'k', 'v'), { sync: true });
      expect(offset).toBe(0);
      await writer.close();
    } finally {
      diagnostics.unsubscribe('uring-wal:commit', listener);
      process.off('uncaughtException', onUncaught);
      for (const each of uncaught) process.on('uncaughtException', each);
    }
    expect(thrown.length).toBeGreaterThan(0);
  });
});

describe('a directory', () => {
  it('tells of recovery, opening and rotations under its own path', async () => {
    const directory = freshDirectory();
    const heard = listen();
    const wal = await Wal.open(directory, { driver: 'threadpool' });
    await wal.put('key', 'value');
    await wal.rotate();
    await wal.put('key', 'value');
    const { writeLatency, syncLatency, syncs, batches } = wal.stats();
    await wal.close();
    expect(messages(heard, 'uring-wal:recovery')).toMatchObject([{ path: directory, records: 0n }]);
    expect(messages(heard, 'uring-wal:open')).toMatchObject([{ path: directory }]);
    expect(messages(heard, 'uring-wal:rotate')).toEqual([
      { path: directory, from: 1, to: 2, lastSequence: 1n },
    ]);
    const paths = messages(heard, 'uring-wal:commit').map(
      (each) => (each as { path: string }).path,
    );
    expect(new Set(paths)).toEqual(
      new Set([join(directory, 'wal_00000001.log'), join(directory, 'wal_00000002.log')]),
    );
    // The figures go on over a rotation.
    expect(writeLatency.count).toBe(batches);
    expect(writeLatency.count).toBeGreaterThanOrEqual(2);
    expect(syncLatency.count).toBe(syncs);
  });

  it('tells of an open that failed', async () => {
    const directory = freshDirectory();
    const wal = await Wal.open(directory);
    const heard = listen(['uring-wal:error']);
    await expect(Wal.open(directory)).rejects.toMatchObject({ code: 'ERR_WAL_LOCKED' });
    await wal.close();
    expect(heard).toMatchObject([
      { message: { path: directory, error: { code: 'ERR_WAL_LOCKED' } } },
    ]);
  });
});

describe('without listeners', () => {
  it('no message is made', () => {
    const channel = new EventChannel<{ path: string }>('uring-wal:open');
    let made = 0;
    const make = (): { path: string } => {
      made += 1;
      return { path: '' };
    };
    expect(channel.isHeard).toBe(false);
    channel.publish(make);
    expect(made).toBe(0);
    const heard = listen(['uring-wal:open']);
    expect(channel.isHeard).toBe(true);
    channel.publish(make);
    expect({ made, heard: heard.length }).toEqual({ made: 1, heard: 1 });
  });
});

describe('latencies', () => {
  it('of nothing are zero', () => {
    const summary = new LatencyHistogram().summary();
    expect(summary).toEqual({
      ...{ count: 0, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
    });
  });

  it.each([1, 255, 256, 257, 1000])('%i of them, in microseconds, to about 1 %%', (count) => {
    const histogram = new LatencyHistogram();
    for (let index = 1; index <= count; index++) histogram.record(index / 10);
    const summary = histogram.summary();
    const near = (micros: number, expected: number): void => {
      expect(Math.abs(micros - expected) / expected).toBeLessThan(0.02);
    };
    expect(summary.count).toBe(count);
    near(summary.min, 100);
    near(summary.max, count * 100);
    near(summary.mean, (count + 1) * 50);
    near(summary.p50, Math.ceil(count * 0.5) * 100);
    near(summary.p99, Math.ceil(count * 0.99) * 100);
    expect(histogram.summary()).toEqual(summary);
  });

  it('beyond what is counted, and of no time at all', () => {
    const histogram = new LatencyHistogram();
    histogram.record(0);
    histogram.record(1e12);
    const { count, min, max } = histogram.summary();
    expect({ count, min }).toEqual({ count: 2, min: 0.1 });
    expect(max).toBeGreaterThanOrEqual(5.9e8);
  });

  it('come once for each batch and each sync, not for each append', async () => {
    const writer = await UringWalWriter.open(freshLog(), { driver: 'threadpool' });
    const appends = Array.from({ length: 100 }, (_, index) =>
      writer.append(WalEntry.put(index, 'k', 'v'), { sync: true }),
    );
    await Promise.all(appends);
    const { writeLatency, syncLatency, batches, syncs } = writer.stats();
    await writer.close();
    expect(batches).toBeLessThan(100);
    expect(writeLatency.count).toBe(batches);
    expect(syncLatency.count).toBe(syncs);
    expect(writeLatency.p50).toBeGreaterThan(0);
    expect(writeLatency.max).toBeGreaterThanOrEqual(writeLatency.p99 * 0.98);
  });
});
