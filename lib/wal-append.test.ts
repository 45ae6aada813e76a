// Appending to a segmented log: where entries stand, which sequences they get, when they are
// acknowledged, and what is refused. The files are read by the independent implementation.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, test, vi } from 'vitest';

import { independentEncode } from './fixtures/independent.js';
import { forEachDriver } from './test-tools/drivers.js';
import { fail } from './test-tools/faulty-driver.js';
import { expectNothingHeld, freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection } from './test-tools/rejections.js';
import { newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import {
  directoryLines,
  lineOf,
  plainBatchRecord,
  plainBatchValue,
  put,
  putLines,
  puts,
  readLines,
  readSegments,
} from './test-tools/wals.js';
import { Wal } from './wal.js';

const KIB = 1024;
const LOG_FILES = ['wal_00000001.log', 'wal_manifest'];

forEachDriver((name) => {
  const open = walOpener({ driver: name });

  test('a poisoning while a failed write is being cut off is for good', async () => {
    const faults = newFaultyDriver(name);
    const options = { driver: faults, preallocateBytes: 0, maxFileSize: 4 * KIB };
    const wal = await open(freshDirectory(), options);
    await wal.appendMany(puts(20, 1, 1000), { sync: true });
    // The next file is made and in use, so the directory is synced for the removal alone.
    await wal.rotate();
    const removal = faults.gate('syncDirectory', fail('EIO'));
    const removed = rejectionOf(wal.truncateBefore(10n));
    await removal.reached;
    const trim = faults.gate('truncate');
    faults.next('write', fail('ENOSPC', { writeHalf: true }));
    const cut = rejectionOf(wal.put('a', 'one'));
    await trim.reached;
    removal.open();
    expect(await removed).toMatchObject({ message: expect.stringContaining('EIO') as unknown });
    expect(await cut).toMatchObject({ code: 'ERR_WAL_SYNC' });
    const isCut = new Promise<void>((resolve) => {
      faults.next('sync', (operation) => operation.perform().finally(resolve));
    });
    trim.open();
    await isCut;
    await setImmediate();
    for (const promise of [wal.put('a', 'two'), wal.flush()]) {
      await expectRejection(promise, 'ERR_WAL_POISONED');
    }
    await expect(wal.close()).rejects.toThrow();
  });

  describe('positions', () => {
    test('put, delete and append tell sequence, segment, offset and length', async () => {
      const directory = join(freshDirectory(), 'log');
      const wal = await open(directory);
      const positions = [
        await wal.put('a', 'one'),
        await wal.delete('a'),
        await wal.append({ key: Buffer.from('b'), value: new Uint8Array(0) }),
        await wal.append({ type: 'delete', key: '' }),
      ];
      expect(positions).toEqual([
        { sequence: 1n, segment: 1, offset: 0, length: 33 },
        { sequence: 2n, segment: 1, offset: 33, length: 30 },
        { sequence: 3n, segment: 1, offset: 63, length: 30 },
        { sequence: 4n, segment: 1, offset: 93, length: 29 },
      ]);
      await wal.close();
      const [key, empty] = [Buffer.from('a'), Buffer.alloc(0)];
      const expected = [
        { sequence: 1n, type: 'put', key, value: Buffer.from('one') },
        { sequence: 2n, type: 'delete', key, value: empty },
        { sequence: 3n, type: 'put', key: Buffer.from('b'), value: empty },
        { sequence: 4n, type: 'delete', key: empty, value: empty },
      ] as const;
      const [segment] = readSegments(directory);
      expect(segment?.bytes).toEqual(Buffer.concat(expected.map(independentEncode)));
      expectNothingHeld(join(directory, 'x'), LOG_FILES);
    });

    test('a record that finds no memory leaves no gap in the sequences', async () => {
      const directory = freshDirectory();
      const faults = newFaultyDriver(name);
      const options = { driver: faults, batchSize: 256, preallocateBytes: 0 };
      const wal = await open(directory, options);
      await wal.put('a', 'one');
      faults.refuseMemory(1);
      const refused = wal.put('a', Buffer.alloc(100_000));
      await expect(refused).rejects.toMatchObject({ code: 'ERR_WAL_WRITE', errno: 'ENOMEM' });
      expect(await wal.put('a', 'two', { sync: true })).toMatchObject({ sequence: 2n });
      // While it waits, the next one comes behind it.
      const waiting = await open(freshDirectory(), { ...options, channelCapacity: 1 });
      const write = faults.gate('write');
      const first = waiting.put('a', 'one');
      const second = waiting.put('a', Buffer.alloc(100_000));
      const third = waiting.put('a', 'two');
      await write.reached;
      faults.refuseMemory(1);
      write.open();
      await expect(second).rejects.toMatchObject({ code: 'ERR_WAL_WRITE', errno: 'ENOMEM' });
      expect([await first, await third]).toMatchObject([{ sequence: 1n }, { sequence: 2n }]);
      await wal.close();
      await waiting.close();
    });

    test('appendMany tells where each stands, across segments', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { maxFileSize: 4 * KIB });
      const many = await wal.appendMany(puts(100, 1, 100));
      expect(many.sequences).toEqual(Array.from({ length: 100 }, (_, index) => BigInt(index + 1)));
      const segments = readSegments(directory);
      expect(new Set(many.segments)).toEqual(new Set([1, 2, 3, 4]));
      for (const [index, { type, key, value }] of puts(100, 1, 100).entries()) {
        const bytes = independentEncode({ sequence: BigInt(index + 1), type, key, value });
        const file = segments[(many.segments[index] ?? 0) - 1]?.bytes;
        const offset = many.offsets[index] ?? -1;
        expect(file?.subarray(offset, offset + (many.lengths[index] ?? 0))).toEqual(bytes);
      }
      expect(await wal.appendMany([])).toMatchObject({ sequences: [] });
    });

    test('appendBatch is one record with consecutive sequences', async () => {
      const directory = freshDirectory();
      const wal = await open(directory);
      await wal.put('before', '');
      const entries = [...puts(3, 2), { type: 'delete' as const, key: 'gone' }];
      const position = await wal.appendBatch(entries);
      const value = plainBatchValue([
        ...puts(3, 2),
        { type: 'delete', key: Buffer.from('gone'), value: Buffer.alloc(0) },
      ]);
      const record = plainBatchRecord(2n, value);
      expect(position).toEqual({ sequence: 2n, segment: 1, offset: 35, length: record.length });
      expect(await wal.put('after', '')).toMatchObject({ sequence: 6n });
      expect(wal.writtenSequence).toBe(6n);
      const [segment] = readSegments(directory);
      expect(segment?.bytes.subarray(35, 35 + record.length)).toEqual(record);
      expect((await readLines(wal)).slice(1, 4)).toEqual(putLines(3, 2));
      await wal.close();
      const again = await open(directory);
      expect(again.recovery).toMatchObject({ entriesRecovered: 6n, bytesRead: 0 });
      expect((await readLines(again, { from: 3n, to: 5n })).length).toBe(3);
    });

    test('a caller may reuse its buffers at once', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { channelCapacity: 1 });
      const buffer = Buffer.from('mine');
      const appends = [wal.put(buffer, buffer), wal.appendBatch([{ key: buffer, value: buffer }])];
      buffer.fill('x');
      await Promise.all(appends);
      const mine = { key: Buffer.from('mine'), value: Buffer.from('mine'), type: 'put' } as const;
      expect(directoryLines(directory)).toEqual([
        lineOf({ sequence: 1n, ...mine }),
        lineOf({ sequence: 2n, ...mine }),
      ]);
    });
  });

  describe('sequences', () => {
    test('go on after close and open, also when only an empty segment is left', async () => {
      const directory = freshDirectory();
      let wal = await open(directory);
      await wal.appendMany(puts(5));
      await wal.close();
      wal = await open(directory);
      expect(await wal.put('key', '')).toMatchObject({ sequence: 6n });
      await wal.rotate();
      expect(await wal.truncateBefore(7n)).toEqual({ removed: [1], stopped: undefined });
      await wal.close();
      expect(readSegments(directory)).toMatchObject([{ name: 'wal_00000002.log', end: 0 }]);
      wal = await open(directory);
      expect(wal.writtenSequence).toBe(6n);
      expect(await wal.put('key', '')).toMatchObject({ sequence: 7n, segment: 2, offset: 0 });
      await wal.close();
      wal = await open(directory, { verifyAll: true });
      expect(await readLines(wal)).toHaveLength(1);
    });

    test('of rejected appends are assigned again', async () => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await open(directory, { driver, sync: 'manual' });
      await wal.put(put(1).key, put(1).value);
      driver.next('write', fail('ENOSPC'));
      const failed = puts(3, 2).map((entry) => rejectionOf(wal.append(entry)));
      for (const error of await Promise.all(failed)) {
        expect(error).toMatchObject({ code: 'ERR_WAL_WRITE', errno: 'ENOSPC' });
      }
      expect(wal.writtenSequence).toBe(1n);
      for (const entry of puts(4, 2)) await wal.append(entry);
      await wal.close();
      expect(directoryLines(directory)).toEqual(putLines(5));
    });

    test('end at 2^64 - 1', async () => {
      const directory = freshDirectory();
      const { writeFileSync } = await import('node:fs');
      const record = { ...put(1), sequence: 0xffffffffffffffffn };
      writeFileSync(join(directory, 'wal_00000001.log'), independentEncode(record));
      const wal = await open(directory);
      expect(await rejectionOf(wal.put('one', 'too many'))).toBeInstanceOf(RangeError);
      expect(await readLines(wal)).toEqual([lineOf(record)]);
    });
  });

  describe('durability', () => {
    test('always: an acknowledgement is durable', async () => {
      const wal = await open(freshDirectory());
      const { sequence } = await wal.put('a', 'b');
      expect(wal.durableSequence).toBe(sequence);
      await wal.put('a', 'b', { sync: false });
      expect(wal.writtenSequence).toBe(2n);
    });

    test('manual: a flush makes it so', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver, sync: 'manual' });
      driver.forget();
      await wal.appendMany(puts(10));
      expect([wal.writtenSequence, wal.durableSequence]).toEqual([10n, undefined]);
      expect(driver.count('sync')).toBe(0);
      await wal.flush();
      expect(wal.durableSequence).toBe(10n);
      expect(await wal.put('a', 'b', { sync: true })).toMatchObject({ sequence: 11n });
      expect(wal.durableSequence).toBe(11n);
    });

    test('{ intervalMs }: a sync comes by itself, and a failed one is told', async () => {
      const driver = newFaultyDriver(name);
      const wal = await open(freshDirectory(), { driver, sync: { intervalMs: 1 } });
      await wal.put('a', 'b');
      const next = await wal.read({ from: 1n, follow: true }).next();
      expect(next.value).toMatchObject({ sequence: 1n });
      expect(wal.durableSequence).toBe(1n);
      driver.always('sync', fail('EIO'));
      let error: unknown;
      while (error === undefined) {
        await wal.put('c', 'd').catch((cause: unknown) => {
          error = cause;
        });
      }
      expect(error).toMatchObject({ errno: 'EIO' });
      driver.heal();
      await expectRejection(wal.close(), 'ERR_WAL_POISONED', 'EIO');
    });

    test('{ intervalMs }: an append that fails takes no sync away from those before it', async () => {
      const driver = newFaultyDriver(name);
      let whenOver: (() => void) | undefined;
      driver.delay = (_ms, callback) => {
        whenOver = callback;
        return () => undefined;
      };
      const limits = { maxFileSize: 4 * KIB, maxWalFilesHard: 1 };
      const wal = await open(freshDirectory(), { driver, ...limits, sync: { intervalMs: 1 } });
      await wal.append(put(1, 3000));
      // Its interval is over while the next one waits for a file that it will not get.
      const full = rejectionOf(wal.append(put(2, 3000)));
      whenOver?.();
      expect(await full).toMatchObject({ code: 'ERR_WAL_FULL' });
      await vi.waitFor(() => {
        expect(wal.durableSequence).toBe(1n);
      }, 10_000);
    });

    test('a flush across a rotation covers both segments', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { maxFileSize: 4 * KIB, sync: 'manual' });
      const appends = puts(100, 1, 100).map((entry) => wal.append(entry));
      await wal.flush();
      expect(wal.durableSequence).toBe(100n);
      await Promise.all(appends);
      expect(directoryLines(directory)).toEqual(putLines(100, 1, 100));
    });
  });

  describe('what is refused', () => {
    test('misuse rejects, before anything is written', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { maxFileSize: 4 * KIB });
      const bad = (value: unknown): never => value as never;
      const entry = put(1);
      const calls: [Promise<unknown>, typeof TypeError | typeof RangeError][] = [
        [wal.put(bad(1), 'x'), TypeError],
        [wal.put('x', bad(undefined)), TypeError],
        [wal.append(bad(undefined)), TypeError],
        [wal.append({ key: 'x' }), TypeError],
        [wal.append(bad({ type: 'merge', key: 'x', value: '' })), TypeError],
        [wal.append({ type: 'delete', key: 'x', value: 'y' }), TypeError],
        [wal.append(entry, { sync: bad(1) }), TypeError],
        [wal.append(entry, { signal: bad({}) }), TypeError],
        [wal.appendBatch(bad('x')), TypeError],
        [wal.appendBatch([]), RangeError],
        [wal.appendBatch([entry, bad(null)]), TypeError],
        [wal.appendMany(bad({})), TypeError],
        [wal.appendMany([entry, bad(null), entry]), TypeError],
        [wal.put('x', Buffer.alloc(4 * KIB)), RangeError],
        [wal.appendMany([entry, put(2, 4 * KIB), entry]), RangeError],
        [wal.appendBatch(puts(100)), RangeError],
        [wal.truncateBefore(bad('1')), TypeError],
        [wal.truncateBefore(-1), RangeError],
        [wal.truncateAfter(1.5), RangeError],
        [wal.truncateAfter(1n), RangeError],
        [wal.read({ from: bad('1') }).next(), TypeError],
        [wal.read({ to: -1n }).next(), RangeError],
        [wal.read({ signal: bad(1) }).next(), TypeError],
      ];
      for (const [index, [call, type]] of calls.entries()) {
        expect(await rejectionOf(call), `call ${String(index)}`).toBeInstanceOf(type);
      }
      // The largest that fits does.
      const largest = await wal.put('', Buffer.alloc(4 * KIB - 29));
      expect(largest).toEqual({ sequence: 1n, segment: 1, offset: 0, length: 4 * KIB });
      expect(await wal.put('', '')).toEqual({ sequence: 2n, segment: 2, offset: 0, length: 29 });
    });

    test('bad options', async () => {
      const directory = freshDirectory();
      const bad: [object, RegExp][] = [
        [{ maxFileSize: 4095 }, /maxFileSize is 4095: an integer from 4096/],
        [{ maxFileSize: null }, /maxFileSize must be a number/],
        [{ maxWalFiles: 0 }, /maxWalFiles is 0/],
        [{ maxWalFilesHard: '3' }, /maxWalFilesHard must be a number/],
        [{ sync: true }, /sync must be 'always', 'manual' or/],
        [{ sync: { intervalMs: 0 } }, /sync.intervalMs is 0/],
        [{ recovery: 'hope' }, /'strict', 'trim' or 'salvage'/],
        [{ verifyAll: 1 }, /verifyAll/],
        [{ onProgress: 1 }, /onProgress must be a function/],
        [{ onWarning: {} }, /onWarning must be a function/],
        [{ maxFilesize: 1 }, /unknown option 'maxFilesize'; there are: maxFileSize/],
        [{ batchSize: 0 }, /batchSize is 0/],
      ];
      for (const [options, message] of bad) {
        const error = await rejectionOf(Wal.open(directory, options));
        expect(error, JSON.stringify(options)).toBeInstanceOf(Error);
        expect((error as Error).message).toMatch(message);
        expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
      }
      for (const path of ['', 'a\0b', 1]) {
        expect(await rejectionOf(Wal.open(path as string))).toBeInstanceOf(TypeError);
      }
      expect(readdirSync(directory)).toEqual([]);
    });

    test('everything after close', async () => {
      const wal = await open(freshDirectory());
      const [pending, closed] = [wal.put('a', 'b'), wal.close()];
      expect(wal.close()).toBe(closed);
      await closed;
      expect(await pending).toMatchObject({ sequence: 1n });
      await wal[Symbol.asyncDispose]();
      await expectRejection(wal.put('a', 'b'), 'ERR_WAL_CLOSED');
      await expectRejection(wal.appendMany([]), 'ERR_WAL_CLOSED');
      await expectRejection(wal.appendBatch(puts(1)), 'ERR_WAL_CLOSED');
      await expectRejection(wal.flush(), 'ERR_WAL_CLOSED');
      await expectRejection(wal.rotate(), 'ERR_WAL_CLOSED');
      await expectRejection(wal.truncateBefore(1n), 'ERR_WAL_CLOSED');
      await expectRejection(wal.truncateAfter(1n), 'ERR_WAL_CLOSED');
      await expectRejection(wal.read().next(), 'ERR_WAL_CLOSED');
    });

    test('too many that wait; those that were taken are whole', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { channelCapacity: 2, waitersMax: 3 });
      const many = rejectionOf(wal.appendMany(puts(10)));
      expect(await many).toMatchObject({ code: 'ERR_WAL_QUEUE_FULL', sequence: undefined });
      expect(directoryLines(directory)).toEqual(putLines(5));
    });

    test('an append that gives up while it waits takes no sequence', async () => {
      const directory = freshDirectory();
      const wal = await open(directory, { channelCapacity: 1 });
      const [controller, aborted] = [new AbortController(), AbortSignal.abort('before')];
      const first = wal.append(put(1));
      const second = rejectionOf(wal.append(put(9), { signal: controller.signal }));
      const third = wal.append(put(2));
      controller.abort('enough');
      expect(await second).toBe('enough');
      expect(await rejectionOf(wal.append(put(9), { signal: aborted }))).toBe('before');
      await Promise.all([first, third]);
      expect(directoryLines(directory)).toEqual(putLines(2));
    });
  });

  test('figures', async () => {
    const wal = await open(freshDirectory(), { maxFileSize: 4 * KIB, maxWalFiles: 2 });
    await wal.appendMany(puts(100, 1, 100));
    const stats = wal.stats();
    expect(stats).toMatchObject({
      ...{ appends: 100, acknowledged: 100, rejected: 0, queuedRecords: 0, queuedBytes: 0 },
      ...{ segments: 4, rotations: 3, writtenSequence: 100n, durableSequence: 100n },
      ...{ isOverMaxWalFiles: true, waiting: 0 },
    });
    const bytes = puts(100, 1, 100).reduce((sum, { key }) => sum + 129 + key.length, 0);
    expect(stats.bytes).toBe(bytes);
    expect(stats.bytesWritten).toBeGreaterThanOrEqual(bytes);
    await wal.truncateAfter(10n);
    expect(wal.stats().bytesWritten).toBe(stats.bytesWritten);
    expect(wal.stats().segments).toBe(1);
  });
});
