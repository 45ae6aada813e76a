// The record's bytes, field by field, and what the scan says of bytes that are no record. What is
// expected comes from the independent implementation of the format.

import { describe, expect, test } from 'vitest';

import { independentEncode, independentLog } from './fixtures/independent.js';
import * as record from './record.js';
import { samplePut, samplePuts } from './test-tools/records.js';

const { STOP } = record;
const KEY = Buffer.from('key');
const VALUE = Buffer.from('value!');
const WHOLE = independentEncode({
  sequence: 0x0102030405060708n,
  type: 'put',
  key: KEY,
  value: VALUE,
});

type Scan = typeof record.scanRecords;

function encode(sequence: bigint, typeByte: number, key: Uint8Array, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(record.recordBytes(key.length, value.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  expect(record.encodeUnsealed(bytes, view, 0, { sequence, typeByte, key, value })).toBe(
    bytes.length,
  );
  record.sealRecords(bytes, 0, bytes.length);
  return bytes;
}

test('the fields stand where the format says', () => {
  const bytes = encode(0x0102030405060708n, record.TYPE_PUT, KEY, VALUE);
  expect(bytes.subarray(0, 4).toString('hex')).toBe('22000000');
  expect(bytes.subarray(4, 8).toString('hex')).toBe('4c415700');
  expect(bytes.subarray(8, 16).toString('hex')).toBe('0807060504030201');
  expect(bytes[16]).toBe(1);
  expect(bytes.subarray(17, 21).toString('hex')).toBe('03000000');
  expect(bytes.subarray(21, 24).toString()).toBe('key');
  expect(bytes.subarray(24, 28).toString('hex')).toBe('06000000');
  expect(bytes.subarray(28, 34).toString()).toBe('value!');
  expect(bytes.length).toBe(38);
  expect(bytes).toEqual(WHOLE);
});

describe.each([
  ['as loaded', record.sealRecords],
  ['portable', record.sealRecordsPortable],
] as const)('sealing, %s', (_, seal) => {
  test('fills in each checksum of a run, and nothing outside it', () => {
    const { bytes: expected } = independentLog(samplePuts(5));
    const bytes = Buffer.concat([Buffer.alloc(3, 9), expected, Buffer.alloc(3, 9)]);
    for (let at = 3; at < bytes.length - 3;) {
      const end = at + 4 + bytes.readUInt32LE(at);
      bytes.fill(0, end - 4, end);
      at = end;
    }
    seal(bytes, 3, bytes.length - 3);
    expect(bytes.subarray(3, -3)).toEqual(expected);
    expect([...bytes.subarray(0, 3), ...bytes.subarray(-3)]).toEqual([9, 9, 9, 9, 9, 9]);
  });

  test.each([
    ['cut short', WHOLE.subarray(0, -1)],
    ['shorter than any record', WHOLE.subarray(0, 3)],
    ['a length beyond the end', change(0, 35)],
    ['a key length beyond the record', change(17, 200)],
  ])('refuses what is no run of whole records: %s', (_name, bytes) => {
    expect(() => {
      seal(Buffer.from(bytes), 0, bytes.length);
    }).toThrow(/run of whole records/);
  });

  test('every size has its checksum, whatever its length is a multiple of', () => {
    for (const keyBytes of [0, 1, 3, 4, 7, 16, 21]) {
      const sizes = [
        ...Array(70).keys(),
        980,
        990,
        995,
        999,
        1000,
        1011,
        1014,
        1015,
        1016,
        1024,
        5000,
      ];
      for (const valueBytes of sizes) {
        const key = Buffer.alloc(keyBytes, 0xa5);
        const value = Buffer.from(Array.from({ length: valueBytes }, (__, at) => (at * 37) % 256));
        const expected = independentEncode({ sequence: 2n ** 63n + 5n, type: 'put', key, value });
        const bytes = Buffer.from(expected);
        bytes.fill(0, bytes.length - 4);
        seal(bytes, 0, bytes.length);
        expect(bytes.equals(expected), `${String(keyBytes)}, ${String(valueBytes)}`).toBe(true);
      }
    }
  });

  test('takes records without a value, and the smallest one', () => {
    const none = Buffer.alloc(0);
    const expected = Buffer.concat(
      [KEY, none].map((key) => independentEncode({ sequence: 1n, type: 'put', key, value: none })),
    );
    const bytes = Buffer.from(expected);
    for (const end of [32, 61]) bytes.fill(0, end - 4, end);
    seal(bytes, 0, bytes.length);
    expect(bytes).toEqual(expected);
  });

  test.each([
    ['less than the smallest record', 20],
    ['less than the record', WHOLE.length - 1],
  ])('looks at nothing behind the end of the range: %s', (_name, length) => {
    const bytes = Buffer.concat([WHOLE, WHOLE, WHOLE]);
    expect(() => {
      seal(bytes, WHOLE.length, WHOLE.length + length);
    }).toThrow('run of whole records');
    expect(bytes).toEqual(Buffer.concat([WHOLE, WHOLE, WHOLE]));
  });
});

/** The whole record with one byte set. */
function change(at: number, byte: number): Buffer {
  const bytes = Buffer.from(WHOLE);
  bytes[at] = byte;
  return bytes;
}

describe.each<[string, Scan]>([
  ['as loaded', record.scanRecords],
  ['portable', record.scanRecordsPortable],
])('scanning, %s', (_, scan) => {
  /** Count, end, stop and batches. */
  function scanned(bytes: Uint8Array, rows = 10, start = 0): number[] {
    const table = new Uint32Array(record.TABLE_HEADER + rows * record.TABLE_STRIDE);
    expect(scan(bytes, start, bytes.length, table)).toBe(table[0]);
    return [...table.subarray(0, record.TABLE_HEADER)];
  }

  test('notes each record of a run', () => {
    const { bytes, placed } = independentLog(samplePuts(3));
    const table = new Uint32Array(record.TABLE_HEADER + 3 * record.TABLE_STRIDE);
    expect(scan(bytes, 0, bytes.length, table)).toBe(3);
    expect([...table]).toEqual([
      ...[3, bytes.length, STOP.END, 0],
      ...placed.flatMap(({ offset, length, key, value }) => [
        ...[offset, length, key.length, value.length],
      ]),
    ]);
  });

  test('stops when the table is full, and goes on from there', () => {
    const { bytes, placed } = independentLog(samplePuts(3));
    const second = placed[1]?.offset ?? 0;
    expect(scanned(bytes, 1)).toEqual([1, second, STOP.TABLE_FULL, 0]);
    expect(scanned(bytes, 10, second)).toEqual([2, bytes.length, STOP.END, 0]);
    expect(scanned(bytes, 0)).toEqual([0, 0, STOP.TABLE_FULL, 0]);
  });

  test('wants more of a record that is cut short anywhere', () => {
    for (let length = 1; length < WHOLE.length; length++) {
      expect(scanned(WHOLE.subarray(0, length))).toEqual([0, 0, STOP.NEED_MORE, 0]);
    }
    expect(scanned(WHOLE.subarray(0, 0))).toEqual([0, 0, STOP.END, 0]);
  });

  test('looks at nothing behind the end of the range', () => {
    const bytes = Buffer.concat([WHOLE, WHOLE, WHOLE]);
    const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE);
    for (let length = 1; length < WHOLE.length; length++) {
      expect(scan(bytes, WHOLE.length, WHOLE.length + length, table)).toBe(0);
      expect([...table.subarray(1, 3)]).toEqual([WHOLE.length, STOP.NEED_MORE]);
    }
  });

  test.each([
    ['a length', change(0, 24), 4, STOP.BAD_LENGTH],
    ['a magic number', change(7, 1), 8, STOP.BAD_MAGIC],
    ['a type', change(16, 4), 17, STOP.BAD_TYPE],
    ['a key length', change(17, 200), 21, STOP.LENGTH_MISMATCH],
  ])('tells %s as soon as it is there', (_name, bytes, length, stop) => {
    expect(scanned(bytes.subarray(0, length))).toEqual([0, 0, stop, 0]);
    expect(scanned(bytes.subarray(0, length - 1))).toEqual([0, 0, STOP.NEED_MORE, 0]);
  });

  const batch = encode(5n, record.TYPE_BATCH, Buffer.alloc(0), VALUE);
  const cases: [string, Uint8Array, number][] = [
    ['a length below the smallest record', change(0, 24), STOP.BAD_LENGTH],
    ['another magic number', change(7, 1), STOP.BAD_MAGIC],
    ['an unknown type', change(16, 4), STOP.BAD_TYPE],
    ['no type', change(16, 0), STOP.BAD_TYPE],
    ['a key longer than the record', change(17, 10), STOP.LENGTH_MISMATCH],
    ['a key of four gigabytes', change(20, 0xff), STOP.LENGTH_MISMATCH],
    ['a value length that does not add up', change(24, 5), STOP.LENGTH_MISMATCH],
    ['a delete with a value', change(16, 2), STOP.DELETE_WITH_VALUE],
    ['a batch with a key', change(16, 3), STOP.BAD_BATCH],
    ['another checksum', change(37, (WHOLE[37] ?? 0) ^ 1), STOP.BAD_CRC],
    ['another sequence', change(8, 9), STOP.BAD_CRC],
  ];
  test.each(cases)('tells %s', (_name, bytes, stop) => {
    expect(scanned(bytes)).toEqual([0, 0, stop, 0]);
    const behind = Buffer.concat([independentEncode(samplePut(1)), bytes]);
    expect(scanned(behind)).toEqual([1, behind.length - bytes.length, stop, 0]);
  });

  test('takes the smallest record, and one without a value', () => {
    const none = Buffer.alloc(0);
    for (const key of [none, KEY]) {
      const bytes = independentEncode({ sequence: 1n, type: 'put', key, value: none });
      expect(scanned(bytes)).toEqual([1, bytes.length, STOP.END, 0]);
    }
  });

  test('takes a delete', () => {
    const value = Buffer.alloc(0);
    const bytes = independentEncode({ sequence: 1n, type: 'delete', key: KEY, value });
    expect(scanned(bytes)).toEqual([1, bytes.length, STOP.END, 0]);
  });

  test('counts atomic batches', () => {
    const bytes = Buffer.concat([WHOLE, batch, batch]);
    expect(scanned(bytes)).toEqual([3, bytes.length, STOP.END, 2]);
  });
});

test('a record may be as long as its length field can say', () => {
  expect(record.RECORD_BYTES_MAX).toBe(4 + 0xffffffff);
  expect(record.RECORD_BYTES_MIN).toBe(29);
});

test('every stop has its words', () => {
  expect(Object.values(STOP).map((stop) => typeof record.STOP_REASONS[stop])).toEqual(
    Object.values(STOP).map(() => 'string'),
  );
  expect(record.STOP_REASONS.length).toBe(Object.keys(STOP).length);
});
