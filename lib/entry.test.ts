// Entries: what they take, what they refuse, and their bytes.

import { describe, expect, test } from 'vitest';

import { WalEntry } from './entry.js';
import { WalError } from './errors.js';
import { independentCrc, independentEncode } from './fixtures/independent.js';
import { entryOf, samplePut } from './test-tools/records.js';

const NO_BYTES = Buffer.alloc(0);

test('a put and a delete, from strings and from bytes', () => {
  const put = WalEntry.put(7, 'ä', Buffer.from([1, 2]));
  expect(put).toMatchObject({ sequence: 7n, lastSequence: 7n, type: 'put', typeByte: 1 });
  expect(Buffer.from(put.key).toString()).toBe('ä');
  expect([...put.value]).toEqual([1, 2]);
  expect(put.encodedLength).toBe(29 + 2 + 2);
  const gone = WalEntry.delete(8n, 'ä');
  expect(gone).toMatchObject({ sequence: 8n, type: 'delete', typeByte: 2, encodedLength: 31 });
  expect(gone.value.length).toBe(0);
});

test.each([0n, 1n, 2n ** 53n, 2n ** 64n - 1n])('sequence %s keeps its bytes', (sequence) => {
  const plain = { ...samplePut(1), sequence };
  const entry = entryOf(plain);
  expect(Buffer.from(entry.encode())).toEqual(independentEncode(plain));
  expect(entry.checksum).toBe(independentCrc(plain));
  expect(entry.verifyChecksum(entry.checksum)).toBe(true);
  expect(entry.verifyChecksum((entry.checksum ^ 1) >>> 0)).toBe(false);
  expect(WalEntry.decode(entry.encode()).sequence).toBe(sequence);
});

test.each([0, -0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER])(
  'the number %s is that sequence',
  (sequence) => {
    expect(WalEntry.put(sequence, 'k', 'v').sequence).toBe(BigInt(sequence));
    const { value } =
      Object.getOwnPropertyDescriptor(WalEntry.delete(sequence, 'k'), 'sequence') ?? {};
    expect(value).toBe(BigInt(sequence));
  },
);

test.each([
  [-1n, RangeError],
  [2n ** 64n, RangeError],
  [-1, RangeError],
  [1.5, RangeError],
  [NaN, RangeError],
  [2 ** 53, RangeError],
  ['1', TypeError],
  [undefined, TypeError],
])('sequence %s is refused', (sequence, kind) => {
  expect(() => WalEntry.put(sequence as bigint, 'k', 'v')).toThrow(kind);
  expect(() => WalEntry.delete(sequence as bigint, 'k')).toThrow(kind);
});

test.each([undefined, null, 1, {}, new Uint16Array(2)])('%s is no key and no value', (data) => {
  expect(() => WalEntry.put(1, data as string, 'v')).toThrow(TypeError);
  expect(() => WalEntry.put(1, 'k', data as string)).toThrow(TypeError);
});

describe('decoding', () => {
  const whole = independentEncode(samplePut(3));

  test('an empty value of a put stays one, and is no delete', () => {
    const empty = { ...samplePut(3), key: NO_BYTES, value: NO_BYTES };
    expect(WalEntry.decode(independentEncode(empty))).toMatchObject({ type: 'put', sequence: 3n });
  });

  test('gives views of what it was given', () => {
    const bytes = Uint8Array.from(whole);
    const entry = WalEntry.decode(bytes);
    expect(entry.value.buffer).toBe(bytes.buffer);
    expect(Buffer.from(entry.key)).toEqual(samplePut(3).key);
  });

  test.each([
    ['nothing', NO_BYTES],
    ['a record cut short', whole.subarray(0, -1)],
    ['bytes behind the record', Buffer.concat([whole, Buffer.alloc(1)])],
    ['two records', Buffer.concat([whole, whole])],
    ['a flipped bit', Buffer.from(whole).fill((whole[25] ?? 0) ^ 4, 25, 26)],
  ])('%s: ERR_WAL_DECODE', (_, bytes) => {
    let thrown: unknown;
    try {
      WalEntry.decode(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(WalError);
    expect(thrown).toMatchObject({ code: 'ERR_WAL_DECODE', offset: 0 });
  });

  test('what is no Uint8Array is a TypeError', () => {
    expect(() => WalEntry.decode('bytes' as unknown as Uint8Array)).toThrow(TypeError);
  });
});
