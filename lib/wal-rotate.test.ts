// Going over to the next segment: when, at what cost, and what happens when it cannot be made.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import type { IoMemory } from './io/driver.js';
import type { WarningEvent } from './diagnostics.js';
import { forEachDriver } from './test-tools/drivers.js';
import { fail, performAndFail } from './test-tools/faulty-driver.js';
import { expectNothingHeld, freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection, expectWalError } from './test-tools/rejections.js';
import { newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import {
  directoryLines,
  put,
  putLines,
  puts,
  readLines,
  readSegments,
  segmentPath,
} from './test-tools/wals.js';

const KIB = 1024;

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 4 * KIB });

  const isSegment = ({ path }: { path: string }): boolean => /wal_\d+\.log$/.test(path);

  describe('rotation', () => {
    test('by size: no segment is larger, none is split, nothing is lost', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { sync: 'manual' });
      const entries = Array.from({ length: 300 }, (_, index) => put(index + 1, (index * 37) % 900));
      await Promise.all(entries.map((entry) => wal.append(entry)));
      const lines = await readLines(wal);
      await wal.close();
      const segments = readSegments(directory);
      expect(segments.length).toBeGreaterThan(30);
      for (const [index, { name: file, bytes, end, entries: inside }] of segments.entries()) {
        expect(file).toBe(`wal_${String(index + 1).padStart(8, '0')}.log`);
        expect(end, 'no byte more than its records').toBe(bytes.length);
        expect(bytes.length).toBeLessThanOrEqual(4 * KIB);
        const next = segments[index + 1]?.entries[0] === undefined ? 0 : 4 * KIB - 1000;
        expect(bytes.length).toBeGreaterThan(next);
        expect(inside.length).toBeGreaterThan(0);
      }
      expect(directoryLines(directory)).toEqual(lines);
      expect(lines.length).toBe(300);
      expect(lines.map((line) => line.split(' ')[0])).toEqual(entries.map((_, i) => String(i + 1)));
    });

    test('by hand, and no effect on an empty segment', async () => {
      const directory = freshDirectory();
      const wal = await open(directory);
      await wal.rotate();
      expect(wal.stats()).toMatchObject({ segments: 1, rotations: 0 });
      expect(await wal.put('a', '')).toMatchObject({ segment: 1 });
      const [, second] = await Promise.all([wal.rotate(), wal.put('b', ''), wal.rotate()]);
      expect(second).toMatchObject({ sequence: 2n, segment: 2, offset: 0 });
      await wal.rotate();
      expect(await wal.put('c', '')).toMatchObject({ sequence: 3n, segment: 3, offset: 0 });
      expect(wal.stats()).toMatchObject({ segments: 3, rotations: 2 });
    });

    test('the next segment is made before it is needed', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver, maxFileSize: 64 * KIB });
      await wal.put('a', '');
      const spare = join(directory, 'wal_00000002.log');
      while (!existsSync(spare) || readFileSync(spare).length < 64 * KIB) await wal.put('b', '');
      while (!driver.operations.some(({ kind }) => kind === 'syncDirectory'))
        await wal.put('b', '');
      driver.always('open', fail('ENOSPC'));
      await wal.rotate();
      driver.heal();
      expect(await wal.put('c', '')).toMatchObject({ segment: 2 });
      await wal.close();
      expect(existsSync(join(directory, 'wal_00000003.log')), 'nothing unused stays').toBe(false);
    });

    test('finds its segment made, zeroed and entered in the directory', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver, maxFileSize: 1024 * KIB });
      const entry = put(1, 32 * KIB);
      for (let segment = 1; segment <= 3; segment++) {
        // More than half full: the next one is being made.
        while (wal.stats().bytes < (segment - 0.3) * 1000 * KIB) await wal.append(entry);
        const next = segmentPath(directory, segment + 1);
        const isMade = ({ kind, path }: { kind: string; path: string }): boolean =>
          (kind === 'sync' && path === next) || kind === 'syncDirectory';
        while (driver.operations.filter(isMade).length < 2) await new Promise(setImmediate);
        driver.forget();
        let position = await wal.append(entry);
        for (; position.segment === segment; position = await wal.append(entry)) driver.forget();
        expect(position).toMatchObject({ segment: segment + 1, offset: 0 });
        // Since the last acknowledgement in the old segment; the manifest is nobody's to wait for.
        const since = driver.operations.filter(({ path }) => !path.includes('manifest'));
        const told = since.map(({ kind, path }) => `${kind} ${path.slice(-5)}`);
        const old = `${String(segment)}.log`;
        const now = `${String(segment + 1)}.log`;
        const allowed = [`truncate ${old}`, `sync ${old}`, `close ${old}`, `write ${now}`];
        expect(told.filter((each) => ![...allowed, `sync ${now}`].includes(each))).toEqual([]);
        expect(told.filter((each) => each === `write ${now}`).length).toBe(1);
        expect(since.every(({ length }) => length <= 40 * KIB)).toBe(true);
        // In front of the write there is nothing but the sealing.
        const all = driver.operations.map(({ kind, path }) => `${kind} ${path.slice(-5)}`);
        expect(all.slice(0, all.indexOf(`write ${now}`))).toEqual([
          `truncate ${old}`,
          `sync ${old}`,
        ]);
      }
    });

    test('appends do not wait for the sealed file to be closed; close does', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver });
      await wal.appendMany(puts(7, 1, 500));
      const gate = driver.gate('close');
      expect(await wal.append(put(8, 500))).toMatchObject({ segment: 2 });
      await gate.reached;
      expect(await wal.append(put(9, 500))).toMatchObject({ segment: 2 });
      let isClosed = false;
      const closed = wal.close().then(() => (isClosed = true));
      while (driver.operations.filter(({ kind }) => kind === 'close').length < 3) await tick();
      for (let turn = 0; turn < 20; turn++) await tick();
      expect(isClosed).toBe(false);
      gate.open();
      await closed;
      expectNothingHeld(join(directory, 'x'), [
        ...['wal_00000001.log', 'wal_00000002.log', 'wal_manifest'],
      ]);
    });

    test('batches use the memory of those in the segments before; close gives it back', async () => {
      const driver = newFaultyDriver(name);
      const held = new Set<IoMemory>();
      const memory = driver.memory.bind(driver);
      vi.spyOn(driver, 'memory').mockImplementation((bytes) => {
        const given = memory(bytes);
        held.add(given);
        const release = given.release.bind(given);
        vi.spyOn(given, 'release').mockImplementation(() => {
          held.delete(given);
          release();
        });
        return given;
      });
      // No file is zeroed ahead, so memory is for batches alone.
      const wal = await open(freshDirectory(), { driver, preallocateBytes: 0 });
      await wal.append(put(1, 500));
      const [known] = held;
      for (let id = 2; id <= 30; id++) await wal.append(put(id, 500));
      expect(wal.stats().rotations).toBe(4);
      // The manifest grows beside the appends, and has memory of its own until it has.
      await vi.waitFor(() => {
        expect([...held].map((each) => each === known)).toEqual([true]);
      });
      await wal.close();
      expect(held.size).toBe(0);
    });

    test('costs the manifest as much with many segments as with few', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const path = join(directory, 'wal_manifest');
      let wal = await open(directory, { driver });
      const added: number[] = [];
      for (let count = 0; count < 60; count++) {
        await wal.put('key', '');
        const before = readFileSync(path);
        driver.forget();
        await wal.rotate();
        // No appends meanwhile: on a slow disk they would fill the segment.
        while (readFileSync(path).length === before.length) await new Promise(setImmediate);
        const now = readFileSync(path);
        expect(now.subarray(0, before.length).equals(before), 'it grows').toBe(true);
        added.push(now.length - before.length);
        const isDraft = ({ path: file }: { path: string }): boolean => file.includes('manifest.');
        expect(driver.operations.filter(isDraft)).toEqual([]);
      }
      // A line is a line, be there 2 segments or 60: numbers have more digits, and a line may tell of
      // an append more. A whole manifest has twenty times as many bytes.
      expect(Math.max(...added) - Math.min(...added)).toBeLessThan(100);
      expect(readFileSync(path).length).toBeGreaterThan(20 * Math.max(...added));
      await wal.close();
      wal = await open(directory);
      expect(wal.recovery).toMatchObject({ segments: 61, bytesRead: 0 });
    });

    test.each(['write', 'sync', 'open'] as const)(
      'a line of the manifest whose %s fails: it is replaced as a whole, and nothing is lost',
      async (kind) => {
        const driver = newFaultyDriver(name);
        const directory = freshDirectory();
        const path = join(directory, 'wal_manifest');
        let wal = await open(directory, { driver });
        driver.next(kind, fail('EIO'), 1, (operation) => operation.path === path);
        for (let count = 0; count < 3; count++) {
          await wal.put('key', '');
          await wal.rotate();
        }
        await wal.close();
        expect(driver.operations.filter((one) => one.kind === 'rename').length).toBe(2);
        wal = await open(directory);
        expect(wal.recovery).toMatchObject({ segments: 4, bytesRead: 0, entriesRecovered: 3n });
        await wal.close();
      },
    );

    test('warns beyond maxWalFiles, and deletes nothing', async () => {
      const directory = freshDirectory();
      const warnings: string[] = [];
      const onWarning = (message: string): void => void warnings.push(message);
      const events: WarningEvent[] = [];
      const listener = (event: unknown): void => void events.push(event as WarningEvent);
      subscribe('uring-wal:warning', listener);
      onTestFinished(() => void unsubscribe('uring-wal:warning', listener));
      const options = { maxWalFiles: 2, onWarning };
      const wal = await open(directory, options);
      await wal.appendMany(puts(30, 1, 500));
      const { segments } = wal.stats();
      expect(segments).toBeGreaterThan(4);
      expect(warnings.length).toBe(segments - 2);
      expect(warnings[0]).toMatch(/has 3 segments, more than maxWalFiles \(2\)/);
      expect(events).toEqual(
        warnings.map((message, index) => ({ path: directory, message, segments: index + 3 })),
      );
      expect(readSegments(directory).flatMap(({ entries }) => entries)).toEqual(
        putLines(30, 1, 500),
      );
      await wal.close();
      await open(directory, options);
      expect(warnings.length).toBe(segments - 1);
    });

    test.each([0, 1, 2, 3, 4, 5, 6, 8])(
      'a rotation that fails rejects what is appended before it is told: %i steps later',
      async (steps) => {
        const wal = await open(freshDirectory(), { maxWalFilesHard: 1 });
        await wal.append(put(1, 3000));
        let isTold = false;
        const refused = wal.append(put(2, 3000)).catch((error: unknown) => {
          isTold = true;
          return error;
        });
        for (let step = 0; step < steps; step++) await Promise.resolve();
        const wasTold = isTold;
        const small = wal.append(put(3, 10)).then(
          () => 'acknowledged',
          () => 'rejected',
        );
        expectWalError(await refused, 'ERR_WAL_FULL');
        expect(await small).toBe(wasTold ? 'acknowledged' : 'rejected');
        // Whoever knows of it goes on.
        await wal.append(put(4, 10));
      },
    );

    test('after an exchange that was refused, zeros ahead go on', async (context) => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), {
        driver,
        maxFileSize: 16 * 1024 * KIB,
        directIo: true,
      });
      const { driver: used } = wal;
      if (!used.directIo) context.skip(used.directIoRefused ?? 'no O_DIRECT');
      expect(await rejectionOf(wal.truncateAfter(999n))).toBeInstanceOf(RangeError);
      for (let number = 1; number <= 300; number++) await wal.append(put(number));
      // The first segment's file is made without zeros: what comes later is ahead of the log.
      const ahead = driver.operations.filter(
        ({ kind, path }) => kind === 'allocate' && path.endsWith('wal_00000001.log'),
      );
      expect(ahead.length).toBeGreaterThan(0);
    });

    test('maxWalFilesHard refuses, and goes on after a checkpoint', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { maxWalFilesHard: 2, maxWalFiles: 1 });
      await wal.appendMany(puts(14, 1, 500));
      const full = await expectRejection(wal.appendMany(puts(3, 15, 500)), 'ERR_WAL_FULL');
      expect(full.message).toMatch(
        /2 segments \(maxWalFilesHard\): checkpoint, then truncateBefore/,
      );
      // One more may be asked for, for a checkpoint; what fits still goes in, and a refused rotation
      // harms nobody who waits.
      await wal.rotate();
      expect(await wal.put('small', '')).toMatchObject({ sequence: 15n, segment: 3 });
      const refused = rejectionOf(wal.rotate());
      expect(await wal.put('small', '')).toMatchObject({ sequence: 16n, segment: 3 });
      expect(await refused).toMatchObject({ code: 'ERR_WAL_FULL' });
      expect(await wal.truncateBefore(15n)).toMatchObject({ removed: [1, 2] });
      expect(await wal.appendMany(puts(3, 17, 500))).toMatchObject({ sequences: [17n, 18n, 19n] });
      const lines = await readLines(wal);
      expect(lines.at(-1)).toEqual(putLines(1, 19, 500)[0]);
      expect(lines.length).toBe(5);
    });
  });

  describe('a rotation that fails', () => {
    test('no space for the next segment: appends reject, and later the log goes on', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver });
      driver.always('open', fail('ENOSPC'));
      await wal.appendMany(puts(7, 1, 500));
      for (let round = 0; round < 3; round++) {
        const refused = [put(8, 500), put(9, 500)].map((entry) => wal.append(entry));
        for (const append of refused) await expectRejection(append, 'ERR_WAL_WRITE', 'ENOSPC');
      }
      expect(await wal.put('small', '')).toMatchObject({ sequence: 8n, segment: 1 });
      driver.heal();
      expect(await wal.appendMany(puts(3, 9, 500))).toMatchObject({
        sequences: [9n, 10n, 11n],
        segments: [2, 2, 2],
      });
      await wal.close();
      expect(directoryLines(directory).length).toBe(11);
      expectNothingHeld(join(directory, 'x'), [
        'wal_00000001.log',
        'wal_00000002.log',
        'wal_manifest',
      ]);
    });

    test.each(['sync', 'truncate', 'write'] as const)(
      'no space for its %s: no half-made segment stays',
      async (kind) => {
        const driver = newFaultyDriver(name);
        const directory = freshDirectory();
        const wal = await open(directory, { driver });
        // Twice: once in the background, once when it is needed. Zeros ahead are not needed.
        driver.next(kind, fail('ENOSPC'), kind === 'write' ? 1 : 2, ({ path }) =>
          path.endsWith('wal_00000002.log'),
        );
        await wal.appendMany(puts(7, 1, 500));
        const append = wal.append(put(8, 500));
        if (kind === 'write') expect(await append).toMatchObject({ sequence: 8n, segment: 2 });
        else await expectRejection(append, 'ERR_WAL_WRITE', 'ENOSPC');
        const isThere = existsSync(join(directory, 'wal_00000002.log'));
        expect(isThere).toBe(kind === 'write');
        driver.heal();
        if (kind !== 'write') expect(await wal.append(put(8, 500))).toMatchObject({ segment: 2 });
        await wal.close();
        expect(directoryLines(directory)).toEqual(putLines(8, 1, 500));
      },
    );

    test('a sync that fails while sealing poisons, and nothing comes behind it', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver, sync: 'manual' });
      await wal.appendMany(puts(7, 1, 500));
      driver.next('sync', fail('EIO'), 1, ({ path }) => path.endsWith('wal_00000001.log'));
      const error = await expectRejection(wal.append(put(8, 500)), 'ERR_WAL_SYNC', 'EIO');
      expect(error.path).toBe(join(directory, 'wal_00000001.log'));
      await expectRejection(wal.append(put(8, 500)), 'ERR_WAL_POISONED', 'EIO');
      await expectRejection(wal.rotate(), 'ERR_WAL_POISONED');
      await expectRejection(wal.truncateBefore(3n), 'ERR_WAL_POISONED');
      await expectRejection(wal.close(), 'ERR_WAL_POISONED', 'EIO');
      expect(directoryLines(directory)).toEqual(putLines(7, 1, 500));
      const again = await open(directory);
      expect(await again.append(put(8, 500))).toMatchObject({ sequence: 8n, segment: 2 });
    });

    test('a directory sync that fails poisons: the next would only say that all is well', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver, sync: 'manual' });
      driver.next('syncDirectory', performAndFail('EIO'));
      let error: unknown;
      while (error === undefined) {
        await wal.put('a', '').catch((cause: unknown) => {
          error = cause;
        });
      }
      expect(error).toMatchObject({ errno: 'EIO' });
      await expectRejection(wal.append(put(8, 500)), 'ERR_WAL_POISONED', 'EIO');
      await expectRejection(wal.close(), 'ERR_WAL_POISONED');
      const again = await open(directory);
      const { writtenSequence } = wal;
      expect(await readLines(again)).toHaveLength(Number(writtenSequence));
      expect(await again.put('b', '')).toMatchObject({ sequence: (writtenSequence ?? 0n) + 1n });
    });

    test('closing the sealed file may fail: it is durable already', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver });
      await wal.appendMany(puts(7, 1, 500));
      driver.next('close', performAndFail('EIO'), 1, isSegment);
      expect(await wal.append(put(8, 500))).toMatchObject({ sequence: 8n, segment: 2 });
    });

    test('never takes over a file that somebody else put there', async () => {
      const directory = freshDirectory();
      const wal = await open(directory);
      const path = join(directory, 'wal_00000002.log');
      writeFileSync(path, 'precious');
      await wal.appendMany(puts(7, 1, 500));
      const error = await expectRejection(wal.append(put(8, 500)), 'ERR_WAL_WRITE');
      expect(error.message).toContain(`'${path}' is in the way`);
      expect(readFileSync(path, 'utf8')).toBe('precious');
    });

    test('close while a rotation is under way, and others wait for theirs', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      const wal = await open(directory, { driver });
      const appends = puts(20, 1, 500).map((entry) => wal.append(entry));
      const gate = driver.gate('syncDirectory');
      await gate.reached;
      const rotations = [wal.rotate(), wal.truncateAfter(15n), wal.rotate()];
      const closed = wal.close();
      gate.open();
      await Promise.all([...appends, ...rotations, closed]);
      expect(directoryLines(directory)).toEqual(putLines(15, 1, 500));
      const files = readdirSync(directory);
      expect(files.filter((file) => !/^wal_(\d{8}\.log|manifest)$/.test(file))).toEqual([]);
    });

    test('a manifest that cannot be written is no failure of the log', async () => {
      const driver = newFaultyDriver(name);
      const directory = freshDirectory();
      mkdirSync(join(directory, 'wal_manifest.draft'));
      const wal = await open(directory, { driver });
      await wal.appendMany(puts(20, 1, 500));
      await wal.close();
      expect(existsSync(join(directory, 'wal_manifest'))).toBe(false);
      const again = await open(directory);
      expect(await readLines(again)).toEqual(putLines(20, 1, 500));
      expect(again.recovery.bytesRead).toBe(again.recovery.bytesRecovered);
      // A checkpoint can do without as well, while a record is left to tell the next sequence.
      expect(await again.truncateBefore(16n)).toMatchObject({ removed: [1, 2] });
      await again.rotate();
      await expectRejection(again.truncateBefore(21n), 'ERR_WAL_WRITE');
      expect(await readLines(again)).toEqual(putLines(6, 15, 500));
    });
  });
});
