// The writer on real files: what it takes and refuses, what it writes to the byte, and in which
// order its promises settle.

import { existsSync, readFileSync, statSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { WalEntry } from './entry.js';
import type { PlainRecord } from './fixtures/independent.js';
import { independentEncode, independentLog, independentRead } from './fixtures/independent.js';
import { forEachDriver } from './test-tools/drivers.js';
import {
  appendAll,
  expectLog,
  expectNothingHeld,
  expectReplay,
  freshLog,
} from './test-tools/logs.js';
import { outcomesOf, rejectionOf } from './test-tools/outcomes.js';
import { UringWalWriter } from './writer.js';
import { entryOf, putOfSize, sampleBytes, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection } from './test-tools/rejections.js';

const MIB = 1024 * 1024;

forEachDriver((driver) => {
  test('an append tells where its record stands, and the file is those records', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver });
    expect(writer.driver).toMatchObject({ name: driver, fallbackReason: undefined });
    expect(writer.recovery).toMatchObject({ created: true, records: 0, bytes: 0 });
    const records: PlainRecord[] = [
      ...samplePuts(20),
      { sequence: 21n, type: 'delete', key: Buffer.from('key-1'), value: Buffer.alloc(0) },
    ];
    const { placed } = independentLog(records);
    for (const [index, record] of records.entries()) {
      const position = await writer.append(entryOf(record), { sync: index % 3 === 0 });
      const { sequence, offset, length } = placed[index] ?? {};
      expect(position).toEqual({ sequence, offset, length });
    }
    expect(independentRead(readFileSync(path)).records.length).toBe(21);
    await writer.close();
    expectLog(path, records);
    expectNothingHeld(path, ['test.wal']);
    expect((await expectReplay(path, records, { driver }))?.kind).toBe('clean');
  });

  test('a log goes on where it was left', async () => {
    const path = freshLog();
    const records = samplePuts(30);
    for (let from = 0; from < records.length; from += 10) {
      const writer = await UringWalWriter.open(path, { driver });
      expect(writer.recovery).toMatchObject({
        created: from === 0,
        records: from,
        lastSequence: from === 0 ? undefined : BigInt(from),
        end: { kind: 'clean' },
        trimmedBytes: 0,
      });
      await appendAll(writer, records.slice(from, from + 10));
      await writer.close();
    }
    expectLog(path, records);
  });

  test('appends of one tick share a write, and resolve in the order of the calls', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver });
    const order: bigint[] = [];
    const records = samplePuts(500);
    await Promise.all(
      records.map(async (record, index) => {
        const sync = index % 2 === 0;
        const { sequence } = await writer.append(entryOf(record), { sync });
        if (!sync) order.push(sequence);
      }),
    );
    expect(order).toEqual(records.filter((_, index) => index % 2 === 1).map((r) => r.sequence));
    expect(writer.stats()).toMatchObject({ appends: 500, acknowledged: 500, rejected: 0 });
    expect(writer.stats().batches).toBeLessThan(10);
    await writer.close();
    expectLog(path, records);
  });

  test('twenty thousand at once, in batches of a few', async () => {
    const path = freshLog();
    const options = { driver, channelCapacity: 15_000, batchSize: 2048 };
    const writer = await UringWalWriter.open(path, options);
    const records = samplePuts(20_000, 1, 5);
    const placed = independentLog(records).placed;
    const appends = records.map((record) => writer.append(entryOf(record)));
    expect(writer.stats()).toMatchObject({ queuedRecords: 15_000, waiting: 5000 });
    const positions = await Promise.all(appends);
    expect(positions.map(({ offset }) => offset)).toEqual(placed.map(({ offset }) => offset));
    await writer.close();
    expectLog(path, records);
  });

  test.each([0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    'sequence %s comes back as it went in',
    async (sequence) => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      const record = { ...samplePut(0), sequence };
      expect(await writer.append(entryOf(record))).toMatchObject({ sequence });
      await writer.close();
      expectLog(path, [record]);
      const again = await UringWalWriter.open(path, { driver });
      expect(again.recovery).toMatchObject({ firstSequence: sequence, lastSequence: sequence });
      await again.close();
    },
  );

  test('keys and values may be empty, and an empty value is no missing one', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver });
    const [none, some] = [Buffer.alloc(0), Buffer.from('x')];
    const records: PlainRecord[] = [
      { sequence: 1n, type: 'put', key: none, value: none },
      { sequence: 2n, type: 'put', key: none, value: some },
      { sequence: 3n, type: 'put', key: some, value: none },
      { sequence: 4n, type: 'delete', key: none, value: none },
      { sequence: 5n, type: 'delete', key: some, value: none },
    ];
    await appendAll(writer, records);
    await writer.close();
    expectLog(path, records);
    await expectReplay(path, records, { driver });
  });

  test.each([{ directIo: false }, { directIo: true }])(
    'a value of 64 MiB, between small ones: direct $directIo',
    async ({ directIo }) => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, directIo });
      const big = { ...samplePut(2), value: Buffer.alloc(64 * MIB, 'abcdefg') };
      const records = [samplePut(1), big, samplePut(3)];
      await appendAll(writer, records);
      expect(writer.stats().queuedBytesPeak).toBe(independentEncode(big).length);
      await writer.close();
      expect(readFileSync(path).equals(independentLog(records).bytes)).toBe(true);
      const again = await UringWalWriter.open(path, { driver });
      expect(again.recovery).toMatchObject({ records: 3, end: { kind: 'clean' } });
      await again.close();
    },
  );

  test('a record above maxRecordBytes is a RangeError, and nothing is written', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, maxRecordBytes: 1000 });
    const error = await rejectionOf(writer.append(entryOf(putOfSize(1, 1001))));
    expect(error).toBeInstanceOf(RangeError);
    expect(String(error)).toMatch(/1001.*maxRecordBytes is 1000/);
    expect(statSync(path).size).toBe(0);
    expect(await writer.append(entryOf(putOfSize(1, 1000)))).toMatchObject({ offset: 0 });
    await writer.close();
    expectLog(path, [putOfSize(1, 1000)]);
    // The limit is one of appends: what stands in a log is read.
    const strict = await UringWalWriter.open(path, { driver, maxRecordBytes: 29 });
    expect(strict.recovery.records).toBe(1);
    await strict.close();
  });

  test('what counts is what was appended, whatever its owner does with the buffers', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, channelCapacity: 2, batchSize: 64 });
    const key = Buffer.from('kkkk');
    const value = Buffer.alloc(40);
    const expected: PlainRecord[] = [];
    // The first two are admitted, the others wait: both must have copied before append returns.
    const promises = [1, 2, 3, 4, 5].map((sequence) => {
      value.fill(sequence);
      key.fill(0x40 + sequence);
      const [keyThen, valueThen] = [Buffer.from(key), Buffer.from(value)];
      expected.push({ sequence: BigInt(sequence), type: 'put', key: keyThen, value: valueThen });
      return writer.append(WalEntry.put(sequence, key, value));
    });
    expect(writer.stats().waiting).toBe(3);
    key.fill(0xff);
    value.fill(0xff);
    await Promise.all(promises);
    await writer.close();
    expectLog(path, expected);
  });

  test.each([1, 2, 7, 28, 29, 30, 511, 512, 513, 4095, 4096, 4097])(
    'batchSize %i, with records below and above it',
    async (batchSize) => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, batchSize });
      const sizes = [29, 29, 30, 511, 512, 513, 1, 600, 4096, 5000, 29, 9000].map((size) =>
        Math.max(29, size),
      );
      const records = sizes.map((size, index) => putOfSize(index + 1, size));
      await appendAll(writer, records);
      await appendAll(writer, samplePuts(3, 100), { sync: true });
      await writer.close();
      expectLog(path, [...records, ...samplePuts(3, 100)]);
    },
  );

  test.each([1, 2, 128, 4096, 32768])('ringSize %i', async (ringSize) => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, ringSize, batchSize: 512 });
    expect(writer.options.ringSize).toBe(ringSize);
    await appendAll(writer, samplePuts(300));
    await appendAll(writer, samplePuts(20, 301), { sync: true });
    await writer.close();
    expectLog(path, samplePuts(320));
  });

  describe('O_DIRECT', () => {
    // Sizes around the block, so that records end before, at and behind its edge.
    const SIZES = [29, 4095, 4096, 4097, 8191, 8192, 8193, 100, 12288, 511, 512, 513];

    test.each([64, 4096, 65536])('all at once, batchSize %i', async (batchSize) => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, directIo: true, batchSize });
      expect(writer.driver).toMatchObject({ directIo: true, directIoRefused: undefined });
      const records = [...SIZES, ...SIZES].map((size, index) => putOfSize(index + 1, size));
      await appendAll(writer, records);
      expect(independentRead(readFileSync(path)).records.length).toBe(records.length);
      await writer.close();
      expectLog(path, records);
    });

    test('one by one, with and without sync', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, directIo: true });
      const records = SIZES.map((size, index) => putOfSize(index + 1, size));
      for (const [index, record] of records.entries()) {
        await writer.append(entryOf(record), { sync: index % 2 === 0 });
        const { records: found } = independentRead(readFileSync(path));
        expect(found.length).toBe(index + 1);
      }
      await writer.close();
      expectLog(path, records);
    });

    test('opened again in the middle of every kind of block', async () => {
      const path = freshLog();
      const records: PlainRecord[] = [];
      for (const [index, size] of SIZES.entries()) {
        const writer = await UringWalWriter.open(path, { driver, directIo: true });
        const record = putOfSize(index + 1, size);
        records.push(record);
        await writer.append(entryOf(record), { sync: index % 2 === 1 });
        await writer.close();
        expect(statSync(path).size).toBe(independentLog(records).bytes.length);
      }
      expectLog(path, records);
    });

    test('opened buffered in between', async () => {
      const path = freshLog();
      const records = samplePuts(40, 1, 333);
      for (let from = 0; from < 40; from += 5) {
        const directIo = from % 10 === 0;
        const writer = await UringWalWriter.open(path, { driver, directIo });
        await appendAll(writer, records.slice(from, from + 5), { sync: true });
        await writer.close();
      }
      expectLog(path, records);
    });
  });

  describe('space zeroed ahead', () => {
    test.each([{ directIo: false }, { directIo: true }])(
      'is there while the log is open and gone when it is closed: direct $directIo',
      async ({ directIo }) => {
        const path = freshLog();
        const preallocateBytes = 256 * 1024;
        const writer = await UringWalWriter.open(path, { driver, directIo, preallocateBytes });
        const records: PlainRecord[] = [];
        const isAhead = (): boolean => statSync(path).size > writer.stats().end + 64 * 1024;
        for (let first = 1; first < 500 && !isAhead(); first += 5) {
          const batch = samplePuts(5, first, 4000);
          records.push(...batch);
          await appendAll(writer, batch, { sync: true });
        }
        expect(isAhead(), 'zeros stand ahead').toBe(true);
        const { records: found, end: foundEnd } = independentRead(readFileSync(path));
        expect([found.length, foundEnd]).toEqual([records.length, writer.stats().end]);
        expect((await expectReplay(path, records, { driver }))?.kind).toBe('clean');
        await writer.close();
        expectLog(path, records);
      },
    );

    test('preallocateBytes 0 turns it off', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, preallocateBytes: 0 });
      const records = samplePuts(60, 1, 4000);
      for (let from = 0; from < records.length; from += 5) {
        await appendAll(writer, records.slice(from, from + 5), { sync: true });
        const { length } = independentLog(records.slice(0, from + 5)).bytes;
        expect(statSync(path).size).toBe(length);
      }
      await writer.close();
      expectLog(path, records);
    });
  });

  describe('flush', () => {
    test('with nothing written resolves, and costs no sync', async () => {
      const writer = await UringWalWriter.open(freshLog(), { driver });
      await writer.flush();
      await Promise.all([writer.flush(), writer.flush()]);
      expect(writer.stats()).toMatchObject({ syncs: 0, batches: 0 });
      await writer.close();
    });

    test('makes everything before it durable, in the middle of a batch', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      const records = samplePuts(10);
      const before = records.slice(0, 5).map((record) => writer.append(entryOf(record)));
      const flushed = writer.flush();
      const after = records.slice(5).map((record) => writer.append(entryOf(record)));
      await expect(flushed).resolves.toBeUndefined();
      expect(writer.stats().durableEnd).toBeGreaterThanOrEqual(
        independentLog(records.slice(0, 5)).bytes.length,
      );
      await Promise.all([...before, ...after]);
      await writer.close();
      expectLog(path, records);
    });

    test('several at once share one sync, and a second one finds nothing to do', async () => {
      const writer = await UringWalWriter.open(freshLog(), { driver });
      const append = writer.append(entryOf(samplePut(1)));
      await Promise.all([append, ...Array.from({ length: 20 }, () => writer.flush())]);
      expect(writer.stats().syncs).toBe(1);
      await writer.flush();
      expect(writer.stats().syncs).toBe(1);
      await writer.close();
    });

    test('covers the appends that still wait for the queue', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, channelCapacity: 1 });
      const appends = samplePuts(10).map((record) => writer.append(entryOf(record)));
      expect(writer.stats().waiting).toBe(9);
      await writer.flush();
      expect(writer.stats().durableEnd).toBe(independentLog(samplePuts(10)).bytes.length);
      await Promise.all(appends);
      await writer.close();
    });
  });

  describe('a full queue', () => {
    test('appends wait their turn, and beyond waitersMax they reject', async () => {
      const path = freshLog();
      const limits = { channelCapacity: 2, waitersMax: 3 };
      const writer = await UringWalWriter.open(path, { driver, ...limits });
      const appends = samplePuts(7).map((record) => writer.append(entryOf(record)));
      const results = outcomesOf(appends);
      expect(writer.stats()).toMatchObject({ queuedRecords: 2, waiting: 3 });
      const outcomes = await results;
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true, true, true, false, false]);
      const full = await expectRejection(appends[5] ?? Promise.resolve(), 'ERR_WAL_QUEUE_FULL');
      expect(full).toMatchObject({ sequence: 6n, path: writer.path });
      expect(full.message).toContain('waitersMax');
      expect(await writer.append(entryOf(samplePut(8)))).toMatchObject({ sequence: 8n });
      await writer.close();
      expectLog(path, [...samplePuts(5), samplePut(8)]);
    });

    test('waitersMax 0: nobody waits', async () => {
      const limits = { channelCapacity: 1, waitersMax: 0 };
      const writer = await UringWalWriter.open(freshLog(), { driver, ...limits });
      const first = writer.append(entryOf(samplePut(1)));
      await expectRejection(writer.append(entryOf(samplePut(2))), 'ERR_WAL_QUEUE_FULL');
      await first;
      await writer.append(entryOf(samplePut(2)));
      await writer.close();
    });

    test('memory is bounded by queueBytesMax, or by one record that is larger', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, queueBytesMax: 1000 });
      const sizes = [400, 400, 400, 5000, 29, 900, 101, 99, 5000, 400];
      const records = sizes.map((size, index) => putOfSize(index + 1, size));
      const appends = records.map((record) => writer.append(entryOf(record)));
      expect(writer.stats()).toMatchObject({ queuedRecords: 2, queuedBytes: 800, waiting: 8 });
      await Promise.all(appends);
      expect(writer.stats().queuedBytesPeak).toBe(5000);
      await writer.close();
      expectLog(path, records);
    });

    test('a large record that waits is not overtaken', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, queueBytesMax: 1000 });
      const records = [putOfSize(1, 500), putOfSize(2, 5000), putOfSize(3, 29)];
      await appendAll(writer, records);
      await writer.close();
      expectLog(path, records);
    });
  });

  describe('an AbortSignal', () => {
    test('that fired before: rejects with its reason, nothing is taken', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      const reason = new Error('changed my mind');
      const signal = AbortSignal.abort(reason);
      expect(await rejectionOf(writer.append(entryOf(samplePut(1)), { signal }))).toBe(reason);
      await writer.append(entryOf(samplePut(2)));
      await writer.close();
      expectLog(path, [samplePut(2)]);
    });

    test('while waiting: gives up its place, and those behind it move up', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, channelCapacity: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const appends = samplePuts(5).map((record) =>
        writer.append(entryOf(record), record.sequence === 3n ? { signal } : undefined),
      );
      const results = outcomesOf(appends);
      expect(writer.stats().waiting).toBe(4);
      controller.abort(new Error('enough'));
      expect(writer.stats().waiting).toBe(3);
      const outcomes = await results;
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true]);
      expect(outcomes[2]).toMatchObject({ error: new Error('enough') });
      await writer.close();
      expectLog(
        path,
        samplePuts(5).filter(({ sequence }) => sequence !== 3n),
      );
    });

    test('after admission: has no effect', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, channelCapacity: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const first = writer.append(entryOf(samplePut(1)), { signal });
      const second = writer.append(entryOf(samplePut(2)), { signal });
      await second;
      controller.abort(new Error('too late'));
      expect(await first).toMatchObject({ sequence: 1n });
      await writer.close();
      expectLog(path, samplePuts(2));
    });
  });

  describe('close', () => {
    test('settles appends, also those that wait; then nothing is taken any more', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, channelCapacity: 2 });
      const records = samplePuts(20);
      let settled = 0;
      const appends = records.map(async (record) => {
        await writer.append(entryOf(record));
        settled++;
      });
      const closing = writer.close();
      await expectRejection(writer.append(entryOf(samplePut(99))), 'ERR_WAL_CLOSED');
      await expectRejection(writer.flush(), 'ERR_WAL_CLOSED');
      await closing;
      expect(settled).toBe(20);
      await Promise.all(appends);
      await expectRejection(writer.append(entryOf(samplePut(99))), 'ERR_WAL_CLOSED');
      expectLog(path, records);
      expectNothingHeld(path, ['test.wal']);
    });

    test('twice is once, and what was appended is durable then', async () => {
      const writer = await UringWalWriter.open(freshLog(), { driver });
      await appendAll(writer, samplePuts(3));
      await Promise.all([writer.close(), writer.close()]);
      await writer.close();
      const { durableEnd, writtenEnd, end } = writer.stats();
      expect([durableEnd, writtenEnd]).toEqual([end, end]);
    });

    test('of a log that nobody wrote to leaves an empty file', async () => {
      const path = freshLog();
      await (await UringWalWriter.open(path, { driver })).close();
      expectLog(path, []);
      expectNothingHeld(path, ['test.wal']);
    });

    test('during many appends, over and over', async () => {
      const path = freshLog();
      const kept: PlainRecord[] = [];
      for (let round = 0; round < 10; round++) {
        const options = { driver, batchSize: 256, directIo: round % 2 === 1 };
        const writer = await UringWalWriter.open(path, options);
        const records = samplePuts(50, 1 + round * 50);
        const appends = records.map((record, index) =>
          writer.append(entryOf(record), { sync: index % (round + 2) === 0 }),
        );
        if (round % 3 === 1) await appends[round];
        await writer.close();
        expect((await outcomesOf(appends)).every(({ ok }) => ok)).toBe(true);
        kept.push(...records);
      }
      expectLog(path, kept);
    });

    test('happens at the end of a block by `await using`', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      await writer.append(entryOf(samplePut(1)));
      await writer[Symbol.asyncDispose]();
      expectNothingHeld(path, ['test.wal']);
      await expectRejection(writer.flush(), 'ERR_WAL_CLOSED');
    });
  });

  test('stats count what happened', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, waitersMax: 0, channelCapacity: 3 });
    const appends = samplePuts(4).map((record) => writer.append(entryOf(record)));
    await outcomesOf(appends);
    await writer.flush();
    const end = independentLog(samplePuts(3)).bytes.length;
    expect(writer.stats()).toMatchObject({
      appends: 4,
      acknowledged: 3,
      rejected: 1,
      queuedRecords: 0,
      queuedBytes: 0,
      queuedBytesPeak: end,
      waiting: 0,
      end,
      writtenEnd: end,
      durableEnd: end,
      batches: 1,
      bytesWritten: end,
      resubmits: 0,
      syncs: 1,
      trims: 0,
    });
    await writer.close();
  });

  test('sync: true of the writer holds for appends that do not say otherwise', async () => {
    const writer = await UringWalWriter.open(freshLog(), { driver, sync: true });
    await writer.append(entryOf(samplePut(1)));
    expect(writer.stats()).toMatchObject({ syncs: 1 });
    await writer.append(entryOf(samplePut(2)), { sync: false });
    expect(writer.stats()).toMatchObject({ syncs: 1 });
    await writer.close();
  });

  test('mode is the mode of a log that open creates, and of its lock', async () => {
    const paths = [freshLog(), freshLog()] as const;
    await (await UringWalWriter.open(paths[0], { driver })).close();
    const shared = await UringWalWriter.open(paths[1], { driver, mode: 0o640 });
    expect(statSync(`${paths[1]}.lock`).mode & 0o777).toBe(0o640);
    await shared.close();
    expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o640]);
  });
});

describe('misuse of append', () => {
  const misuse: readonly [string, unknown, unknown, RegExp][] = [
    ['no entry', undefined, undefined, /WalEntry\.put or WalEntry\.delete/],
    ['an object like one', { ...samplePut(1) }, undefined, /must be a WalEntry/],
    ['bytes', sampleBytes(1, 40), undefined, /must be a WalEntry/],
    ['sync that is no boolean', entryOf(samplePut(1)), { sync: 1 }, /sync .*true or false/],
    ['a signal that is none', entryOf(samplePut(1)), { signal: {} }, /must be an AbortSignal/],
  ];

  test.each(misuse)('%s', async (_, entry, options, words) => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver: 'threadpool' });
    const append = writer.append.bind(writer) as (...args: unknown[]) => Promise<unknown>;
    const error = await rejectionOf(append(entry, options));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(words);
    await writer.append(entryOf(samplePut(1)));
    await writer.close();
    expectLog(path, [samplePut(1)]);
  });

  test.each([-1, -1n, 2n ** 64n, 2 ** 53, 1.5, NaN, Infinity])(
    'sequence %s is a RangeError that says what is allowed',
    (sequence) => {
      expect(() => WalEntry.put(sequence, 'k', 'v')).toThrow(RangeError);
      expect(() => WalEntry.delete(sequence, 'k')).toThrow(/0 to 2\^64 - 1/);
    },
  );

  test.each([undefined, null, '1', {}])('sequence %s is a TypeError', (sequence) => {
    expect(() => WalEntry.put(sequence as never, 'k', 'v')).toThrow(TypeError);
  });
});

describe('misuse of open', () => {
  const integers: readonly [string, number, number][] = [
    ['ringSize', 0, 32769],
    ['batchSize', 0, 2 ** 30 + 1],
    ['channelCapacity', 0, 2 ** 24 + 1],
    ['queueBytesMax', 0, 64 * 2 ** 30 + 1],
    ['waitersMax', -1, 2 ** 24 + 1],
    ['maxRecordBytes', 28, 2 ** 31 - 4095],
    ['preallocateBytes', -1, 2 ** 30 + 1],
    ['mode', -1, 0o1000],
  ];
  const wrongNumbers = integers.flatMap(([name, below, above]) =>
    [below, above, 1.5, NaN, Infinity].map((value): [string, unknown] => [name, value]),
  );
  const rangeErrors: readonly [string, unknown][] = [
    ...wrongNumbers,
    ...[3, 6, 129, 65536].map((value): [string, unknown] => ['ringSize', value]),
  ];
  const typeErrors: readonly [string, unknown][] = [
    ...integers.flatMap(([name]) =>
      ['1', null, {}, 1n, true].map((value): [string, unknown] => [name, value]),
    ),
    ...['directIo', 'sync'].flatMap((name) =>
      [0, 1, 'true', null, {}].map((value): [string, unknown] => [name, value]),
    ),
    ...['uringg', '', 1, null, true, {}, []].map((value): [string, unknown] => ['driver', value]),
    ...['cut', '', true, null, 1].map((value): [string, unknown] => ['recovery', value]),
    ['rings', 128],
    ['ringsize', 128],
  ];

  async function open(options: unknown): Promise<{ path: string; error: unknown }> {
    const path = freshLog();
    const error = await rejectionOf(UringWalWriter.open(path, options as never));
    expect(existsSync(path), 'the log was not created').toBe(false);
    return { path, error };
  }

  test.each(rangeErrors)('%s %s is a RangeError that says what is allowed', async (name, value) => {
    const { error } = await open({ [name]: value });
    expect(error).toBeInstanceOf(RangeError);
    expect(String(error)).toContain(name);
    expect(String(error)).toContain(String(value));
    expect(String(error)).toMatch(/is allowed/);
  });

  test.each(typeErrors)('%s %o is a TypeError that names it', async (name, value) => {
    const { error } = await open({ [name]: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(name);
  });

  test.each([null, 1, 'threadpool', true])('options %o', async (options) => {
    const { error } = await open(options);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('options');
  });

  test.each(['', 'a\0b', undefined, null, 7, {}])('path %o is a TypeError', async (path) => {
    const error = await rejectionOf(UringWalWriter.open(path as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('path');
  });

  test('undefined stands for the default', async () => {
    const options = { ringSize: undefined, sync: undefined, driver: undefined };
    const writer = await UringWalWriter.open(freshLog(), options as never);
    expect(writer.options).toMatchObject({
      ringSize: 128,
      batchSize: 65536,
      directIo: false,
      channelCapacity: 1024,
      sync: false,
      driver: 'auto',
      recovery: 'strict',
      mode: 0o600,
    });
    await writer.close();
  });
});
