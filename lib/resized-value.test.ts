// Keys and values whose buffer changes its size while they are appended: that of a growable
// SharedArrayBuffer can do so at any moment, by another thread.

import { expect, onTestFinished, test } from 'vitest';

import { WalEntry } from './entry.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { expectLog, freshDirectory, freshLog } from './test-tools/logs.js';
import { entryOf, samplePut } from './test-tools/records.js';
import { directoryLines, put, putLines } from './test-tools/wals.js';
import { Wal } from './wal.js';
import { UringWalWriter } from './writer.js';

/** A value of 100 bytes, and a signal that resizes it when the append, having measured it, asks. */
function resizedTo(bytes: number): { value: Uint8Array; signal: AbortSignal } {
  // The types of ES2024 have these; the runtime has them before.
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(bytes: number): void };
  const buffer = new Resizable(100, { maxByteLength: 1000 });
  const { signal } = new AbortController();
  signal.throwIfAborted = () => {
    buffer.resize(bytes);
  };
  return { value: new Uint8Array(buffer), signal };
}

forEachDriver((name) => {
  function newOptions(): { driver: ReturnType<typeof newDriver>; channelCapacity: number } {
    const driver = newDriver(name);
    onTestFinished(() => driver.close());
    return { driver, channelCapacity: 2 };
  }

  /** The third of these waits for room. */
  test.each([
    { bytes: 10, before: 1 },
    { bytes: 1000, before: 1 },
    { bytes: 10, before: 2 },
    { bytes: 1000, before: 2 },
  ])(
    'to $bytes bytes behind $before others: rejected alone, by a TypeError',
    async ({ bytes, before }) => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, newOptions());
      const records = Array.from({ length: before + 1 }, (_, index) => samplePut(index + 1));
      const { value, signal } = resizedTo(bytes);
      const outcomes = await Promise.allSettled([
        ...records.slice(0, before).map((record) => writer.append(entryOf(record))),
        writer.append(WalEntry.put(99n, 'resized', value), { signal }),
        ...records.slice(before).map((record) => writer.append(entryOf(record))),
      ]);
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(
        outcomes.map((_, index) => index !== before),
      );
      expect(outcomes[before]).toMatchObject({ reason: expect.any(TypeError) });
      await writer.close();
      expectLog(path, records);
    },
  );

  test('a segmented log gives its sequence to the next', async () => {
    const directory = freshDirectory();
    const wal = await Wal.open(directory, newOptions());
    const { value, signal } = resizedTo(1000);
    const outcomes = await Promise.allSettled([
      wal.append(put(1)),
      wal.put('resized', value, { signal }),
      wal.append(put(2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: expect.any(TypeError) });
    await wal.close();
    expect(directoryLines(directory)).toEqual(putLines(2));
  });
});
