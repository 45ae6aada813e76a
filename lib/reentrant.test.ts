// Listeners of the diagnostics channels that use the log from inside the channel's call: whatever
// they do there, they must find a log whose state is whole.

import * as diagnostics from 'node:diagnostics_channel';

import { expect, onTestFinished, test } from 'vitest';

import type { DiagnosticsEvents } from './diagnostics.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { fail, FaultyDriver } from './test-tools/faulty-driver.js';
import { expectLog, freshDirectory, freshLog } from './test-tools/logs.js';
import { outcomeOf, outcomesOf } from './test-tools/outcomes.js';
import type { Outcome } from './test-tools/outcomes.js';
import { entryOf, samplePut, samplePuts } from './test-tools/records.js';
import { directoryLines, put, putLines } from './test-tools/wals.js';
import { Wal } from './wal.js';
import { UringWalWriter } from './writer.js';

/** Calls `use` once, at the first message, and keeps what it returns. */
function useOnce<T>(name: keyof DiagnosticsEvents, use: () => T): { readonly result: T }[] {
  const used: { readonly result: T }[] = [];
  const listener = (): void => {
    if (used.length === 0) used.push({ result: use() });
  };
  diagnostics.subscribe(name, listener);
  onTestFinished(() => {
    diagnostics.unsubscribe(name, listener);
  });
  return used;
}

forEachDriver((name) => {
  function newFaults(): FaultyDriver {
    const faults = new FaultyDriver(newDriver(name));
    onTestFinished(() => faults.close());
    return faults;
  }

  test('an append from inside the error channel gets the next sequence, not one behind a gap', async () => {
    const directory = freshDirectory();
    const faults = newFaults();
    const wal = await Wal.open(directory, { driver: faults, preallocateBytes: 0 });
    await wal.append(put(1));
    const used = useOnce('uring-wal:error', () => wal.append(put(2)));
    faults.next('write', fail('ENOSPC'));
    const failed = await Promise.allSettled([wal.append(put(90)), wal.append(put(91))]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await used[0]?.result).toMatchObject({ sequence: 2n });
    expect(await wal.append(put(3))).toMatchObject({ sequence: 3n });
    await wal.close();
    expect(directoryLines(directory)).toEqual(putLines(3));
  });

  test.each(['append', 'flush'] as const)(
    'a call of %s from inside the error channel admits none that waited behind the failure',
    async (call) => {
      const path = freshLog();
      const faults = newFaults();
      const options = { driver: faults, preallocateBytes: 0, channelCapacity: 1 };
      const writer = await UringWalWriter.open(path, options);
      const used = useOnce('uring-wal:error', (): Promise<Outcome | void> =>
        call === 'flush' ? writer.flush() : outcomeOf(writer.append(entryOf(samplePut(9)))),
      );
      faults.next('write', fail('ENOSPC'));
      const outcomes = await outcomesOf(samplePuts(4).map((each) => writer.append(entryOf(each))));
      expect(outcomes.map(({ ok }) => ok)).toEqual([false, false, false, false]);
      const told = await used[0]?.result;
      if (call === 'append') expect(told).toMatchObject({ ok: true });
      await writer.close();
      expectLog(path, call === 'append' ? [samplePut(9)] : []);
    },
  );
});
