// Reading a log while it is written, in the same process: bounds, order, following, and what ends
// it.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { openDescriptors } from './test-tools/descriptors.js';
import { forEachDriver } from './test-tools/drivers.js';
import { fail } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection } from './test-tools/rejections.js';
import { newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import { lineOf, linesOf, put, putLines, puts, readLines } from './test-tools/wals.js';
import type { WalRecord } from './wal-record.js';

const KIB = 1024;

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 4 * KIB });

  describe('reading', () => {
    test('from and to, in every segment, alone and inside batches', async () => {
      const wal = await open();
      await wal.appendMany(puts(20, 1, 400));
      await wal.appendBatch(puts(5, 21));
      await wal.appendMany(puts(20, 26, 400));
      const lines = [...putLines(20, 1, 400), ...putLines(5, 21), ...putLines(20, 26, 400)];
      expect(await readLines(wal)).toEqual(lines);
      for (let from = 0; from <= 47; from += 3) {
        for (const to of [from - 1, from, from + 1, from + 9, 100]) {
          if (to < 0) continue;
          const expected = lines.slice(Math.max(0, from - 1), to);
          expect(await readLines(wal, { from, to: BigInt(to) })).toEqual(expected);
        }
      }
      const records: WalRecord[] = [];
      for await (const record of wal.read({ from: 22n, to: 23n })) records.push(record);
      expect(records.map(({ inBatch, key }) => [inBatch, Buffer.from(key).toString()])).toEqual([
        [true, 'key-22'],
        [true, 'key-23'],
      ]);
      expect(records[0]?.crc).toBe(records[1]?.crc);
    });

    test.each(['written', 'opened again', 'opened without its manifest'])(
      'starts near the sequence, not at the beginning, of a log that was %s',
      async (state) => {
        const driver = newFaultyDriver(name);
        const options = { driver, maxFileSize: 16 * 1024 * KIB };
        let wal = await open(freshDirectory(), options);
        await wal.appendMany(puts(2000, 1, 4000), { sync: false });
        await wal.flush();
        if (state !== 'written') {
          await wal.close();
          if (state !== 'opened again') rmSync(join(wal.path, 'wal_manifest'));
          wal = await open(wal.path, options);
        }
        driver.forget();
        expect(await readLines(wal, { from: 1990n })).toEqual(putLines(11, 1990, 4000));
        const read = driver.operations.filter(({ kind }) => kind === 'read');
        expect(read.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(600 * KIB);
        expect(read[0]?.position).toBeGreaterThan(7_000 * KIB);
      },
    );

    test('ends where the log ended when it began, and hands out what is not durable', async () => {
      const wal = await open(freshDirectory(), { sync: 'manual' });
      await wal.appendMany(puts(10));
      const reader = wal.read();
      await reader.next();
      await wal.appendMany(puts(10, 11));
      const rest = await linesOf(reader);
      expect(rest).toEqual(putLines(9, 2));
    });

    test('while callers append and segments rotate', async () => {
      const wal = await open();
      const appended = wal.appendMany(puts(300, 1, 200));
      let next = 1n;
      while (next <= 300n) {
        for await (const record of wal.read({ from: next })) {
          expect(lineOf(record)).toBe(putLines(1, Number(next), 200)[0]);
          next++;
        }
        // What is written shows on the event loop.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await appended;
    });

    test('records own their bytes', async () => {
      const wal = await open();
      await wal.appendMany(puts(50, 1, 200));
      const records: WalRecord[] = [];
      for await (const record of wal.read()) records.push(record);
      expect(records.map(lineOf)).toEqual(putLines(50, 1, 200));
      // An entry of a batch does not drag the whole batch along.
      await wal.appendBatch(puts(30, 51, 50));
      const { value } = await wal.read({ from: 60n }).next();
      expect((value as WalRecord).value.buffer.byteLength).toBeLessThan(1000);
    });

    test('an aborted signal, before and in the middle', async () => {
      const wal = await open();
      await wal.appendMany(puts(10));
      const controller = new AbortController();
      const reader = wal.read({ signal: controller.signal });
      await reader.next();
      controller.abort(new Error('enough'));
      await expect(reader.next()).rejects.toThrow('enough');
      const { signal } = controller;
      await expect(wal.read({ signal }).next()).rejects.toThrow('enough');
      expect(await wal.truncateBefore(11n)).toMatchObject({ stopped: undefined });
    });

    test('an empty log, and one whose entries a checkpoint covers', async () => {
      const wal = await open();
      expect(await readLines(wal)).toEqual([]);
      await wal.appendMany(puts(3));
      await wal.rotate();
      await wal.truncateBefore(4n);
      expect(await readLines(wal)).toEqual([]);
      await wal.append(put(4));
      expect(await readLines(wal, { from: 1n })).toEqual(putLines(1, 4));
    });

    test('damage, told by name, offset and sequence; a segment that is gone', async () => {
      const directory = freshDirectory();
      const wal = await open(directory);
      await wal.appendMany(puts(20, 1, 500));
      const path = join(directory, 'wal_00000002.log');
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(700) ^ 1, 700);
      writeFileSync(path, bytes);
      const error = await expectRejection(readLines(wal), 'ERR_WAL_CORRUPT');
      expect(error).toMatchObject({ path, offset: 534, sequence: 9n });
      rmSync(path);
      const gone = await expectRejection(readLines(wal), 'ERR_WAL_READ', 'ENOENT');
      expect(gone).toMatchObject({ path, sequence: 8n });
      expect(openDescriptors(directory).filter((file) => file.includes('00000002'))).toEqual([]);
      expect(await readLines(wal, { from: 15n })).toEqual(putLines(6, 15, 500));
    });

    test('a read that fails tells so, and leaves nothing open', async () => {
      const [driver, directory] = [newFaultyDriver(name), freshDirectory()];
      const wal = await open(directory, { driver });
      await wal.appendMany(puts(5));
      // Not the next segment's, which may be on its way.
      const isFirst = ({ path }: { path: string }): boolean => path.endsWith('wal_00000001.log');
      const openLogs = (): string[] =>
        openDescriptors(directory).filter((path) => isFirst({ path }));
      const before = openLogs();
      driver.next('read', fail('EIO'), 1, isFirst);
      await expectRejection(readLines(wal), 'ERR_WAL_READ', 'EIO');
      driver.next('open', fail('EMFILE'), 1, isFirst);
      await expectRejection(readLines(wal), 'ERR_WAL_READ', 'EMFILE');
      expect(openLogs()).toEqual(before);
      expect(await readLines(wal)).toEqual(putLines(5));
    });
  });

  describe('following', () => {
    test.each([false, true])('through rotations, O_DIRECT %s: all, once', async (directIo) => {
      const wal = await open(freshDirectory(), { directIo });
      const seen: string[] = [];
      const following = (async (): Promise<void> => {
        for await (const record of wal.read({ follow: true, to: 300n })) seen.push(lineOf(record));
      })();
      for (let first = 1; first <= 300; first += 30) await wal.appendMany(puts(30, first, 300));
      await following;
      expect(seen).toEqual(putLines(300, 1, 300));
    });

    test('hands out nothing that is not durable', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver, sync: 'manual' });
      await wal.appendMany(puts(5));
      const reader = wal.read({ follow: true });
      let isThere = false;
      const first = reader.next().then(() => {
        isThere = true;
      });
      await wal.appendMany(puts(5, 6));
      expect(await readLines(wal)).toHaveLength(10);
      expect(isThere).toBe(false);
      const gate = driver.gate('sync');
      const flushed = wal.flush();
      await gate.reached;
      expect(await readLines(wal)).toHaveLength(10);
      expect(isThere).toBe(false);
      gate.open();
      await Promise.all([flushed, first]);
      for (let count = 2; count <= 10; count++) {
        expect((await reader.next()).value).toMatchObject({ sequence: BigInt(count) });
      }
    });

    test('a rotation by hand makes durable, and that is handed out', async () => {
      const wal = await open(freshDirectory(), { sync: 'manual' });
      const first = wal.read({ follow: true }).next();
      await wal.append(put(1));
      await wal.rotate();
      expect((await first).value).toMatchObject({ sequence: 1n });
    });

    test('ends at close, with all that became durable by it', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { sync: 'manual' });
      const followers = [1, 2, 3].map(() => linesOf(wal.read({ follow: true })));
      const early = wal.read({ follow: true });
      const reading = early.next();
      await wal.appendMany(puts(20, 1, 300));
      await wal.close();
      for (const follower of followers) expect(await follower).toEqual(putLines(20, 1, 300));
      await reading;
      await early.return();
      expect(openDescriptors(directory)).toEqual([]);
    });

    test('ends by its signal while it waits, and holds no segment any more', async () => {
      const wal = await open();
      await wal.appendMany(puts(20, 1, 500));
      const controller = new AbortController();
      const reader = wal.read({ from: 21n, follow: true, signal: controller.signal });
      const waiting = rejectionOf(reader.next());
      controller.abort('enough');
      expect(await waiting).toBe('enough');
      expect((await wal.truncateBefore(21n)).stopped).toBe(undefined);
    });

    test('rejected entries are never handed out', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver });
      const reader = wal.read({ follow: true });
      await wal.append(put(1));
      // Not the next segment's zeros, which may be under way.
      const isFirst = ({ path }: { path: string }): boolean => path.endsWith('wal_00000001.log');
      driver.next('write', (operation) => operation.perform(40), 1, isFirst);
      driver.next('write', fail('ENOSPC'), 1, isFirst);
      await rejectionOf(wal.append(put(9)));
      await wal.append(put(2));
      for (const line of putLines(2)) {
        expect(lineOf((await reader.next()).value as WalRecord)).toBe(line);
      }
    });

    test('does not poll: it opens a segment once, and reads only what is new', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver, maxFileSize: 1024 * KIB });
      const reader = wal.read({ follow: true });
      await wal.append(put(1));
      await reader.next();
      driver.forget();
      for (let number = 2; number <= 50; number++) {
        await wal.append(put(number, 1000));
        await reader.next();
      }
      const isLog = ({ path }: { path: string }): boolean => path.endsWith('wal_00000001.log');
      const read = driver.operations.filter((each) => each.kind === 'read' && isLog(each));
      expect(driver.operations.filter((each) => each.kind === 'open' && isLog(each))).toEqual([]);
      expect(read.length).toBe(49);
      expect(read.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(60 * KIB);
    });
  });
});
