// Forgetting what a checkpoint covers, and dropping what was never committed: what goes, what
// stays, and what is there after the process died at any step of it.

import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { CrashDriver } from './test-tools/crash-driver.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { Gate, fail } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection } from './test-tools/rejections.js';
import { fillFiveSegments, newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import {
  copyOf,
  directoryLines,
  put,
  putLines,
  puts,
  readLines,
  readSegments,
} from './test-tools/wals.js';
import { Wal } from './wal.js';

const KIB = 1024;

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 4 * KIB });

  /** 35 entries in 5 segments of 7. */
  async function filled(directory = freshDirectory()): Promise<{ wal: Wal; directory: string }> {
    const wal = await open(directory);
    await fillFiveSegments(wal);
    return { wal, directory };
  }

  function names(directory: string): number[] {
    return readSegments(directory).map(({ name: file }) => Number(file.slice(4, -4)));
  }

  describe('truncateBefore', () => {
    test('removes whole segments that the checkpoint covers, and never the active one', async () => {
      const { wal, directory } = await filled();
      expect(await wal.truncateBefore(7)).toEqual({ removed: [], stopped: undefined });
      expect(await wal.truncateBefore(8n)).toEqual({ removed: [1], stopped: undefined });
      expect(await wal.truncateBefore(21n)).toEqual({ removed: [2], stopped: undefined });
      expect(await readLines(wal)).toEqual(putLines(21, 15, 500));
      expect(await wal.truncateBefore(36n)).toEqual({ removed: [3, 4], stopped: undefined });
      const { segments } = wal.stats();
      expect(segments).toBe(1);
      await wal.close();
      expect(names(directory)).toEqual([5]);
      const again = await open(directory);
      expect(await readLines(again)).toEqual(putLines(7, 29, 500));
      expect(again.recovery).toMatchObject({ segments: 1, entriesRecovered: 7n });
    });

    test('a sequence beyond the next one to come is refused, and nothing goes', async () => {
      const { wal, directory } = await filled();
      for (const beyond of [37n, 1000n, 2n ** 64n - 1n]) {
        expect(await rejectionOf(wal.truncateBefore(beyond))).toMatchObject({
          name: 'RangeError',
          message: `sequence ${String(beyond)}: the log ends at 35`,
        });
      }
      // Each in its turn: behind the append before it, and behind the cut before it.
      const appended = wal.append(put(36, 500));
      expect((await wal.truncateBefore(37n)).removed).toEqual([1, 2, 3, 4, 5]);
      await appended;
      const cut = wal.truncateAfter(35n);
      expect(await rejectionOf(wal.truncateBefore(37n))).toBeInstanceOf(RangeError);
      await cut;
      expect(await wal.truncateBefore(36n)).toEqual({ removed: [], stopped: undefined });
      const empty = await open(freshDirectory());
      expect(await rejectionOf(empty.truncateBefore(2n))).toMatchObject({
        message: 'sequence 2: the log ends at 0',
      });
      expect(await empty.truncateBefore(1n)).toEqual({ removed: [], stopped: undefined });
      await wal.close();
      expect(names(directory)).toEqual([6]);
    });

    test('two at once share the work', async () => {
      const { wal } = await filled();
      const both = await Promise.all([wal.truncateBefore(15n), wal.truncateBefore(22n)]);
      expect(both.map(({ removed }) => removed)).toEqual([[1, 2], [3]]);
    });

    test('a segment that a reader still needs stays', async () => {
      const { wal } = await filled();
      const [early, late] = [wal.read(), wal.read({ from: 20n })];
      for (const reader of [early, late]) await reader.next();
      expect(await wal.truncateBefore(36n)).toEqual({
        removed: [],
        stopped: expect.stringContaining("wal_00000001.log'") as string,
      });
      for (let count = 0; count < 7; count++) await early.next();
      expect((await wal.truncateBefore(36n)).removed).toEqual([1]);
      await early.return();
      expect(await wal.truncateBefore(36n)).toMatchObject({
        removed: [2],
        stopped: expect.stringContaining("wal_00000003.log'") as string,
      });
      const rest = [];
      for await (const { sequence } of late) rest.push(sequence);
      expect(rest.at(-1)).toBe(35n);
      expect((await wal.truncateBefore(36n)).removed).toEqual([3, 4]);
    });

    test('a cut that could not begin leaves no belief in zeros that it cut off', async (context) => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await Wal.open(directory, {
        driver,
        directIo: true,
        maxFileSize: 1024 * 1024,
      });
      onTestFinished(() => wal.close().catch(() => undefined));
      if (!wal.driver.directIo) context.skip(wal.driver.directIoRefused ?? 'no O_DIRECT');
      // The second segment is made ahead, full of zeros.
      for (let number = 1; number <= 12; number++) await wal.append(put(number, 100_000));
      const path = join(directory, 'wal_00000002.log');
      expect(statSync(path).size).toBe(1024 * 1024);
      driver.always('rename', fail('ENOSPC'));
      driver.always('remove', fail('EIO'));
      await rejectionOf(wal.truncateAfter(11n));
      driver.heal();
      const size = statSync(path).size;
      driver.forget();
      await wal.append(put(13));
      const beyond = driver.operations.filter(
        ({ kind, dsync, position, length }) =>
          kind === 'write' && dsync && position + length > size,
      );
      expect(beyond).toEqual([]);
    });

    test('a reader that has read all of a segment lets it go, also while it waits', async () => {
      const wal = await open(freshDirectory());
      await wal.appendMany(puts(5));
      const [waiting, idle] = [wal.read({ follow: true }), wal.read({ follow: true })];
      for (let count = 0; count < 5; count++) {
        await waiting.next();
        await idle.next();
      }
      const sixth = waiting.next();
      await wal.rotate();
      expect(await wal.truncateBefore(6n)).toEqual({ removed: [1], stopped: undefined });
      await wal.append(put(6));
      expect((await sixth).value).toMatchObject({ sequence: 6n });
      expect((await idle.next()).value).toMatchObject({ sequence: 6n });
      await Promise.all([waiting.return(), idle.return()]);
    });

    test('a reader that begins while segments are being checked keeps them', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver });
      await fillFiveSegments(wal);
      const gate = driver.gate('read');
      const truncated = wal.truncateBefore(36n);
      await gate.reached;
      const reader = wal.read();
      const first = reader.next();
      gate.open();
      expect((await truncated).removed).toEqual([]);
      expect((await first).value).toMatchObject({ sequence: 1n });
      await reader.return();
    });

    test('a segment that cannot be read, or is not what it was, is never removed', async () => {
      const { wal, directory } = await filled();
      const path = join(directory, 'wal_00000002.log');
      const good = readFileSync(path);
      for (const damage of ['flip', 'short', 'long', 'gone', 'directory']) {
        const bytes = Buffer.from(good);
        bytes.writeUInt8(bytes.readUInt8(2000) ^ 4, 2000);
        rmSync(path, { force: true });
        if (damage === 'flip') writeFileSync(path, bytes);
        if (damage === 'short') writeFileSync(path, good.subarray(0, 3000));
        if (damage === 'long') writeFileSync(path, Buffer.concat([good, Buffer.alloc(1)]));
        if (damage === 'directory') mkdirSync(path);
        const { removed, stopped } = await wal.truncateBefore(36n);
        expect(removed, damage).toEqual(damage === 'flip' ? [1] : []);
        expect(stopped, damage).toContain(path);
        if (damage === 'directory') rmSync(path, { recursive: true });
      }
      writeFileSync(path, good);
      expect((await wal.truncateBefore(36n)).removed).toEqual([2, 3, 4]);
    });

    test('a removal that fails: what was not removed is still part of the log', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver });
      await fillFiveSegments(wal);
      driver.next('remove', (operation) => operation.perform());
      driver.next('remove', fail('EPERM'), 1, ({ path }) => path.endsWith('3.log'));
      const error = await expectRejection(wal.truncateBefore(36n), 'ERR_WAL_WRITE', 'EPERM');
      expect(error.message).toContain('wal_00000003.log');
      expect(await readLines(wal)).toEqual(putLines(21, 15, 500));
      expect((await wal.truncateBefore(36n)).removed).toEqual([3, 4]);
    });

    test.each(['acknowledged as written', 'not yet acknowledged'])(
      'a checkpoint in the log, %s, is durable before anything is removed',
      async (state) => {
        const driver = newFaultyDriver(name);
        const wal = await open(freshDirectory(), { driver, sync: 'manual' });
        await wal.appendMany(puts(15, 1, 500));
        const appended = wal.put('checkpoint', 'all of it');
        if (state === 'acknowledged as written') await appended;
        driver.forget();
        expect(await wal.truncateBefore(15n)).toEqual({ removed: [1, 2], stopped: undefined });
        const { sequence, segment } = await appended;
        const active = `wal_0000000${String(segment)}.log`;
        const kinds = driver.operations.map(({ kind, path, dsync }) => {
          const isSync = kind === 'sync' || (kind === 'write' && dsync);
          return isSync && path.endsWith(active) ? 'durable' : kind;
        });
        expect(kinds.slice(0, kinds.indexOf('rename'))).toContain('durable');
        // Each removal is durable before the next begins.
        const ordered = ['rename', 'syncDirectory', 'remove', 'syncDirectory', 'remove'];
        const isOrdered = (kind: string): boolean => ordered.includes(kind);
        expect(kinds.filter(isOrdered).slice(-6)).toEqual([...ordered, 'syncDirectory']);
        expect(wal.durableSequence).toBe(sequence);
        // It has its zeros ahead, and goes on.
        expect(await wal.put('more', '', { sync: true })).toMatchObject({ segment });
      },
    );

    test('where that checkpoint cannot be made durable, nothing is removed', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver, sync: 'manual' });
      await wal.appendMany(puts(16, 1, 500));
      driver.next('sync', fail('EIO'), 1, ({ path }) => path.endsWith('wal_00000003.log'));
      await expectRejection(wal.truncateBefore(15n), 'ERR_WAL_SYNC', 'EIO');
      await expectRejection(wal.truncateBefore(15n), 'ERR_WAL_POISONED', 'EIO');
      await rejectionOf(wal.close());
      expect(names(directory)).toEqual([1, 2, 3]);
    });

    test('appends that find no room in the log do not keep it from making some', async () => {
      const wal = await open(freshDirectory(), { maxWalFilesHard: 3, sync: 'manual' });
      await wal.appendMany(puts(21, 1, 500));
      const refused = puts(3, 22, 500).map((entry) => rejectionOf(wal.append(entry)));
      expect(await wal.truncateBefore(15n)).toMatchObject({ removed: [1, 2] });
      for (const error of await Promise.all(refused)) {
        expect(error).toMatchObject({ code: 'ERR_WAL_FULL' });
      }
      expect(await wal.append(put(22, 500))).toMatchObject({ sequence: 22n, segment: 4 });
    });

    test('after a crash at any step, what the checkpoint does not cover is there', async () => {
      const { wal, directory } = await filled();
      await wal.close();
      let steps = 0;
      for (let hasCrashed = true; hasCrashed; steps++) {
        const copy = copyOf(directory);
        const driver = new CrashDriver(newDriver(name), steps);
        const crashed = await crash(driver, copy, (dying) => dying.truncateBefore(22n));
        hasCrashed = driver.hasCrashed;
        await driver.bury();
        const again = await open(copy);
        const [first] = await readLines(again);
        const lowest = Number(first?.split(' ')[0]);
        expect([1, 8, 15, 22], `step ${String(steps)}`).toContain(lowest);
        if (!hasCrashed) expect([lowest, crashed]).toEqual([22, undefined]);
        expect(await readLines(again)).toEqual(putLines(36 - lowest, lowest, 500));
        expect(await again.append(put(36, 500))).toMatchObject({ sequence: 36n });
        expect((await again.truncateBefore(22n)).stopped).toBe(undefined);
        await again.close();
        expect(names(copy)).toEqual([4, 5, 6]);
      }
      expect(steps).toBeGreaterThan(15);
    });
  });

  describe('truncateAfter', () => {
    test('drops what has a higher sequence, and assigns it again', async () => {
      const { wal, directory } = await filled();
      await wal.truncateAfter(35n);
      await wal.truncateAfter(30n);
      expect([wal.writtenSequence, wal.durableSequence]).toEqual([30n, 30n]);
      expect(await wal.append(put(31, 500))).toMatchObject({ sequence: 31n, segment: 5 });
      await wal.truncateAfter(14);
      expect(names(directory)).toEqual([1, 2, 3]);
      expect(await wal.append(put(15, 500))).toMatchObject({
        sequence: 15n,
        segment: 3,
        offset: 0,
      });
      await wal.truncateAfter(0n);
      expect(wal.stats()).toMatchObject({ segments: 1, bytes: 0 });
      expect(await readLines(wal)).toEqual([]);
      await wal.appendMany(puts(20, 1, 300));
      await wal.close();
      expect(directoryLines(directory)).toEqual(putLines(20, 1, 300));
      const again = await open(directory, { verifyAll: true });
      expect(await readLines(again)).toEqual(putLines(20, 1, 300));
    });

    test('not below what a checkpoint left, and not inside an atomic batch', async () => {
      const { wal } = await filled();
      await wal.appendBatch(puts(3, 36));
      await wal.append(put(39));
      await wal.truncateBefore(15n);
      expect(await rejectionOf(wal.truncateAfter(13n))).toBeInstanceOf(RangeError);
      expect(await rejectionOf(wal.truncateAfter(40n))).toBeInstanceOf(RangeError);
      for (const inside of [36n, 37n]) {
        expect(await rejectionOf(wal.truncateAfter(inside))).toMatchObject({
          name: 'RangeError',
          message: `sequence ${String(inside)} is inside an atomic batch`,
        });
      }
      await wal.truncateAfter(38n);
      await wal.truncateAfter(35n);
      await wal.truncateAfter(14n);
      expect(wal.stats().bytes).toBe(0);
      expect(await wal.append(put(15))).toMatchObject({ sequence: 15n });
    });

    test('a refused one harms nobody who waits', async () => {
      const { wal } = await filled();
      const refused = rejectionOf(wal.truncateAfter(99n));
      const append = wal.append(put(36, 500));
      expect(await refused).toBeInstanceOf(RangeError);
      expect(await append).toMatchObject({ sequence: 36n });
    });

    test('appends that come meanwhile go behind the cut', async () => {
      const { wal, directory } = await filled();
      const appends = [wal.append(put(36, 500)), wal.append(put(37, 500))];
      const cut = wal.truncateAfter(10n);
      const behind = puts(20, 11, 500).map((entry) => wal.append(entry));
      await Promise.all([...appends, cut]);
      const positions = await Promise.all(behind);
      expect(positions.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 20 }, (_, index) => BigInt(index + 11)),
      );
      await wal.close();
      expect(directoryLines(directory)).toEqual(putLines(30, 1, 500));
    });

    test('figures while it is under way, and when it has failed: nothing counts twice', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver });
      await fillFiveSegments(wal);
      const { batches, bytesWritten, bytes } = wal.stats();
      const cut = new Gate(fail('EIO'));
      driver.next('truncate', cut.fault, 1, ({ path }) => path.endsWith('2.log'));
      const failed = rejectionOf(wal.truncateAfter(10n));
      await cut.reached;
      onTestFinished(() => {
        cut.open();
      });
      expect(wal.stats()).toMatchObject({ batches, bytesWritten, segments: 2 });
      expect(wal.stats().bytes).toBeLessThan(bytes / 2);
      cut.open();
      expect(await failed).toMatchObject({ errno: 'EIO' });
      expect(wal.stats()).toMatchObject({ batches, bytesWritten, segments: 2 });
    });

    test('a reader goes on below the cut, and is told when it was beyond', async () => {
      const { wal } = await filled();
      const [below, beyond, follower] = [wal.read(), wal.read(), wal.read({ follow: true })];
      for (let count = 0; count < 5; count++) await below.next();
      for (let count = 0; count < 15; count++) await beyond.next();
      for (let count = 0; count < 35; count++) await follower.next();
      const waiting = rejectionOf(follower.next());
      await wal.truncateAfter(12n);
      expect(await waiting).toMatchObject({ code: 'ERR_WAL_READ', sequence: 12n });
      const error = await expectRejection(beyond.next(), 'ERR_WAL_READ');
      expect(error.message).toContain('cut back to sequence 12 after it was read to 15');
      await wal.appendMany(puts(10, 13, 400));
      const rest = [];
      for await (const { sequence } of below) rest.push(sequence);
      expect(rest).toEqual(Array.from({ length: rest.length }, (_, index) => BigInt(index + 6)));
      expect(rest.length).toBeGreaterThanOrEqual(7);
    });

    test('one that cannot begin leaves the log as it was', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver, maxFileSize: 64 * KIB });
      await wal.appendMany(puts(3));
      driver.always('open', fail('ENOSPC'));
      await expectRejection(wal.truncateAfter(2n), 'ERR_WAL_READ', 'ENOSPC');
      driver.heal();
      driver.next('open', fail('ENOSPC'), 1, ({ path }) => path.endsWith('.draft'));
      driver.next('remove', fail('EIO'), Infinity, ({ path }) => path.endsWith('wal_manifest'));
      const error = await expectRejection(wal.truncateAfter(2n), 'ERR_WAL_WRITE');
      expect(error.message).toContain('nothing was changed');
      driver.heal();
      expect(await wal.append(put(4))).toMatchObject({ sequence: 4n });
      expect(await readLines(wal)).toEqual(putLines(4));
    });

    const isNext = ({ path }: { path: string }): boolean => path.endsWith('6.log');

    test.each(['close', 'remove'] as const)('no next file behind a gap: %s', async (kind) => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver });
      await fillFiveSegments(wal);
      driver.next(kind, fail('EIO'), 1, isNext);
      const error = await expectRejection(wal.truncateAfter(10n), 'ERR_WAL_WRITE');
      expect(error.message).toContain('nothing was changed');
      expect(await readLines(wal)).toEqual(putLines(35, 1, 500));
      await wal.truncateAfter(10n);
      await wal.close();
      expect(readdirSync(directory).sort()).toEqual([
        'wal_00000001.log',
        'wal_00000002.log',
        'wal_manifest',
      ]);
      expect(await readLines(await open(directory))).toEqual(putLines(10, 1, 500));
    });

    test('nor is what is left of one that could not be made', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver });
      driver.next('truncate', fail('EIO'), 1, isNext);
      driver.next('remove', fail('EIO'), 1, isNext);
      await fillFiveSegments(wal);
      await wal.truncateAfter(10n);
      await wal.close();
      expect(names(directory)).toEqual([1, 2]);
      expect(await readLines(await open(directory))).toEqual(putLines(10, 1, 500));
    });

    test('one that fails half-way poisons', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver });
      await fillFiveSegments(wal);
      driver.next('remove', fail('EIO'), 1, ({ path }) => path.endsWith('4.log'));
      const waiting = [rejectionOf(wal.truncateAfter(10n)), rejectionOf(wal.append(put(1)))];
      for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ errno: 'EIO' });
      await expectRejection(wal.append(put(36)), 'ERR_WAL_POISONED');
      await expectRejection(wal.close(), 'ERR_WAL_POISONED');
      const again = await open(directory);
      expect(await readLines(again)).toEqual(putLines(28, 1, 500));
      await again.truncateAfter(10n);
      expect(await readLines(again)).toEqual(putLines(10, 1, 500));
    });

    test('one that fails behind a segment without a record spoils nothing below', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver, preallocateBytes: 0 });
      await wal.appendMany(puts(14, 1, 500));
      driver.next('write', fail('ENOSPC'), 1, ({ path }) => path.endsWith('3.log'));
      await expectRejection(wal.append(put(15, 500)), 'ERR_WAL_WRITE', 'ENOSPC');
      // Without a manifest in the way of a new one, what closing says is written.
      driver.next('write', fail('ENOSPC'), 1, ({ path }) => path.endsWith('.draft'));
      driver.next('sync', fail('EIO'), 1, ({ path }) => path.endsWith('2.log'));
      await expectRejection(wal.truncateAfter(10n), 'ERR_WAL_WRITE', 'EIO');
      await expectRejection(wal.close(), 'ERR_WAL_POISONED');
      const again = await open(directory);
      expect(again.recovery.entriesRecovered).toBe(10n);
      expect(await readLines(again)).toEqual(putLines(10, 1, 500));
      expect(await readLines(again, { from: 10n })).toEqual(putLines(1, 10, 500));
    });

    test.each([10n, 33n])('to %s: after a crash at any step, what stays is there', async (to) => {
      const { wal, directory } = await filled();
      await wal.close();
      let steps = 0;
      for (let hasCrashed = true; hasCrashed; steps++) {
        const copy = copyOf(directory);
        const driver = new CrashDriver(newDriver(name), steps);
        const crashed = await crash(driver, copy, (dying) => dying.truncateAfter(to));
        hasCrashed = driver.hasCrashed;
        await driver.bury();
        const again = await open(copy, steps % 2 === 0 ? {} : { verifyAll: true });
        const lines = await readLines(again);
        expect(lines.length, `step ${String(steps)}`).toBeGreaterThanOrEqual(Number(to));
        expect(lines).toEqual(putLines(lines.length, 1, 500));
        if (!hasCrashed) expect([lines.length, crashed]).toEqual([Number(to), undefined]);
        await again.truncateAfter(to);
        expect(await again.append(put(to + 1n, 500))).toMatchObject({ sequence: to + 1n });
        await again.close();
        expect(directoryLines(copy)).toEqual(putLines(Number(to) + 1, 1, 500));
        expect(existsSync(join(copy, 'wal.lock'))).toBe(false);
      }
      expect(steps).toBeGreaterThan(14);
    });
  });

  /** Opens, runs and closes until the driver dies of it; returns what that was like. */
  async function crash(
    driver: CrashDriver,
    directory: string,
    run: (wal: Wal) => Promise<unknown>,
  ): Promise<unknown> {
    let dying: Wal;
    try {
      dying = await Wal.open(directory, { driver, maxFileSize: 4 * KIB });
    } catch (error) {
      return error;
    }
    try {
      await run(dying);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await dying.close().catch(() => undefined);
    }
  }
});
