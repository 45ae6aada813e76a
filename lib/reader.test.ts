// The reader: records one by one and in chunks, from any offset, beside a writer, and on any bytes.

import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { PlacedRecord } from './fixtures/independent.js';
import {
  independentEncode,
  independentLine,
  independentLog,
  independentRead,
} from './fixtures/independent.js';
import { WalReader } from './reader.js';
import { openDescriptors } from './test-tools/descriptors.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { fail, FaultyDriver, short } from './test-tools/faulty-driver.js';
import { expectReplay, freshLog, plainOf, readLog, writeLog } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { entryOf, putOfSize, sampleBytes, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection } from './test-tools/rejections.js';
import type { WalRecord } from './wal-record.js';
import { UringWalWriter } from './writer.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const NONE = Buffer.alloc(0);

forEachDriver((driver) => {
  /** Opens a reader that is closed with the test. */
  async function openReader(path: string, from = 0): Promise<WalReader> {
    const reader = await WalReader.open(path, { driver, from });
    onTestFinished(() => reader.close());
    return reader;
  }

  test('gives every record with its place, then the end', async () => {
    const path = freshLog();
    const records = [
      ...samplePuts(50),
      { sequence: 51n, type: 'delete', key: Buffer.from('gone'), value: Buffer.alloc(0) } as const,
      {
        sequence: 2n ** 64n - 1n,
        type: 'put',
        key: Buffer.alloc(0),
        value: Buffer.alloc(0),
      } as const,
    ];
    writeLog(path, records);
    const end = await expectReplay(path, records, { driver });
    const size = readFileSync(path).length;
    expect(end).toEqual({
      kind: 'clean',
      offset: size,
      size,
      reason: expect.any(String) as string,
    });
    expect(openDescriptors(dirname(path))).toEqual([]);
  });

  test('of an empty file is at its end at once', async () => {
    const path = freshLog();
    writeFileSync(path, '');
    const reader = await openReader(path);
    expect(reader.end).toBeUndefined();
    expect(await reader.read()).toBeUndefined();
    expect(reader.end).toMatchObject({ kind: 'clean', offset: 0, size: 0 });
  });

  test('chunks and records are two views of the same', async () => {
    const path = freshLog();
    const records = samplePuts(3000, 1, 700);
    const placed = writeLog(path, records);
    const reader = await openReader(path);
    const found: string[] = [];
    let chunks = 0;
    for await (const chunk of reader.chunks()) {
      chunks++;
      expect(chunk.count).toBeGreaterThan(0);
      const lines = [...chunk].map((record) => independentLine(plainOf(record)));
      expect(lines.length).toBe(chunk.count);
      expect(independentLine(plainOf(chunk.record(0)))).toBe(lines[0]);
      found.push(...lines);
      expect(reader.offset).toBe(placed[found.length]?.offset ?? readFileSync(path).length);
    }
    expect(found).toEqual(placed.map(independentLine));
    expect(chunks).toBeGreaterThan(1);
    expect(reader.end).toMatchObject({ kind: 'clean' });
  });

  test('records of the iteration keep their bytes', async () => {
    const path = freshLog();
    const placed = writeLog(path, samplePuts(4000, 1, 700));
    const reader = await openReader(path);
    const kept: WalRecord[] = [];
    for await (const record of reader) kept.push(record);
    expect(kept.map((record) => independentLine(plainOf(record)))).toEqual(
      placed.map(independentLine),
    );
  });

  test('goes on where it was left, by read, by iteration, by chunks', async () => {
    const path = freshLog();
    const placed = writeLog(path, samplePuts(20));
    const reader = await openReader(path);
    expect(reader.offset).toBe(0);
    expect((await reader.read())?.sequence).toBe(1n);
    expect((await reader.read())?.sequence).toBe(2n);
    for await (const record of reader) {
      if (record.sequence === 5n) break;
    }
    expect(reader.offset).toBe(placed[5]?.offset);
    for await (const chunk of reader.chunks()) {
      expect(chunk.record(0).sequence).toBe(6n);
      expect(chunk.count).toBe(15);
    }
    expect(await reader.read()).toBeUndefined();
    expect(reader.end).toMatchObject({ kind: 'clean' });
  });

  test('reads the file once, however its records are asked for', async () => {
    const path = freshLog();
    writeLog(path, samplePuts(500));
    const faults = new FaultyDriver(newDriver(driver));
    onTestFinished(() => faults.close());
    const reader = await WalReader.open(path, { driver: faults });
    for (let sequence = 1n; sequence <= 300n; sequence++) {
      expect((await reader.read())?.sequence).toBe(sequence);
    }
    // Several at once come in order, too.
    const several = await Promise.all(Array.from({ length: 50 }, () => reader.read()));
    expect(several.map((record) => record?.sequence)).toEqual(
      Array.from({ length: 50 }, (_, index) => BigInt(301 + index)),
    );
    for await (const record of reader) {
      if (record.sequence === 400n) break;
    }
    while ((await reader.read()) !== undefined);
    expect(reader.end).toMatchObject({ kind: 'clean' });
    expect(faults.count('read')).toBeLessThan(10);
    await reader.close();
  });

  test('starts at the offset of any record', async () => {
    const path = freshLog();
    const placed = writeLog(path, samplePuts(20));
    for (const { offset, sequence } of placed) {
      const reader = await openReader(path, offset);
      expect((await reader.read())?.sequence).toBe(sequence);
    }
  });

  test('at an offset that is no record says so, and gives none', async () => {
    const path = freshLog();
    const placed = writeLog(path, samplePuts(5));
    for (const from of [1, 7, (placed[1]?.offset ?? 0) + 3]) {
      const { records, end } = await readLog(path, { driver, from });
      expect(records).toEqual([]);
      expect(end).toMatchObject({ kind: 'corrupt', offset: from });
    }
    const beyond = await readLog(path, { driver, from: 10_000_000 });
    expect(beyond.records).toEqual([]);
    expect(beyond.end).toMatchObject({ kind: 'clean', offset: 10_000_000 });
  });

  test('records of every size, across the windows it reads by', async () => {
    const path = freshLog();
    const sizes = [29, 1024 * KIB - 29, 30, 1024 * KIB, 1024 * KIB + 1, 100, 3000 * KIB, 29, 511];
    const records = sizes.map((size, index) => putOfSize(index + 1, size));
    const { bytes, placed } = independentLog(records);
    writeFileSync(path, bytes);
    const reader = await openReader(path);
    let index = 0;
    for await (const record of reader) {
      const { offset, length, value } = placed[index] as PlacedRecord;
      expect([record.offset, record.length]).toEqual([offset, length]);
      expect(Buffer.compare(record.value, value)).toBe(0);
      index++;
    }
    expect(index).toBe(sizes.length);
  });

  test('any bytes give records and an end, never a throw', async () => {
    const path = freshLog();
    const good = independentLog(samplePuts(10)).bytes;
    const magic = Buffer.from([0x4c, 0x41, 0x57, 0x00]);
    for (let seed = 0; seed < 150; seed++) {
      const bytes = Buffer.concat([
        good.subarray(0, (seed * 13) % good.length),
        sampleBytes(seed, (seed * 29) % 900),
        Buffer.alloc((seed * 7) % 600),
        magic,
        good.subarray((seed * 17) % good.length),
      ]);
      for (let at = seed; at < bytes.length; at += 41 + seed) bytes[at] = (seed * at) % 256;
      writeFileSync(path, bytes);
      const { records, end } = await readLog(path, { driver });
      const expected = independentRead(bytes);
      expect(records.map(independentLine)).toEqual(expected.records.map(independentLine));
      expect(['clean', 'torn', 'tear', 'corrupt']).toContain(end?.kind);
      expect(end).toMatchObject({ offset: expected.end, size: bytes.length });
    }
  });

  test('a log crafted so that any of its bytes could begin a record ends in bounded time', async () => {
    const path = freshLog();
    const size = 2 * 1024 * KIB;
    const bytes = Buffer.alloc(size, 0x55);
    // Each header claims all of the rest: checking every one would read 16 GiB.
    for (let at = 100; at < size - 64; at += 64) {
      const header = independentEncode({ ...samplePut(1), key: Buffer.alloc(0) }).subarray(0, 21);
      header.copy(bytes, at);
      bytes.writeUInt32LE(size - at - 4, at);
    }
    writeFileSync(path, bytes);
    const { records, end } = await readLog(path, { driver });
    expect(records).toEqual([]);
    expect(end).toMatchObject({ kind: 'corrupt', offset: 0, size });
    expect(end?.reason).toMatch(/too many candidates/);
  });

  test('so does one whose every candidate tells its own lengths apart far away', async () => {
    const path = freshLog();
    const bytes = Buffer.alloc(Math.floor(2.3 * MIB), 1);
    // Each claims more than a window, and a key that ends in another: two reads, nothing checked.
    for (let at = 1; at + 29 < bytes.length; at += 24) {
      bytes.writeUInt32LE(1.5 * MIB + KIB, at);
      bytes.writeUInt32LE(0x0057414c, at + 4);
      bytes.writeUInt8(1, at + 16);
      bytes.writeUInt32LE(1.5 * MIB, at + 17);
    }
    writeFileSync(path, bytes);
    const faulty = new FaultyDriver(newDriver(driver));
    const reader = await WalReader.open(path, { driver: faulty });
    for await (const record of reader) expect.fail(`${String(record.sequence)} is no record`);
    await reader.close();
    expect(reader.end?.reason).toMatch(/too many candidates/);
    // 256 MiB, the least that the search may read, a MiB at a time.
    expect(faulty.count('read')).toBeLessThan(300);
  });

  test('a length field of 4 GiB costs no memory', async () => {
    const path = freshLog();
    const bytes = independentEncode(samplePut(1));
    bytes.writeUInt32LE(0xffffffff, 0);
    writeFileSync(path, Buffer.concat([bytes, independentEncode(samplePut(2))]));
    const before = process.memoryUsage().arrayBuffers;
    const { end } = await readLog(path, { driver });
    expect(end?.kind).toBe('corrupt');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * KIB);
  });

  describe('beside a writer', () => {
    test.each([
      { directIo: false, sync: false },
      { directIo: false, sync: true },
      { directIo: true, sync: true },
    ])('follows the log as it grows: direct $directIo, sync $sync', async ({ directIo, sync }) => {
      const path = freshLog();
      const options = { driver, directIo, preallocateBytes: 256 * KIB, batchSize: 8 * KIB };
      const writer = await UringWalWriter.open(path, options);
      const reader = await openReader(path);
      const records = samplePuts(600, 1, 500);
      let found = 0;
      const follow = async (): Promise<void> => {
        for await (const record of reader) {
          const expected = independentEncode(records[found] ?? samplePut(0));
          expect(independentEncode(plainOf(record)).equals(expected)).toBe(true);
          found++;
        }
      };
      for (let from = 0; from < records.length; from += 20) {
        const batch = records.slice(from, from + 20);
        const appends = batch.map((record) => writer.append(entryOf(record), { sync }));
        await follow();
        await Promise.all(appends);
        // What is acknowledged is there.
        await follow();
        expect(found).toBe(from + 20);
        expect(reader.end?.kind).toBe('clean');
      }
      // Close cuts the zeros off, under the reader's eyes.
      const closing = writer.close();
      await follow();
      await closing;
      await follow();
      expect(found).toBe(records.length);
      expect(reader.end).toMatchObject({ kind: 'clean', size: readFileSync(path).length });
    });

    test('slower than the writer, it sees no damage in zeros that were read before their time', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver, preallocateBytes: 8 * MIB });
      let last = 0;
      const fill = async (end: number): Promise<void> => {
        const appends: Promise<unknown>[] = [];
        while (writer.stats().end < end) {
          appends.push(writer.append(entryOf(putOfSize(++last, 1000)), { sync: true }));
          if (appends.length % 50 === 0) await Promise.all(appends);
        }
        await Promise.all(appends);
      };
      await fill(1.3 * MIB);
      const reader = await openReader(path);
      let found = 0;
      for await (const chunk of reader.chunks()) {
        if (found === 0) await fill(2.5 * MIB);
        found += chunk.count;
      }
      expect(reader.end?.kind).toBe('clean');
      expect(found).toBe(last);
      await writer.close();
    });

    test('goes on with a record that was half there when it looked how long the log is', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(3));
      const [fourth, fifth] = [independentEncode(samplePut(4)), independentEncode(samplePut(5))];
      appendFileSync(path, fourth.subarray(0, 20));
      const reader = await openReader(path);
      let found = 0;
      for await (const chunk of reader.chunks()) {
        if (found === 0) appendFileSync(path, Buffer.concat([fourth.subarray(20), fifth]));
        found += chunk.count;
      }
      expect(found).toBe(5);
      expect(reader.end?.kind).toBe('clean');
    });

    test('finds what came after it had seen the end', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(3));
      const reader = await openReader(path);
      for await (const record of reader) expect(record.sequence).toBeLessThan(4n);
      expect(reader.end?.kind).toBe('clean');
      appendFileSync(path, independentEncode(samplePut(4)).subarray(0, 20));
      expect(await reader.read()).toBeUndefined();
      expect(reader.end?.kind).toBe('torn');
      appendFileSync(path, independentEncode(samplePut(4)).subarray(20));
      expect((await reader.read())?.sequence).toBe(4n);
      // Also when it came between two reads.
      for (let sequence = 5; sequence < 9; sequence++) {
        appendFileSync(path, independentEncode(samplePut(sequence)));
        expect((await reader.read())?.sequence).toBe(BigInt(sequence));
      }
      expect(await reader.read()).toBeUndefined();
    });

    test('survives a file that is cut while it reads', async () => {
      const path = freshLog();
      const records = samplePuts(5000, 1, 700);
      const { bytes, placed } = independentLog(records);
      writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(2048 * KIB)]));
      const reader = await openReader(path);
      let found = 0;
      for await (const record of reader) {
        if (found === 10) truncateSync(path, placed[3000]?.offset);
        expect(record.sequence).toBe(BigInt(found + 1));
        found++;
      }
      expect(found).toBe(3000);
      expect(reader.end).toMatchObject({ kind: 'clean', size: placed[3000]?.offset });
    });
  });

  test.each([0x80000000, 0xffffffff])(
    'a length field of %d costs no memory: the fields disagree, and the file tells it',
    async (len) => {
      const path = freshLog();
      const [whole, damaged, behind] = samplePuts(3).map(independentEncode);
      damaged?.writeUInt32LE(len, 0);
      writeFileSync(path, Buffer.concat([whole, damaged, behind].map((bytes) => bytes ?? NONE)));
      // All zeros, in a hole: the record that it claims to be is inside the file.
      truncateSync(path, 5 * 1024 ** 3);
      const reader = await openReader(path);
      let count = 0;
      for await (const { offset } of reader) count += offset === 0 ? 1 : NaN;
      expect(count).toBe(1);
      const offset = whole?.length ?? 0;
      const next = offset + (damaged?.length ?? 0);
      expect(reader.end).toMatchObject({ kind: 'corrupt', offset, next });
      const error = await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_CORRUPT');
      expect(error.offset).toBe(offset);
    },
  );

  describe('errors', () => {
    test('a read that fails rejects with ERR_WAL_READ, and the next one goes on', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(5));
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      const reader = await WalReader.open(path, { driver: faults });
      faults.next('read', fail('EIO'));
      const error = await expectRejection(reader.read(), 'ERR_WAL_READ', 'EIO');
      expect(error).toMatchObject({ path, offset: 0 });
      faults.next('size', fail('EIO'));
      await expectRejection(reader.read(), 'ERR_WAL_READ', 'EIO');
      expect((await reader.read())?.sequence).toBe(1n);
      await reader.close();
    });

    test('interrupted and short reads are nobody’s business', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(50));
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      let reads = 0;
      faults.always('read', (operation) =>
        ++reads % 3 === 0 ? short(100)(operation) : fail('EAGAIN')(operation),
      );
      const { records } = await readLog(path, { driver: faults });
      expect(records.length).toBe(50);
      expect(reads).toBeGreaterThan(10);
    });

    test('an interruption that never ends does', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(5));
      const faults = new FaultyDriver(newDriver(driver));
      onTestFinished(() => faults.close());
      const reader = await WalReader.open(path, { driver: faults });
      faults.always('read', fail('EINTR'));
      await expectRejection(reader.read(), 'ERR_WAL_READ', 'EINTR');
      expect(faults.count('read')).toBe(17);
      await reader.close();
    });

    test('closed: ERR_WAL_CLOSED; closing twice is fine', async () => {
      const path = freshLog();
      writeLog(path, samplePuts(5));
      const reader = await WalReader.open(path, { driver });
      await reader.read();
      await reader.close();
      await reader[Symbol.asyncDispose]();
      expect(openDescriptors(dirname(path))).toEqual([]);
      expect(await expectRejection(reader.read(), 'ERR_WAL_CLOSED')).toMatchObject({ path });
      await expectRejection(reader.chunks().next(), 'ERR_WAL_CLOSED');
    });

    test('a missing file: ERR_WAL_OPEN, and none is created', async () => {
      const path = freshLog();
      const error = await expectRejection(
        WalReader.open(path, { driver }),
        'ERR_WAL_OPEN',
        'ENOENT',
      );
      expect(error.message).toContain(path);
      expect(openDescriptors(dirname(path))).toEqual([]);
      await expectRejection(WalReader.open(path, { driver }), 'ERR_WAL_OPEN', 'ENOENT');
    });
  });
});

describe('misuse of WalReader.open', () => {
  test.each([-1, 1.5, NaN, Infinity, 2 ** 53, '0', null, {}])(
    'from %o is an error that says what is allowed',
    async (from) => {
      const path = freshLog();
      writeLog(path, []);
      const error = await rejectionOf(WalReader.open(path, { from: from as never }));
      expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
      expect(String(error)).toMatch(/from .*allowed/);
    },
  );

  test.each(['', undefined, null, 5, 'a\0b'])('path %o is a TypeError', async (path) => {
    const error = await rejectionOf(WalReader.open(path as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('path');
  });

  test.each(['rings', '', 1, null, {}])('driver %o is a TypeError', async (driver) => {
    const path = freshLog();
    writeLog(path, []);
    const error = await rejectionOf(WalReader.open(path, { driver: driver as never }));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('driver');
  });

  test.each([null, 1, 'threadpool'])('options %o is a TypeError', async (options) => {
    const path = freshLog();
    writeLog(path, []);
    const error = await rejectionOf(WalReader.open(path, options as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('options');
  });

  test('an unknown option is a TypeError', async () => {
    const path = freshLog();
    writeLog(path, []);
    const error = await rejectionOf(WalReader.open(path, { form: 0 } as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('form');
  });
});
