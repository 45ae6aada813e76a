// The end of the sequences, 2^64 - 1: it is given once, and what comes behind it is refused.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { independentEncode } from './fixtures/independent.js';
import { forEachDriver } from './test-tools/drivers.js';
import { freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { directoryLines, put, puts, readLines } from './test-tools/wals.js';
import type { WalOptions } from './wal-options.js';
import { Wal } from './wal.js';

const LAST = 2n ** 64n - 1n;

forEachDriver((name) => {
  /** A log that ends with this sequence. */
  async function openAt(last: bigint, options: WalOptions = {}): Promise<Wal> {
    const directory = freshDirectory();
    const record = independentEncode({ sequence: last, ...put(1) });
    writeFileSync(join(directory, 'wal_00000001.log'), record);
    const wal = await Wal.open(directory, { driver: name, maxFileSize: 4096, ...options });
    onTestFinished(() => wal.close().catch(() => undefined));
    return wal;
  }

  test('the last ones are given, in order; more are refused, counted, and nobody is harmed', async () => {
    const wal = await openAt(LAST - 5n);
    // Of six that are left: two, then three as one, then the last one.
    expect(await wal.put('a', '')).toMatchObject({ sequence: LAST - 4n });
    const outcomes = await Promise.allSettled([
      wal.put('b', ''),
      wal.appendBatch(puts(4)),
      wal.appendBatch(puts(2)),
      wal.appendBatch(puts(2)),
      wal.put('last', ''),
      wal.put('none', ''),
      wal.flush(),
    ]);
    const told = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value?.sequence : String(outcome.reason),
    );
    expect(told).toEqual([
      LAST - 3n,
      'RangeError: sequences end at 2^64 - 1: 4 wanted, 3 left',
      LAST - 2n,
      'RangeError: sequences end at 2^64 - 1: 2 wanted, 1 left',
      LAST,
      'RangeError: sequences end at 2^64 - 1: 1 wanted, 0 left',
      undefined,
    ]);
    expect(wal.stats()).toMatchObject({ appends: 7, acknowledged: 4, rejected: 3 });
    expect(wal.stats()).toMatchObject({ queuedRecords: 0, durableSequence: LAST });
  });

  test('those that wait for room are refused as well', async () => {
    const wal = await openAt(LAST - 2n, { channelCapacity: 1 });
    const appends = puts(5).map((entry) =>
      wal.append(entry).then(
        ({ sequence }) => sequence,
        (error: unknown) => (error as Error).name,
      ),
    );
    expect(await Promise.all(appends)).toEqual([
      ...[LAST - 1n, LAST],
      ...['RangeError', 'RangeError', 'RangeError'],
    ]);
    expect(wal.stats()).toMatchObject({ appends: 5, acknowledged: 2, rejected: 3, waiting: 0 });
  });

  test('such a log rotates, is read, cut, reopened, and its last sequence is given again', async () => {
    let wal = await openAt(LAST - 2n);
    await wal.put('a', '');
    await wal.rotate();
    await wal.put('last', '');
    await wal.rotate();
    const lines = await readLines(wal, { from: LAST - 1n, to: LAST });
    expect(lines.map((line) => BigInt(line.split(' ')[0] ?? ''))).toEqual([LAST - 1n, LAST]);
    expect((await wal.truncateBefore(LAST)).removed).toEqual([1]);
    await wal.close();
    wal = await Wal.open(wal.path, { driver: name });
    expect(wal.writtenSequence).toBe(LAST);
    expect(await rejectionOf(wal.put('none', ''))).toBeInstanceOf(RangeError);
    await wal.truncateAfter(LAST - 1n).catch((error: unknown) => {
      // Its only entry is the last one.
      expect(error).toBeInstanceOf(RangeError);
    });
    await wal.close();
    wal = await Wal.open(wal.path, { driver: name, verifyAll: true });
    const again = await readLines(wal);
    await wal.close();
    expect(directoryLines(wal.path)).toEqual(again);
  });
});
