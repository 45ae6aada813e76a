// What the properties are tried on. Sizes are small so that a case is fast and a shrunk one is
// readable, with now and then one that crosses sectors; content tries to look like a log.

import fc from 'fast-check';

import type { PlainRecord } from '../lib/fixtures/independent.js';
import { independentEncode } from '../lib/fixtures/independent.js';

const SEQUENCE_MAX = 2n ** 64n - 1n;
const EMPTY = new Uint8Array(0);
const KEY_BYTES_MAX = 24;
const VALUE_BYTES_MAX = 60;
/** More than two sectors. */
const LONG_BYTES_MAX = 1600;
/** The magic number's bytes as they stand in a record. */
const MAGIC_BYTES = [0x4c, 0x41, 0x57, 0x00];

export const SECTOR_BYTES = 512;

/** Small ones mostly, and the edges of 32, 53 and 64 bits. */
export const sequences: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt(0n, 100n) },
  { weight: 1, arbitrary: fc.bigInt(0n, SEQUENCE_MAX) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, SEQUENCE_MAX),
  },
);

/** Bytes without zeros, by a length and a seed: cheap, and easy to shrink. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = 1 + ((seed * 37 + index * 11) % 255);
  return bytes;
}

const longBytes = fc
  .tuple(fc.nat(LONG_BYTES_MAX), fc.nat(255))
  .map(([length, seed]) => patterned(length, seed));

const zeros = fc.nat(LONG_BYTES_MAX).map((length) => new Uint8Array(length));

const magics = fc
  .array(fc.constantFrom(...MAGIC_BYTES, 0, 1, 25), { maxLength: VALUE_BYTES_MAX })
  .map((bytes) => Uint8Array.from(bytes));

const shortBytes = fc.uint8Array({ maxLength: VALUE_BYTES_MAX });

/** Whole records in a row, behind some bytes that shift them. */
export const nestedRecords: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.uint8Array({ maxLength: 9 }),
    fc.array(fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 4 })), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.uint8Array({ maxLength: 9 }),
  )
  .map(([before, inner, after]) =>
    Uint8Array.from(
      Buffer.concat([before, ...inner.map(([seed, key]) => nestedRecord(seed, key)), after]),
    ),
  );

function nestedRecord(seed: number, key: Uint8Array): Buffer {
  const sequence = 0xabc000n + BigInt(seed);
  return independentEncode({ sequence, type: 'put', key, value: Uint8Array.of(seed) });
}

/** A key or a value. */
export const contents: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: shortBytes },
  { weight: 2, arbitrary: longBytes },
  { weight: 2, arbitrary: zeros },
  { weight: 2, arbitrary: nestedRecords },
  { weight: 1, arbitrary: magics },
);

const keys = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: KEY_BYTES_MAX }) },
  { weight: 1, arbitrary: contents },
);

/** Any entry whose value is drawn from `values`. */
export function recordsOf(values: fc.Arbitrary<Uint8Array>): fc.Arbitrary<PlainRecord> {
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record(
        { sequence: sequences, type: fc.constant('put' as const), key: keys, value: values },
        { noNullPrototype: true },
      ),
    },
    {
      weight: 1,
      arbitrary: fc.record(
        {
          sequence: sequences,
          type: fc.constant('delete' as const),
          key: keys,
          value: fc.constant(EMPTY),
        },
        { noNullPrototype: true },
      ),
    },
  );
}

export const records: fc.Arbitrary<PlainRecord> = recordsOf(contents);

/** A log's records, in order. */
export function logsOf(
  record: fc.Arbitrary<PlainRecord>,
  lengths: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<PlainRecord[]> {
  return fc.array(record, { maxLength: 8, ...lengths });
}

export const logs: fc.Arbitrary<PlainRecord[]> = logsOf(records);

/** A place in something whose size is known only later: a share of 2^32. */
export const places: fc.Arbitrary<number> = fc.nat(0xffffffff);

/** The place as an index, 0 … `count` - 1. */
export function indexAt(place: number, count: number): number {
  return Math.floor((place / 0x100000000) * count);
}
