// The one extension of the format, against an encoder of its own, and against values that nobody
// should have written.

import { describe, expect, test } from 'vitest';

import { decodeBatchValue, encodeBatchValue } from './batch-value.js';
import { WalEntry } from './entry.js';
import * as record from './record.js';
import { sampleBytes } from './test-tools/records.js';
import type { PlainEntry } from './test-tools/wals.js';
import { plainBatchRecord, plainBatchValue, puts } from './test-tools/wals.js';

/** Keys and values of all sizes around those where something could go wrong, puts and deletes. */
const ENTRIES: readonly PlainEntry[] = [
  0, 1, 4, 5, 8, 9, 13, 255, 256, 300, 65_535, 65_536,
].flatMap((size, index): PlainEntry[] => [
  { type: 'put', key: sampleBytes(index, size), value: sampleBytes(index + 1, size * 2) },
  { type: 'put', key: Buffer.alloc(size), value: Buffer.alloc(0) },
  { type: 'delete', key: sampleBytes(index + 2, size), value: Buffer.alloc(0) },
]);

function plain(entries: readonly PlainEntry[] | undefined): unknown {
  return entries?.map(({ type, key, value }) => [
    type,
    Buffer.from(key).toString('hex'),
    Buffer.from(value).toString('hex'),
  ]);
}

describe('the value of a batch', () => {
  test('is what the independent encoder makes, and is decoded to what went in', () => {
    for (let count = 1; count <= ENTRIES.length; count += 5) {
      const entries = ENTRIES.slice(0, count);
      const bytes = encodeBatchValue(entries);
      expect(Buffer.from(bytes).equals(plainBatchValue(entries))).toBe(true);
      expect(plain(decodeBatchValue(bytes))).toEqual(plain(entries));
    }
  });

  test('is decoded wherever it stands in memory', () => {
    const value = plainBatchValue(puts(3));
    const ground = Buffer.alloc(value.length + 20, 0xee);
    ground.set(value, 7);
    const view = ground.subarray(7, 7 + value.length);
    expect(plain(decodeBatchValue(view))).toEqual(plain(puts(3)));
  });

  test('cut anywhere but between two entries is none', () => {
    const gone: PlainEntry = { type: 'delete', key: Buffer.from('k'), value: Buffer.alloc(0) };
    const entries = [...puts(3, 1, 20), gone];
    const value = plainBatchValue(entries);
    const ends = entries.map((_, index) => plainBatchValue(entries.slice(0, index + 1)).length);
    for (let length = 0; length < value.length; length++) {
      const decoded = decodeBatchValue(value.subarray(0, length));
      const whole = ends.indexOf(length) + 1;
      expect(plain(decoded), `${String(length)} bytes`).toEqual(
        whole === 0 ? undefined : plain(entries.slice(0, whole)),
      );
    }
  });

  test.each([
    ['nothing', ''],
    ['type 0', '00 00000000 00000000'],
    ['type 3', '03 00000000 00000000'],
    ['type 255', 'ff 00000000 00000000'],
    ['a delete with a value', '02 00000000 01000000 41'],
    ['a key beyond the end', '01 01000000 00000000'],
    ['a key of 4 GiB', '01 ffffffff 00000000'],
    ['a value beyond the end', '01 00000000 01000000'],
    ['a value of 4 GiB', '01 00000000 ffffffff 41'],
    ['bytes behind the last entry', '01 00000000 00000000 01'],
    ['a whole entry and half of one', '01 00000000 00000000 01 00000000 000000'],
  ])('malformed: %s', (_, hex) => {
    expect(decodeBatchValue(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toBe(undefined);
  });

  test('arbitrary bytes never throw, and what decodes encodes to the same', () => {
    let decodedCount = 0;
    let state = 12345;
    const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >> 16;
    for (let round = 0; round < 50_000; round++) {
      // Mostly zeros and small numbers, so that lengths fit now and then.
      const bytes = Buffer.from(
        Array.from({ length: next() % 40 }, (_, at) =>
          at === 0 ? 1 : ([0, 0, 0, 0, 0, 0, 1, 2][next() % 8] ?? 0),
        ),
      );
      const entries = decodeBatchValue(bytes);
      if (entries === undefined) continue;
      decodedCount++;
      expect(plainBatchValue(entries as PlainEntry[])).toEqual(bytes);
    }
    expect(decodedCount).toBeGreaterThan(10);
  });
});

describe('the record of a batch', () => {
  const value = plainBatchValue(puts(4));

  test('is the bytes that the independent encoder makes', () => {
    const bytes = new Uint8Array(record.recordBytes(0, value.length));
    const fields = {
      sequence: 2n ** 63n,
      typeByte: record.TYPE_BATCH,
      key: new Uint8Array(0),
      value,
    };
    record.encodeUnsealed(bytes, new DataView(bytes.buffer), 0, fields);
    record.sealRecords(bytes, 0, bytes.length);
    expect(Buffer.from(bytes)).toEqual(plainBatchRecord(2n ** 63n, value));
  });

  test('is no record with any bit flipped, nor with a byte missing', () => {
    const whole = plainBatchRecord(5n, value);
    const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE);
    for (const scan of [record.scanRecords, record.scanRecordsPortable]) {
      expect(scan(whole, 0, whole.length, table)).toBe(1);
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit % 8)), bit >> 3);
        expect(scan(bytes, 0, bytes.length, table), `bit ${String(bit)}`).toBe(0);
      }
      for (let length = 0; length < whole.length; length++) {
        expect(scan(whole, 0, length, table)).toBe(0);
      }
    }
  });

  test('is no entry', () => {
    const whole = plainBatchRecord(5n, value);
    expect(() => WalEntry.decode(whole)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_DECODE' }),
    );
  });
});
