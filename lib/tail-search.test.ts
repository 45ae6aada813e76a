// What counts as a record that follows damage, and where the search for one begins, at the limits:
// fields that are cut off, were never written or lie, and records too large to be held. Expected bytes
// come from the independent implementation of the format.

import { crc32 } from 'node:zlib';

import { describe, expect, test } from 'vitest';
import type { PlainRecord } from './fixtures/independent.js';
import { independentEncode } from './fixtures/independent.js';
import { STOP } from './record.js';
import { HELD_UNCHECKED_BYTES_MAX } from './scan.js';
import type { WalEnd } from './tail.js';
import { judgeEnd } from './tail.js';
import { windowOver } from './test-tools/memory-window.js';
import { putOfSize, sampleBytes } from './test-tools/records.js';
import { plainBatchRecord, plainBatchValue, puts } from './test-tools/wals.js';
import { WINDOW_BYTES } from './window.js';

const MIB = 1024 * 1024;
const SECTOR = 512;
const AT_TYPE = 16;
const AT_KEY_LENGTH = 17;
const AT_KEY = 21;
/** What is judged begins here. */
const OFFSET = 40;

/** No zeros in it, and no magic. */
const junk = (length: number): Buffer => sampleBytes(1, length);
const whole = (length = 40): Buffer => independentEncode(putOfSize(7, length));

function changed(bytes: Uint8Array, at: number, byte: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = byte;
  return copy;
}

/** Judges `parts`, put together behind a whole record. */
async function judge(...parts: Uint8Array[]): Promise<WalEnd> {
  const { window } = windowOver(Buffer.concat([whole(OFFSET), ...parts]));
  return judgeEnd(window, OFFSET, STOP.BAD_CRC);
}

describe('a torn record that holds a whole one in its key', () => {
  const inner = whole(50);
  const key = Buffer.concat([junk(5), inner, junk(545)]);
  const innerAt = OFFSET + AT_KEY + 5;
  const put = { sequence: 3n, type: 'put', key, value: junk(900) } as const;
  const outer = independentEncode(put);
  const atValueLength = AT_KEY + key.length;
  const behind = OFFSET + outer.length;
  const torn = { kind: 'torn', holdsRecords: true };

  test('cut in its key, it still claims what is inside', async () => {
    expect(await judge(outer.subarray(0, 300))).toMatchObject(torn);
    const empty = independentEncode({ ...put, value: Buffer.alloc(0) });
    expect(await judge(empty.subarray(0, 300))).toMatchObject(torn);
  });

  test('the length of its value counts once all of it is there', async () => {
    const odd = changed(outer, atValueLength, 1);
    expect(await judge(odd.subarray(0, atValueLength + 3))).toMatchObject(torn);
    expect(await judge(odd.subarray(0, atValueLength + 4))).toMatchObject({
      kind: 'corrupt',
      next: innerAt,
    });
  });

  test('with a key that would end behind the file, its len is tried first', async () => {
    const odd = changed(outer, AT_KEY_LENGTH + 3, 1);
    expect(await judge(odd, whole())).toMatchObject({ kind: 'corrupt', next: behind });
    expect(await judge(odd)).toMatchObject({ kind: 'corrupt', next: innerAt });
  });

  describe('and the sector with the length of its value never landed', () => {
    const sectorEnd = Math.ceil((OFFSET + atValueLength) / SECTOR) * SECTOR - OFFSET;
    const hole = Buffer.from(outer).fill(0, atValueLength, sectorEnd);

    test('len says where it ends', async () => {
      expect(await judge(hole, whole())).toMatchObject({ next: behind });
      expect(await judge(hole)).toMatchObject(torn);
      expect(await judge(hole.subarray(0, -100))).toMatchObject(torn);
    });

    test('half of that length, in the sector before, is none', async () => {
      const keyLength = 2 * SECTOR - OFFSET - AT_KEY - 2;
      const empty = independentEncode({
        ...{ sequence: 3n, type: 'put', value: Buffer.alloc(0) },
        key: Buffer.concat([junk(5), inner, junk(keyLength - 55)]),
      });
      const half = Buffer.concat([empty, junk(40)]);
      half.fill(9, 2 * SECTOR - OFFSET, 2 * SECTOR - OFFSET + 2);
      expect(await judge(half)).toMatchObject(torn);
    });

    test('unless the header is none, or too short for its key', async () => {
      expect(await judge(changed(hole, 4, 0))).toMatchObject({ next: innerAt });
      const first = independentEncode({ ...put, key: Buffer.concat([inner, junk(550)]) });
      const short = first.fill(0, atValueLength, sectorEnd);
      short.writeUInt32LE(25, 0);
      expect(await judge(short)).toMatchObject({ next: OFFSET + AT_KEY });
    });
  });
});

describe('what looks like a record and is none', () => {
  /** Where what is judged says that it ends: exactly there something is looked at first. */
  const claimant = changed(whole(50), 49, 0);

  test.each([
    ['another magic', changed(whole(), 4, 0)],
    ['an unknown type', changed(whole(), AT_TYPE, 9)],
    ['a length of the value that is another, which no checksum covers', changed(whole(), 21, 12)],
    ['a key longer than itself', changed(whole(), AT_KEY_LENGTH, 12)],
  ])('%s', async (_, odd) => {
    expect((await judge(junk(10), odd)).kind).toBe('torn');
    expect((await judge(claimant, odd)).kind).toBe('torn');
    expect((await judge(changed(claimant, 21, 20), odd)).kind).toBe('torn');
  });

  test('one that lacks its last byte, a zero', async () => {
    let sequence = 1n;
    let bytes = whole();
    while (bytes.at(-1) !== 0) bytes = independentEncode(putOfSize(sequence++, 40));
    expect((await judge(junk(10), bytes)).kind).toBe('corrupt');
    expect((await judge(junk(10), bytes.subarray(0, -1))).kind).toBe('torn');
  });
});

describe('of a record too large to be held', () => {
  const big = Buffer.alloc(HELD_UNCHECKED_BYTES_MAX, 7);
  const encoded = (fields: Partial<PlainRecord>): Buffer =>
    independentEncode({ sequence: 5n, type: 'put', key: junk(9), value: big, ...fields });
  const batch = plainBatchRecord(5n, plainBatchValue(puts(1, 1, HELD_UNCHECKED_BYTES_MAX)));
  /** Of another type or key, with the right checksum. */
  const sealed = (bytes: Buffer, type: number, keyLength: number): Buffer => {
    bytes.writeUInt8(type, AT_TYPE);
    const value = bytes.subarray(AT_KEY + keyLength + 4, -4);
    const covered = [bytes.subarray(8, AT_TYPE + 1), bytes.subarray(AT_KEY, AT_KEY + keyLength)];
    bytes.writeUInt32LE(crc32(Buffer.concat([...covered, value])), bytes.length - 4);
    return bytes;
  };

  test.each([
    ['a put with a key', true, () => encoded({})],
    ['a delete', true, () => encoded({ type: 'delete', key: big, value: Buffer.alloc(0) })],
    ['an atomic batch', true, () => batch],
    ['a delete with a value', false, () => encoded({ type: 'delete' })],
    ['an atomic batch with a key', false, () => sealed(encoded({}), 3, 9)],
    ['a put with a wrong checksum', false, () => changed(encoded({}), 1000, 0)],
  ])('%s counts: %s', async (_, counts, make) => {
    const end = await judge(junk(100), make());
    expect(end.kind).toBe(counts ? 'corrupt' : 'torn');
    expect(end.next).toBe(counts ? OFFSET + 100 : undefined);
  });

  test('one whose magic is wrong does not count where it is expected', async () => {
    const claimant = changed(whole(50), 21, 20);
    expect((await judge(claimant, encoded({}))).next).toBe(OFFSET + 50);
    expect((await judge(claimant, changed(encoded({}), 4, 0))).kind).toBe('torn');
  });

  test('one whose lengths disagree is never held', async () => {
    const odd = changed(whole(2 * WINDOW_BYTES), 21, 0);
    const { window, cost } = windowOver(Buffer.concat([whole(OFFSET), junk(100), odd]));
    expect((await judgeEnd(window, OFFSET, STOP.BAD_MAGIC)).kind).toBe('torn');
    expect(cost.largestMemory).toBe(WINDOW_BYTES);
  });
});

describe('when the budget of the search is spent to its last byte', () => {
  const last = whole(MIB);
  /** So many heads of records of a mebibyte; their lengths agree, their checksums do not. */
  const heads = (count: number): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => last.subarray(0, 64)));
  const rest = Buffer.alloc(2 * MIB, 5);

  test('the record that it was spent on counts', async () => {
    const end = await judge(junk(8), heads(255), last, rest);
    expect(end.next).toBe(OFFSET + 8 + 255 * 64);
  });

  test('and nothing else looks like one: torn', async () => {
    expect((await judge(junk(8), heads(256), rest)).kind).toBe('torn');
  });
});
