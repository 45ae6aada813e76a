// The failure table, row by row, each fault planted where it matters: what callers see, what the
// file holds afterwards, and that every promise settles.

import { readFileSync, statSync, writeFileSync } from 'node:fs';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { WalPosition } from './ack-queue.js';
import { WalError } from './errors.js';
import type { PlainRecord } from './fixtures/independent.js';
import { independentLog, independentRead } from './fixtures/independent.js';
import type { UringWalOptions } from './options.js';
import type { DriverName } from './test-tools/drivers.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import type { Fault } from './test-tools/faulty-driver.js';
import { fail, FaultyDriver, performAndFail, short, zero } from './test-tools/faulty-driver.js';
import {
  appendAll,
  expectLog,
  expectNothingHeld,
  expectReplay,
  freshLog,
} from './test-tools/logs.js';
import type { Outcome } from './test-tools/outcomes.js';
import { outcomesOf } from './test-tools/outcomes.js';
import { entryOf, putOfSize, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection, expectWalError } from './test-tools/rejections.js';
import { UringWalWriter } from './writer.js';

/** How often in a row an interrupted write is tried again; the bound that the docs name. */
const RESUBMITS_MAX = 16;

interface Stage {
  readonly path: string;
  readonly faults: FaultyDriver;
  readonly writer: UringWalWriter;
}

/** A writer over a faulty driver. The driver is closed with the test; the writer by the test. */
async function stage(driver: DriverName, options: UringWalOptions = {}): Promise<Stage> {
  const path = freshLog();
  const faults = new FaultyDriver(newDriver(driver));
  onTestFinished(async () => {
    await faults.close();
    expect(faults.violations).toEqual([]);
  });
  const writer = await UringWalWriter.open(path, {
    preallocateBytes: 0,
    ...options,
    driver: faults,
  });
  faults.forget();
  return { path, faults, writer };
}

function append(
  writer: UringWalWriter,
  records: readonly PlainRecord[],
  sync = false,
): Promise<WalPosition>[] {
  return records.map((record) => writer.append(entryOf(record), { sync }));
}

function okOf(outcomes: readonly Outcome[]): boolean[] {
  return outcomes.map(({ ok }) => ok);
}

/** Expects every outcome to be a rejection of this code. */
function expectAllRejected(
  outcomes: readonly Outcome[],
  code: WalError['code'],
  errno?: string,
): void {
  for (const outcome of outcomes) {
    expect(outcome.ok).toBe(false);
    if (!outcome.ok) expectWalError(outcome.error, code, errno);
  }
}

/** Closes a healthy writer and expects the log to be these records. */
async function expectGoesOn(
  { path, faults, writer }: Stage,
  kept: readonly PlainRecord[],
): Promise<void> {
  faults.heal();
  const more = samplePuts(3, 9000);
  await appendAll(writer, more, { sync: true });
  await writer.close();
  expectLog(path, [...kept, ...more]);
  expectNothingHeld(path, ['test.wal']);
}

/** A poisoned writer refuses everything, and its close frees all it holds. */
async function expectPoisoned({ path, faults, writer }: Stage, errno: string): Promise<void> {
  const before = readFileSync(path);
  for (const promise of [writer.append(entryOf(samplePut(1))), writer.flush()]) {
    const error = await expectRejection(promise, 'ERR_WAL_POISONED', errno);
    expect(error.cause, 'the first failure').toBeInstanceOf(WalError);
  }
  faults.forget();
  await expectRejection(writer.close(), 'ERR_WAL_POISONED', errno);
  expect(faults.count('sync', 'truncate', 'write'), 'what close did to the file').toBe(0);
  expect(faults.count('close', 'release')).toBe(2);
  // Zeros that were in flight may have landed since; nothing else changes.
  const after = readFileSync(path);
  expect(after.subarray(0, before.length).equals(before)).toBe(true);
  expect(after.subarray(before.length).every((byte) => byte === 0)).toBe(true);
  expectNothingHeld(path, ['test.wal']);
  await expectRejection(writer.append(entryOf(samplePut(1))), 'ERR_WAL_CLOSED');
}

forEachDriver((driver) => {
  describe('a short write', () => {
    test('of any length is completed, and nobody hears of it', async () => {
      const records = samplePuts(3);
      const { length } = independentLog(records).bytes;
      for (let bytes = 1; bytes < length; bytes += 7) {
        const here = await stage(driver);
        here.faults.next('write', short(bytes));
        expect(okOf(await outcomesOf(append(here.writer, records)))).toEqual([true, true, true]);
        expect(here.writer.stats().resubmits).toBeGreaterThan(0);
        await expectGoesOn(here, records);
      }
    });

    test('byte by byte', async () => {
      const here = await stage(driver);
      here.faults.always('write', short(1));
      await appendAll(here.writer, samplePuts(2));
      await expectGoesOn(here, samplePuts(2));
    });

    test('with O_DIRECT of less than a block, again and again, is a failed write', async () => {
      const here = await stage(driver, { directIo: true });
      // As a device might tell it; the bytes themselves cannot be written in such pieces.
      here.faults.next('write', () => Promise.resolve(100), RESUBMITS_MAX + 1);
      const outcomes = await outcomesOf(append(here.writer, [putOfSize(1, 5000)]));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'EIO');
      expect(here.faults.count('write')).toBe(RESUBMITS_MAX + 1);
      await expectGoesOn(here, []);
    });

    test('with O_DIRECT falls back to whole blocks', async () => {
      const here = await stage(driver, { directIo: true });
      const records = [putOfSize(1, 5000), putOfSize(2, 9000)];
      here.faults.next('write', short(4096));
      here.faults.next('write', short(512));
      await appendAll(here.writer, records, { sync: true });
      await expectGoesOn(here, records);
    });

    test('inside a sector: that sector is synced before anything behind it is written', async () => {
      const here = await stage(driver);
      const records = [putOfSize(1, 3000)];
      here.faults.next('write', short(700));
      await appendAll(here.writer, records);
      // Bytes 700 to 1024 first, then a sync, then the rest.
      const steps = here.faults.operations.map(({ kind, position, length }) => [
        kind,
        position,
        length,
      ]);
      expect(steps).toEqual([
        ['write', 0, 3000],
        ['write', 700, 324],
        ['sync', 0, 0],
        ['write', 1024, 1976],
      ]);
      await expectGoesOn(here, records);
    });

    test('inside a sector, and that sync fails: poisoned', async () => {
      const here = await stage(driver);
      here.faults.next('write', short(700));
      here.faults.next('sync', fail('EIO'));
      expectAllRejected(
        await outcomesOf(append(here.writer, [putOfSize(1, 3000)])),
        'ERR_WAL_SYNC',
        'EIO',
      );
      await expectPoisoned(here, 'EIO');
    });
  });

  describe.each(['EINTR', 'EAGAIN'])('%s of a write', (errno) => {
    test(`is tried again, ${String(RESUBMITS_MAX)} times in a row`, async () => {
      const here = await stage(driver);
      here.faults.next('write', fail(errno), RESUBMITS_MAX);
      await appendAll(here.writer, samplePuts(3));
      expect(here.faults.count('write')).toBe(RESUBMITS_MAX + 1);
      await expectGoesOn(here, samplePuts(3));
    });

    test('once more is a failed write', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail(errno), RESUBMITS_MAX + 1);
      const outcomes = await outcomesOf(append(here.writer, samplePuts(3)));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', errno);
      expect(here.faults.count('write')).toBe(RESUBMITS_MAX + 1);
      await expectGoesOn(here, []);
    });

    test('with progress in between never adds up', async () => {
      const here = await stage(driver);
      let calls = 0;
      here.faults.always('write', (operation) =>
        ++calls % 3 === 0 ? short(512)(operation) : fail(errno)(operation),
      );
      const records = [putOfSize(1, 30 * 512)];
      await appendAll(here.writer, records);
      expect(calls).toBeGreaterThan(2 * RESUBMITS_MAX);
      await expectGoesOn(here, records);
    });

    test('of the trim is tried again', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail('EIO'));
      here.faults.next('truncate', fail(errno), RESUBMITS_MAX);
      expectAllRejected(
        await outcomesOf(append(here.writer, samplePuts(3))),
        'ERR_WAL_WRITE',
        'EIO',
      );
      await expectGoesOn(here, []);
    });
  });

  test('zero bytes written is a failed write, not an endless loop', async () => {
    const here = await stage(driver);
    await appendAll(here.writer, samplePuts(2));
    here.faults.next('write', zero);
    const outcomes = await outcomesOf(append(here.writer, samplePuts(2, 3)));
    expectAllRejected(outcomes, 'ERR_WAL_WRITE');
    expect(outcomes[0]).toMatchObject({
      error: { message: expect.stringMatching(/zero bytes/) as string },
    });
    await expectGoesOn(here, samplePuts(2));
  });

  describe.each(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'])('a write that fails with %s', (errno) => {
    test.each([{ directIo: false }, { directIo: true }])(
      'in the first of several batches: all behind it rejects, with offset and errno: direct $directIo',
      async (options) => {
        const here = await stage(driver, { ...options, batchSize: 256, channelCapacity: 8 });
        await appendAll(here.writer, samplePuts(5));
        here.faults.forget();
        here.faults.next('write', fail(errno));
        // Some in flight, some queued, some waiting for room.
        const records = samplePuts(30, 6);
        const appends = append(here.writer, records);
        expect(here.writer.stats().waiting).toBe(22);
        const outcomes = await outcomesOf(appends);
        expectAllRejected(outcomes, 'ERR_WAL_WRITE', errno);
        const { placed } = independentLog([...samplePuts(5), ...records]);
        for (const [index, outcome] of outcomes.slice(0, 8).entries()) {
          const { offset, sequence } = placed[5 + index] ?? {};
          expect(outcome).toMatchObject({ error: { path: here.path, offset, sequence } });
        }
        expect(here.writer.stats()).toMatchObject({
          rejected: 30,
          queuedRecords: 0,
          queuedBytes: 0,
        });
        expectLog(here.path, samplePuts(5));
        await expectGoesOn(here, samplePuts(5));
      },
    );

    test('behind a short count: what is whole is acknowledged, the torn record is not', async () => {
      const records = samplePuts(6);
      const { placed } = independentLog(records);
      for (const whole of [0, 1, 3, 5]) {
        for (const beyond of [0, 1, 50]) {
          const here = await stage(driver);
          const bytes = (placed[whole]?.offset ?? 0) + beyond;
          if (bytes > 0) here.faults.next('write', short(bytes));
          here.faults.next('write', fail(errno));
          const outcomes = await outcomesOf(append(here.writer, records));
          expect(okOf(outcomes)).toEqual(records.map((_, index) => index < whole));
          expectAllRejected(outcomes.slice(whole), 'ERR_WAL_WRITE', errno);
          expectLog(here.path, records.slice(0, whole));
          await expectGoesOn(here, records.slice(0, whole));
        }
      }
    });

    test('that had landed all the same: what was rejected never comes back', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.next('write', performAndFail(errno));
      expectAllRejected(
        await outcomesOf(append(here.writer, samplePuts(5, 3))),
        'ERR_WAL_WRITE',
        errno,
      );
      expectLog(here.path, samplePuts(2));
      await expectGoesOn(here, samplePuts(2));
    });
  });

  describe('from a failed write to its rejection', () => {
    test('the cut is synced before anybody hears of the failure', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.forget();
      here.faults.next('write', fail('EIO'));
      const gate = here.faults.gate('sync');
      let settled = 0;
      const appends = append(here.writer, samplePuts(3, 3)).map((promise) =>
        promise.then(
          () => settled++,
          () => settled++,
        ),
      );
      await gate.reached;
      expect(here.faults.operations.map(({ kind }) => kind)).toEqual(['write', 'truncate', 'sync']);
      expect(settled).toBe(0);
      gate.open();
      await Promise.all(appends);
      await expectGoesOn(here, samplePuts(2));
    });

    test('what is appended meanwhile rejects as well, and so does a flush', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.next('write', fail('ENOSPC'));
      const trim = here.faults.gate('truncate');
      const first = outcomesOf(append(here.writer, samplePuts(3, 3)));
      await trim.reached;
      const meanwhile = outcomesOf(append(here.writer, samplePuts(3, 6)));
      const flushed = expectRejection(here.writer.flush(), 'ERR_WAL_WRITE', 'ENOSPC');
      expect(here.writer.stats().waiting).toBe(3);
      trim.open();
      expectAllRejected(await first, 'ERR_WAL_WRITE', 'ENOSPC');
      expectAllRejected(await meanwhile, 'ERR_WAL_WRITE', 'ENOSPC');
      await flushed;
      await expectGoesOn(here, samplePuts(2));
    });

    test('an append by whoever heard of it first is taken', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail('ENOSPC'));
      const again = here.writer
        .append(entryOf(samplePut(1)))
        .catch(() => here.writer.append(entryOf(samplePut(2))));
      expect(await again).toMatchObject({ sequence: 2n, offset: 0 });
      await expectGoesOn(here, [samplePut(2)]);
    });

    test('an append in the microtasks before the first handler rejects', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail('ENOSPC'));
      // Appends in every microtask until the rejection is known, as a busy caller would.
      const outcomes: Promise<Outcome[]>[] = [];
      let known = false;
      let next = 2;
      const first = here.writer.append(entryOf(samplePut(1)));
      const handled = first.catch(() => {
        known = true;
      });
      const trim = here.faults.gate('truncate');
      await trim.reached;
      trim.open();
      for (let step = 0; step < 5000 && !known; step++) {
        outcomes.push(outcomesOf(append(here.writer, [samplePut(next++)])));
        if (step % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
        else await Promise.resolve();
      }
      await handled;
      expect(known).toBe(true);
      expect(outcomes.length).toBeGreaterThan(0);
      expectAllRejected((await Promise.all(outcomes)).flat(), 'ERR_WAL_WRITE', 'ENOSPC');
      await expectGoesOn(here, []);
    });

    test('other batches in flight are waited for', async () => {
      const here = await stage(driver, { directIo: true, batchSize: 4096 });
      const records = Array.from({ length: 4 }, (_, index) => putOfSize(index + 1, 4096));
      const slow = here.faults.gate('write');
      here.faults.next('write', fail('EIO'));
      const appends = outcomesOf(append(here.writer, records));
      await slow.reached;
      // Everything that can run without the slow write has run once a later operation is done.
      await settleOthers(here.faults);
      expect(here.faults.count('truncate')).toBe(0);
      slow.open();
      const outcomes = await appends;
      expect(okOf(outcomes)).toEqual([true, false, false, false]);
      await expectGoesOn(here, records.slice(0, 1));
    });

    test('zeroing ahead is waited for', async () => {
      const here = await stage(driver, { preallocateBytes: 1024 * 1024 });
      const zeroing = here.faults.gate('allocate');
      const kept: PlainRecord[] = [];
      let isZeroing = false;
      void zeroing.reached.then(() => (isZeroing = true));
      for (let next = 1; !isZeroing && next < 200; next++) {
        kept.push(putOfSize(next, 16_000));
        await here.writer.append(entryOf(putOfSize(next, 16_000)), { sync: true });
      }
      expect(isZeroing, 'zeroing has begun').toBe(true);
      here.faults.forget();
      here.faults.next('write', fail('ENOSPC'));
      const appends = outcomesOf(append(here.writer, samplePuts(3, 500)));
      await settleOthers(here.faults);
      expect(here.faults.count('write')).toBe(1);
      expect(here.faults.count('truncate')).toBe(0);
      zeroing.open();
      expectAllRejected(await appends, 'ERR_WAL_WRITE', 'ENOSPC');
      expectLog(here.path, kept);
      await expectGoesOn(here, kept);
    });
  });

  describe('a trim that fails', () => {
    test.each([
      ['truncate', 'EIO'],
      ['truncate', 'EROFS'],
      ['sync', 'EIO'],
      ['sync', 'EINTR'],
    ] as const)('in %s with %s: poisoned', async (kind, errno) => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.next('write', fail('ENOSPC'));
      here.faults.next(kind, fail(errno), Infinity);
      const outcomes = await outcomesOf(append(here.writer, samplePuts(3, 3)));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'ENOSPC');
      expect(outcomes[0]).toMatchObject({
        error: { message: expect.stringContaining(errno) as string },
      });
      expect(here.faults.count('sync')).toBe(kind === 'sync' ? 1 : 0);
      await expectPoisoned(here, 'ENOSPC');
      await expectReopens(here, driver, samplePuts(2));
    });

    test('what was appended meanwhile rejects as well', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail('ENOSPC'));
      const trim = here.faults.gate('truncate', fail('EIO'));
      const first = outcomesOf(append(here.writer, samplePuts(2)));
      await trim.reached;
      const meanwhile = outcomesOf(append(here.writer, samplePuts(2, 3)));
      const flushed = outcomesOf([here.writer.flush() as never]);
      trim.open();
      for (const outcome of [...(await first), ...(await meanwhile), ...(await flushed)]) {
        expect(outcome.ok).toBe(false);
      }
      await expectPoisoned(here, 'ENOSPC');
    });

    test('with O_DIRECT, an interrupted read of the last block is tried again', async () => {
      const here = await stage(driver, { directIo: true });
      await appendAll(here.writer, samplePuts(2), { sync: true });
      here.faults.next('write', fail('ENOSPC'));
      here.faults.next('read', fail('EINTR'), RESUBMITS_MAX);
      const outcomes = await outcomesOf(append(here.writer, samplePuts(3, 3)));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'ENOSPC');
      expect(here.faults.count('read')).toBe(RESUBMITS_MAX + 1);
      await expectGoesOn(here, samplePuts(2));
    });

    test('with O_DIRECT, when the last block has become shorter: poisoned', async () => {
      const here = await stage(driver, { directIo: true });
      await appendAll(here.writer, samplePuts(2), { sync: true });
      here.faults.next('write', fail('ENOSPC'));
      here.faults.next('read', zero);
      const outcomes = await outcomesOf(append(here.writer, samplePuts(3, 3)));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'ENOSPC');
      await expectPoisoned(here, 'ENOSPC');
      await expectReopens(here, driver, samplePuts(2));
    });

    test('with O_DIRECT, when the last block cannot be read back: poisoned', async () => {
      const here = await stage(driver, { directIo: true });
      await appendAll(here.writer, samplePuts(2), { sync: true });
      here.faults.next('write', fail('ENOSPC'));
      here.faults.next('read', fail('EIO'));
      const outcomes = await outcomesOf(append(here.writer, samplePuts(3, 3)));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'ENOSPC');
      await expectPoisoned(here, 'ENOSPC');
    });
  });

  describe('a sync that fails', () => {
    test.each(['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EAGAIN'])(
      '%s: what is not durable rejects, no sync is ever tried again',
      async (errno) => {
        const here = await stage(driver);
        await appendAll(here.writer, samplePuts(2), { sync: true });
        const { durableEnd } = here.writer.stats();
        here.faults.forget();
        here.faults.always('sync', fail(errno));
        const written = outcomesOf(append(here.writer, samplePuts(2, 3), false));
        const durable = outcomesOf(append(here.writer, samplePuts(2, 5), true));
        const flushed = expectRejection(here.writer.flush(), 'ERR_WAL_SYNC', errno);
        const outcomes = await durable;
        expectAllRejected(outcomes, 'ERR_WAL_SYNC', errno);
        const { placed } = independentLog(samplePuts(6));
        for (const [index, outcome] of outcomes.entries()) {
          const { offset, sequence } = placed[4 + index] ?? {};
          expect(outcome).toMatchObject({ error: { offset, sequence } });
        }
        expect(okOf(await written)).toEqual([true, true]);
        await flushed;
        expect(here.writer.stats().durableEnd).toBe(durableEnd);
        expect(here.faults.count('sync')).toBe(1);
        expect(here.faults.count('truncate')).toBe(0);
        await expectPoisoned(here, errno);
      },
    );

    test('reopened, the log holds a prefix that contains all that was durable', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2), { sync: true });
      here.faults.next('sync', fail('EIO'));
      expectAllRejected(
        await outcomesOf(append(here.writer, samplePuts(3, 3), true)),
        'ERR_WAL_SYNC',
      );
      await expectPoisoned(here, 'EIO');
      await expectReopens(here, driver, samplePuts(5));
    });

    test('while appends wait and a write is in flight: all reject, close waits for the write', async () => {
      const here = await stage(driver, { channelCapacity: 4, batchSize: 100 });
      await appendAll(here.writer, samplePuts(2));
      const sync = here.faults.gate('sync', fail('EIO'));
      const flushed = expectRejection(here.writer.flush(), 'ERR_WAL_SYNC', 'EIO');
      await sync.reached;
      const write = here.faults.gate('write');
      const appends = append(here.writer, samplePuts(10, 3));
      const outcomes = outcomesOf(appends);
      await write.reached;
      expect(here.writer.stats().waiting).toBe(6);
      sync.open();
      await flushed;
      expectAllRejected(await outcomes, 'ERR_WAL_SYNC', 'EIO');
      let isClosed = false;
      const closing = expectRejection(here.writer.close(), 'ERR_WAL_POISONED', 'EIO').then(() => {
        isClosed = true;
      });
      await settleOthers(here.faults);
      expect(isClosed).toBe(false);
      expect(here.faults.count('close')).toBe(0);
      write.open();
      await closing;
      expectNothingHeld(here.path, ['test.wal']);
    });

    test('an append called after the sync began is not claimed by it', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(1));
      const sync = here.faults.gate('sync');
      const flushed = here.writer.flush();
      await sync.reached;
      await appendAll(here.writer, samplePuts(1, 2));
      sync.open();
      await flushed;
      const { durableEnd, writtenEnd } = here.writer.stats();
      expect(durableEnd).toBe(independentLog(samplePuts(1)).bytes.length);
      expect(writtenEnd).toBe(independentLog(samplePuts(2)).bytes.length);
      await here.writer.flush();
      expect(here.faults.count('sync')).toBe(2);
      await expectGoesOn(here, samplePuts(2));
    });
  });

  describe('operations in flight', () => {
    test.each([
      { batchSize: 512, directIo: true },
      { batchSize: 4096, directIo: true },
      { batchSize: 10_000, directIo: true, preallocateBytes: 64 * 1024 },
      { batchSize: 512, directIo: false, preallocateBytes: 64 * 1024 },
    ])('share no block, and their bytes stay as they are: %o', async (options) => {
      const here = await stage(driver, options);
      const records: PlainRecord[] = [];
      for (let round = 0; round < 40; round++) {
        const sizes = [700, 29, 4096, 1500, 8192, 60, 3000, 20_000].map((size) => size + round);
        const batch = sizes.map((size, index) => putOfSize(round * 8 + index + 1, size));
        const appends = append(here.writer, batch, round % 3 === 0);
        // Half of the rounds go on before they are done.
        if (round % 2 === 0) await Promise.all(appends);
        else await appends[0];
        records.push(...batch);
      }
      await here.writer.flush();
      await expectGoesOn(here, records);
    });
  });

  describe('several failures together', () => {
    const blocks = (count: number, first = 1): PlainRecord[] =>
      Array.from({ length: count }, (_, index) => putOfSize(first + index, 4096));

    test('a later batch that landed behind a failed one is rejected and cut', async () => {
      const here = await stage(driver, { directIo: true, batchSize: 4096 });
      here.faults.next('write', fail('EIO'), 1, ({ position }) => position === 4096);
      const outcomes = await outcomesOf(append(here.writer, blocks(6)));
      expect(okOf(outcomes)).toEqual([true, false, false, false, false, false]);
      expectLog(here.path, blocks(1));
      await expectGoesOn(here, blocks(1));
    });

    test('two batches fail, the later one first: all from the first on reject', async () => {
      const here = await stage(driver, { directIo: true, batchSize: 4096 });
      const slow = here.faults.gate('write', fail('EDQUOT'));
      here.faults.next('write', fail('ENOSPC'), 1, ({ position }) => position === 8192);
      const appends = outcomesOf(append(here.writer, blocks(5)));
      await slow.reached;
      await settleOthers(here.faults);
      slow.open();
      expectAllRejected(await appends, 'ERR_WAL_WRITE');
      expectLog(here.path, []);
      await expectGoesOn(here, []);
    });

    test('a record that spans two batches rejects when its second half fails', async () => {
      const here = await stage(driver, { directIo: true, batchSize: 4096 });
      // Batches grow while they fill up, so it takes some records to reach the second block's write.
      const records = Array.from({ length: 8 }, (_, index) => putOfSize(index + 1, 3000));
      here.faults.next('write', fail('ENOSPC'), 1, ({ position }) => position >= 4096);
      const outcomes = await outcomesOf(append(here.writer, records));
      expect(outcomes[0]?.ok).toBe(true);
      expect(outcomes.at(-1)?.ok).toBe(false);
      expect(here.writer.stats().trims).toBe(1);
      const kept = records.filter((_, index) => outcomes[index]?.ok);
      expectLog(here.path, kept);
      await expectGoesOn(here, kept);
    });

    test('durable appends that were wholly written are acknowledged, durable by the cut', async () => {
      const here = await stage(driver);
      const records = samplePuts(4);
      const { placed } = independentLog(records);
      here.faults.next('write', short((placed[2]?.offset ?? 0) + 3));
      here.faults.next('write', fail('ENOSPC'));
      const outcomes = await outcomesOf(append(here.writer, records, true));
      expect(okOf(outcomes)).toEqual([true, true, false, false]);
      const { durableEnd } = here.writer.stats();
      expect(durableEnd).toBe(independentLog(samplePuts(2)).bytes.length);
      await expectGoesOn(here, samplePuts(2));
    });

    test('a sync in flight succeeds while a write fails: the sync still counts', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      const sync = here.faults.gate('sync');
      const flushed = here.writer.flush();
      await sync.reached;
      here.faults.next('write', fail('ENOSPC'));
      const appends = outcomesOf(append(here.writer, samplePuts(2, 3)));
      await settleOthers(here.faults);
      expect(here.faults.count('truncate')).toBe(0);
      sync.open();
      await flushed;
      expectAllRejected(await appends, 'ERR_WAL_WRITE', 'ENOSPC');
      await expectGoesOn(here, samplePuts(2));
    });

    test('a sync in flight fails while a write fails: poisoned, nothing is cut', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      const sync = here.faults.gate('sync', fail('EIO'));
      const flushed = expectRejection(here.writer.flush(), 'ERR_WAL_SYNC', 'EIO');
      await sync.reached;
      here.faults.next('write', fail('ENOSPC'));
      const appends = outcomesOf(append(here.writer, samplePuts(2, 3)));
      await settleOthers(here.faults);
      sync.open();
      await flushed;
      expectAllRejected(await appends, 'ERR_WAL_SYNC', 'EIO');
      expect(here.faults.count('truncate')).toBe(0);
      await expectPoisoned(here, 'EIO');
    });

    test('a caller that appends again and again on a full disk gets an answer each time', async () => {
      const here = await stage(driver, { channelCapacity: 4 });
      here.faults.always('write', fail('ENOSPC'));
      const patient = async (sequence: number): Promise<number> => {
        for (let attempt = 0; ; attempt++) {
          const [outcome] = await outcomesOf(append(here.writer, [samplePut(sequence)]));
          if (outcome?.ok === true) return attempt;
          expectAllRejected([outcome as Outcome], 'ERR_WAL_WRITE', 'ENOSPC');
          if (attempt === 5) here.faults.heal();
        }
      };
      const attempts = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(patient));
      expect(Math.min(...attempts)).toBeGreaterThanOrEqual(5);
      const { records } = independentRead(readFileSync(here.path));
      expect(records.map(({ sequence }) => Number(sequence)).sort()).toEqual([
        1, 2, 3, 4, 5, 6, 7, 8,
      ]);
      await expectGoesOn(
        here,
        records.map(({ sequence }) => samplePut(sequence)),
      );
    });

    test('an append that waits for the end of a failure can be aborted', async () => {
      const here = await stage(driver);
      here.faults.next('write', fail('ENOSPC'));
      const trim = here.faults.gate('truncate');
      const first = outcomesOf(append(here.writer, samplePuts(1)));
      await trim.reached;
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = outcomesOf([here.writer.append(entryOf(samplePut(2)), { signal })]);
      const reason = new Error('no patience');
      controller.abort(reason);
      expect(await aborted).toEqual([{ ok: false, error: reason }]);
      trim.open();
      await first;
      await expectGoesOn(here, []);
    });
  });

  describe('a dsync write', () => {
    /** Appends durably until dsync writes carry the acknowledgements. */
    async function dsyncStage(): Promise<{ here: Stage; kept: PlainRecord[] }> {
      const here = await stage(driver, { directIo: true, preallocateBytes: 512 * 1024 });
      const kept: PlainRecord[] = [];
      for (let next = 1; here.writer.stats().dsyncWrites === 0 && next < 500; next++) {
        kept.push(putOfSize(next, 4000));
        await here.writer.append(entryOf(putOfSize(next, 4000)), { sync: true });
      }
      return { here, kept };
    }

    test('that fails may have failed in its sync: poisoned, whatever the errno', async (context) => {
      for (const errno of ['EIO', 'ENOSPC', 'EINTR']) {
        const { here, kept } = await dsyncStage();
        if (here.writer.stats().dsyncWrites === 0) {
          await here.writer.close();
          context.skip('this file system is not known to honour dsync writes');
        }
        here.faults.next('write', fail(errno), 1, ({ dsync }) => dsync);
        const outcomes = await outcomesOf(append(here.writer, samplePuts(2, 900), true));
        expectAllRejected(outcomes, 'ERR_WAL_SYNC', errno);
        await expectPoisoned(here, errno);
        await expectReopens(here, driver, kept);
      }
    });

    test('that certainly failed in its write half is a failed write', async (context) => {
      const { here, kept } = await dsyncStage();
      if (here.writer.stats().dsyncWrites === 0) {
        await here.writer.close();
        context.skip('this file system is not known to honour dsync writes');
      }
      const fault = fail('EFBIG', { writeHalf: true });
      here.faults.next('write', fault, 1, ({ dsync }) => dsync);
      const outcomes = await outcomesOf(append(here.writer, samplePuts(2, 900), true));
      expectAllRejected(outcomes, 'ERR_WAL_WRITE', 'EFBIG');
      await expectGoesOn(here, kept);
    });

    test('is never used where something before it is not durable', async (context) => {
      const { here, kept } = await dsyncStage();
      if (here.writer.stats().dsyncWrites === 0) {
        await here.writer.close();
        context.skip('this file system is not known to honour dsync writes');
      }
      // Written, not durable; then durable behind it: a dsync write would cover the second alone.
      // A sync of zeros may come in between, and make the first durable.
      const wrong: number[] = [];
      here.faults.always('write', (operation) => {
        const { dsync, position } = operation;
        if (dsync && position > here.writer.stats().durableEnd) wrong.push(position);
        return operation.perform();
      });
      await here.writer.append(entryOf(putOfSize(900, 5000)));
      await here.writer.append(entryOf(putOfSize(901, 4000)), { sync: true });
      expect(wrong).toEqual([]);
      await expectGoesOn(here, [...kept, putOfSize(900, 5000), putOfSize(901, 4000)]);
    });
  });

  describe('close', () => {
    test('while a trim is under way: waits, then closes a whole log', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.next('write', fail('ENOSPC'));
      const trim = here.faults.gate('truncate');
      const appends = outcomesOf(append(here.writer, samplePuts(3, 3)));
      await trim.reached;
      const meanwhile = outcomesOf(append(here.writer, samplePuts(2, 6)));
      const closing = here.writer.close();
      trim.open();
      expectAllRejected(await appends, 'ERR_WAL_WRITE', 'ENOSPC');
      expectAllRejected(await meanwhile, 'ERR_WAL_WRITE', 'ENOSPC');
      await closing;
      expectLog(here.path, samplePuts(2));
      expectNothingHeld(here.path, ['test.wal']);
    });

    test('with waiters, when a write fails under it: all settle, the log is whole', async () => {
      const here = await stage(driver, { channelCapacity: 2 });
      await appendAll(here.writer, samplePuts(1));
      const write = here.faults.gate('write', fail('EIO'));
      const appends = append(here.writer, samplePuts(8, 2));
      const outcomes = outcomesOf(appends);
      const flushed = expectRejection(here.writer.flush(), 'ERR_WAL_WRITE', 'EIO');
      const closing = here.writer.close();
      await write.reached;
      write.open();
      expectAllRejected(await outcomes, 'ERR_WAL_WRITE', 'EIO');
      await flushed;
      await closing;
      expectLog(here.path, samplePuts(1));
      expectNothingHeld(here.path, ['test.wal']);
    });

    test('when its own sync fails: rejects, and everything is free', async () => {
      const here = await stage(driver);
      await appendAll(here.writer, samplePuts(2));
      here.faults.always('sync', fail('EIO'));
      await expectRejection(here.writer.close(), 'ERR_WAL_SYNC', 'EIO');
      expect(here.faults.count('sync')).toBe(1);
      expectNothingHeld(here.path, ['test.wal']);
    });

    test.each(['close', 'release'] as const)(
      'when %s fails: rejects, and all else is free',
      async (kind) => {
        const here = await stage(driver);
        await appendAll(here.writer, samplePuts(2));
        here.faults.next(kind, performAndFail('EIO'));
        const error = await expectRejection(here.writer.close(), 'ERR_WAL_SYNC', 'EIO');
        expect(error.path).toBe(here.path);
        expect(here.faults.count('close', 'release')).toBe(2);
        expectLog(here.path, samplePuts(2));
        expectNothingHeld(here.path, ['test.wal']);
      },
    );

    test('when it cannot cut what was zeroed ahead: rejects, and the log reads the same', async () => {
      const here = await stage(driver, { preallocateBytes: 256 * 1024 });
      const records: PlainRecord[] = [];
      const isAhead = (): boolean => statSync(here.path).size > here.writer.stats().end;
      for (let next = 1; next < 100 && !isAhead(); next++) {
        records.push(putOfSize(next, 16_000));
        await here.writer.append(entryOf(putOfSize(next, 16_000)), { sync: true });
      }
      expect(isAhead(), 'zeros stand ahead').toBe(true);
      const { length } = independentLog(records).bytes;
      here.faults.always('truncate', fail('EIO'));
      await expectRejection(here.writer.close(), 'ERR_WAL_SYNC', 'EIO');
      expectNothingHeld(here.path, ['test.wal']);
      expect(independentRead(readFileSync(here.path)).end).toBe(length);
      await expectReopens(here, driver, records);
    });
  });

  describe('zeroing ahead', () => {
    test.each(['ENOSPC', 'EOPNOTSUPP', 'EIO'])(
      'that fails with %s costs nothing',
      async (errno) => {
        const here = await stage(driver, { preallocateBytes: 256 * 1024 });
        here.faults.always('allocate', fail(errno));
        const records = Array.from({ length: 30 }, (_, index) => putOfSize(index + 1, 16_000));
        for (const record of records) await here.writer.append(entryOf(record), { sync: true });
        expect(here.faults.count('allocate')).toBeGreaterThan(0);
        await expectGoesOn(here, records);
      },
    );

    test('does not hide a failed sync between two parts of a write: the log is poisoned', async () => {
      const bytesAhead = 256 * 1024;
      const here = await stage(driver, { preallocateBytes: bytesAhead });
      const isZeroing = ({ length }: { readonly length: number }): boolean => length === bytesAhead;
      const cutInsideSector: Fault = (operation) => {
        here.faults.next('sync', fail('EIO'));
        return short(1000)(operation);
      };
      here.faults.next('write', cutInsideSector, 1, isZeroing);
      const records = Array.from({ length: 30 }, (_, index) => putOfSize(index + 1, 16_000));
      const outcomes = await outcomesOf(append(here.writer, records.slice(0, 10), true));
      for (const record of records.slice(10)) {
        outcomes.push(...(await outcomesOf(append(here.writer, [record], true))));
      }
      expect(here.faults.count('allocate')).toBe(1);
      expect(okOf(outcomes).at(-1)).toBe(false);
      await expectPoisoned(here, 'EIO');
    });
  });

  describe('memory that cannot be had', () => {
    test('for an append: that one rejects, the others are taken', async () => {
      const here = await stage(driver, { batchSize: 256 });
      await appendAll(here.writer, samplePuts(2));
      here.faults.refuseMemory(1);
      const outcomes = await outcomesOf(append(here.writer, [putOfSize(3, 100_000), samplePut(4)]));
      expect(okOf(outcomes)).toEqual([false, true]);
      expect(outcomes[0]).toMatchObject({
        error: { message: expect.stringMatching(/memory/) as string },
      });
      expect(here.writer.stats()).toMatchObject({ queuedRecords: 0, queuedBytes: 0 });
      await expectGoesOn(here, [...samplePuts(2), samplePut(4)]);
    });

    test('for an append behind a batch that was cut: what is taken goes out', async () => {
      const here = await stage(driver, { batchSize: 512, directIo: true });
      // Two blocks and a bit, of which a full batch writes the whole blocks.
      const first = putOfSize(1, 9000);
      const appends = append(here.writer, [first]);
      here.faults.refuseMemory(1);
      appends.push(...append(here.writer, [putOfSize(2, 9000)]));
      const outcomes = outcomesOf(appends);
      await here.writer.flush();
      expect(okOf(await outcomes)).toEqual([true, false]);
      expect(here.writer.stats()).toMatchObject({ appends: 2, acknowledged: 1, rejected: 1 });
      await expectGoesOn(here, [first]);
    });

    test('for one that waits: the same', async () => {
      const here = await stage(driver, { channelCapacity: 1, batchSize: 256 });
      await appendAll(here.writer, samplePuts(1));
      const write = here.faults.gate('write');
      const appends = append(here.writer, [samplePut(2), putOfSize(3, 100_000), samplePut(4)]);
      const outcomes = outcomesOf(appends);
      await write.reached;
      here.faults.refuseMemory(1);
      write.open();
      expect(okOf(await outcomes)).toEqual([true, false, true]);
      await expectGoesOn(here, [samplePut(1), samplePut(2), samplePut(4)]);
    });

    test('for reading the log: opening says so, and holds nothing', async () => {
      const path = freshLog();
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      faults.refuseMemory(1);
      const error = await expectRejection(
        UringWalWriter.open(path, { driver: faults }),
        'ERR_WAL_READ',
      );
      expect(error.message).toMatch(/no memory/);
      expectNothingHeld(path, ['test.wal']);
    });

    test('for zeroing ahead: the appends go on', async () => {
      const here = await stage(driver, { preallocateBytes: 256 * 1024 });
      const records = Array.from({ length: 30 }, (_, index) => putOfSize(index + 1, 16_000));
      await here.writer.append(entryOf(records[0] ?? samplePut(1)), { sync: true });
      // From here on, only zeroing needs new memory.
      here.faults.refuseMemory(Infinity);
      for (const record of records.slice(1)) {
        await here.writer.append(entryOf(record), { sync: true });
      }
      expect(here.faults.count('allocate')).toBe(0);
      await expectGoesOn(here, records);
    });
  });

  test('where O_DIRECT is refused, it goes without and says why', async () => {
    const path = freshLog();
    const faults = new FaultyDriver(newDriver(driver), { refuseDirect: 'not here' });
    onTestFinished(() => faults.close());
    const writer = await UringWalWriter.open(path, { driver: faults, directIo: true });
    expect(writer.driver).toMatchObject({ directIo: false, directIoRefused: 'not here' });
    await appendAll(writer, samplePuts(20), { sync: true });
    await writer.close();
    expectLog(path, samplePuts(20));
  });

  describe('opening', () => {
    const STEPS: readonly (readonly [Parameters<FaultyDriver['next']>[0], WalError['code']])[] = [
      ['lock', 'ERR_WAL_OPEN'],
      ['open', 'ERR_WAL_OPEN'],
      ['size', 'ERR_WAL_OPEN'],
      ['read', 'ERR_WAL_READ'],
      ['truncate', 'ERR_WAL_OPEN'],
      ['sync', 'ERR_WAL_OPEN'],
      ['syncDirectory', 'ERR_WAL_OPEN'],
    ];

    test.each(STEPS)('when %s fails: %s, nothing is held', async (kind, code) => {
      const path = freshLog();
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      const writer = await UringWalWriter.open(path, { driver: faults });
      const torn = independentLog(samplePuts(4)).bytes.subarray(0, -5);
      await appendAll(writer, samplePuts(3));
      await writer.close();
      writeFileSync(path, torn);
      faults.next(kind, fail('EIO'));
      const error = await expectRejection(
        UringWalWriter.open(path, { driver: faults }),
        code,
        'EIO',
      );
      expect(error.path).toBe(path);
      expectNothingHeld(path, ['test.wal']);
      const again = await UringWalWriter.open(path, { driver: faults });
      expect(again.recovery.records).toBe(3);
      await again.close();
      expectLog(path, samplePuts(3));
    });

    test('interrupted reads are tried again, short ones completed', async () => {
      const path = freshLog();
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      const writer = await UringWalWriter.open(path, { driver: faults });
      await appendAll(writer, samplePuts(300));
      await writer.close();
      let reads = 0;
      const faulty: Fault = (operation) =>
        ++reads % 2 === 0 ? short(4096)(operation) : fail('EINTR')(operation);
      faults.always('read', faulty);
      const again = await UringWalWriter.open(path, { driver: faults });
      expect(again.recovery.records).toBe(300);
      expect(reads).toBeGreaterThan(4);
      faults.heal();
      await again.close();
      expectLog(path, samplePuts(300));
    });
  });
});

/** Opens the log again, with a driver that works, and expects these records. */
async function expectReopens(
  { path }: Stage,
  driver: DriverName,
  records: readonly PlainRecord[],
): Promise<void> {
  const writer = await UringWalWriter.open(path, { driver });
  expect(writer.recovery.records).toBe(records.length);
  await writer.append(entryOf(samplePut(99_999)), { sync: true });
  await writer.close();
  await expectReplay(path, [...records, samplePut(99_999)], { driver });
  expectNothingHeld(path, ['test.wal']);
}

/** Comes back when everything that does not hang on a gate has had its turn. */
async function settleOthers(faults: FaultyDriver): Promise<void> {
  for (let quiet = 0; quiet < 20; quiet++) {
    const before = faults.operations.length;
    await new Promise((resolve) => setImmediate(resolve));
    if (faults.operations.length !== before) quiet = 0;
  }
}
