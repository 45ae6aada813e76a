// A follower of a log that is poisoned: it gets all that is durable, and then hears of it. Waiting on
// would be waiting for ever.

import { open as openFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { FaultyDriver, fail } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import type { EntryLine } from './test-tools/wals.js';
import { lineOf, put, putLines, puts } from './test-tools/wals.js';
import { Wal } from './wal.js';

/** What a follower got before it ended. */
class Followed {
  readonly lines: EntryLine[] = [];
  readonly over: Promise<void>;

  constructor(wal: Wal, signal?: AbortSignal) {
    this.over = this.#follow(wal, signal);
    this.over.catch(() => undefined);
  }

  async #follow(wal: Wal, signal: AbortSignal | undefined): Promise<void> {
    const options = signal === undefined ? { follow: true } : { follow: true, signal };
    for await (const record of wal.read(options)) {
      this.lines.push(lineOf(record));
      await new Promise(setImmediate);
    }
  }
}

forEachDriver((name) => {
  async function open(): Promise<{ wal: Wal; driver: FaultyDriver }> {
    const driver = new FaultyDriver(newDriver(name));
    const options = { driver, maxFileSize: 4096, preallocateBytes: 0 };
    const wal = await Wal.open(freshDirectory(), options);
    onTestFinished(async () => {
      await wal.close().catch(() => undefined);
      await driver.close();
    });
    return { wal, driver };
  }

  const isLog = ({ path }: { path: string }): boolean => path.endsWith('.log');

  describe('a follower of a poisoned log', () => {
    test.each([0, 20])('that has caught up to within %i entries', async (behind) => {
      const { wal, driver } = await open();
      await wal.appendMany(puts(20, 1, 500));
      const followers = [new Followed(wal), new Followed(wal)];
      while (followers.some(({ lines }) => lines.length < 20 - behind)) {
        await new Promise(setImmediate);
      }
      driver.next('sync', fail('EIO'), Infinity, isLog);
      await expectRejection(wal.append(put(21, 10)), 'ERR_WAL_SYNC', 'EIO');
      for (const { lines, over } of followers) {
        const error = await expectRejection(over, 'ERR_WAL_POISONED', 'EIO');
        expect(error.path).toBe(wal.path);
        expect(lines).toEqual(putLines(20, 1, 500));
      }
      await expectRejection(wal.close(), 'ERR_WAL_POISONED');
    });

    test('by the next segment, made ahead, whose directory cannot be synced', async () => {
      const { wal, driver } = await open();
      const { lines, over } = new Followed(wal);
      driver.next('syncDirectory', fail('EIO'));
      const appended = await wal.append(put(1)).then(
        () => 1,
        () => 0,
      );
      // Nobody asks for anything: it hears of it all the same.
      await expectRejection(over, 'ERR_WAL_POISONED', 'EIO');
      expect(lines).toEqual(putLines(appended));
    });

    test('by a cut that failed half-way', async () => {
      const { wal, driver } = await open();
      await wal.appendMany(puts(20, 1, 500));
      const { lines, over } = new Followed(wal);
      while (lines.length < 20) await new Promise(setImmediate);
      driver.next('truncate', fail('EIO'), 1, isLog);
      await expectRejection(wal.truncateAfter(20n - 1n), 'ERR_WAL_WRITE', 'EIO');
      // It has handed out what is cut off: that comes first.
      await expectRejection(over, 'ERR_WAL_READ');
    });

    test('that was closed: not ended quietly', async () => {
      const { wal, driver } = await open();
      await wal.append(put(1));
      driver.next('sync', fail('EIO'), Infinity, isLog);
      const controller = new AbortController();
      const { over, lines } = new Followed(wal, controller.signal);
      await Promise.allSettled([wal.append(put(2)), wal.close()]);
      await expectRejection(over, 'ERR_WAL_POISONED');
      expect(lines).toEqual(putLines(1));
    });
  });

  test('close waits for the cut that was under way when something else poisoned the log', async () => {
    const { wal, driver } = await open();
    await wal.appendMany(puts(20, 1, 500));
    // The next file is made and in use, so the directory is synced for the removal alone.
    await wal.rotate();
    const removal = driver.gate('syncDirectory', fail('EIO'));
    const removed = expectRejection(wal.truncateBefore(10n), 'ERR_WAL_SYNC', 'EIO');
    await removal.reached;
    const cut = driver.gate('truncate');
    driver.next('write', fail('ENOSPC', { writeHalf: true }));
    const append = expectRejection(wal.append(put(21)), 'ERR_WAL_SYNC', 'EIO');
    await cut.reached;
    removal.open();
    await Promise.all([removed, append]);
    let isClosed = false;
    const closed = expectRejection(wal.close(), 'ERR_WAL_POISONED').finally(() => {
      isClosed = true;
    });
    await setTimeout(100);
    expect(isClosed).toBe(false);
    cut.open();
    await closed;
  });

  // As Btrfs does: what could not be written is not in the file any more.
  test('a reader of what a failed sync took back is told of the poisoning, not of damage', async () => {
    const { wal, driver } = await open();
    const { offset, length } = await wal.append(put(1));
    await wal.append(put(2), { sync: false });
    const reader = wal.read();
    const reading = driver.gate('read');
    const first = reader.next();
    await reading.reached;
    driver.next('sync', fail('EIO'), Infinity, isLog);
    await expectRejection(wal.flush(), 'ERR_WAL_SYNC', 'EIO');
    const file = await openFile(`${wal.path}/wal_00000001.log`, 'r+');
    await file.write(new Uint8Array(length), 0, length, offset + length);
    await file.close();
    reading.open();
    expect((await first).value).toMatchObject({ sequence: 1n });
    await expectRejection(reader.next(), 'ERR_WAL_POISONED', 'EIO');
  });

  test('damage to what is durable is told as such, also by a poisoned log', async () => {
    const { wal, driver } = await open();
    const { offset } = await wal.append(put(1));
    const reader = wal.read();
    const reading = driver.gate('read');
    const first = reader.next();
    await reading.reached;
    driver.next('sync', fail('EIO'), Infinity, isLog);
    await expectRejection(wal.append(put(2)), 'ERR_WAL_SYNC', 'EIO');
    const file = await openFile(`${wal.path}/wal_00000001.log`, 'r+');
    await file.write(new Uint8Array(1), 0, 1, offset + 30);
    await file.close();
    reading.open();
    await expectRejection(first, 'ERR_WAL_CORRUPT');
  });
});
