// Bytes that a log file may hold after anything at all has happened to it: nonsense, headers that
// lie about lengths, whole records, zeros, and mixtures of these.

import { crc32 } from 'node:zlib';

import fc from 'fast-check';

import { independentEncode } from '../lib/fixtures/independent.js';
import { contents, records } from './arbitraries.js';

const MAGIC = 0x0057414c;
const LENGTHS = [0, 1, 24, 25, 26, 40, 600, 0x7fffffff, 0x80000000, 0xffffffe6, 0xffffffff];

const lengths = fc.oneof(fc.constantFrom(...LENGTHS), fc.nat(200));

/** A header that may say anything, with some bytes behind it. */
const headers: fc.Arbitrary<Buffer> = fc
  .tuple(lengths, fc.constantFrom(1, 2, 3, 0, 4, 255), lengths, lengths, contents)
  .map(([len, type, keyLength, valueLength, body]) => {
    const bytes = Buffer.alloc(21 + body.length);
    bytes.writeUInt32LE(len, 0);
    bytes.writeUInt32LE(MAGIC, 4);
    bytes.writeUInt8(type, 16);
    bytes.writeUInt32LE(keyLength, 17);
    bytes.set(body, 21);
    if (body.length >= 4) bytes.writeUInt32LE(valueLength, 21);
    return bytes;
  });

const whole = records.map(independentEncode);

/** The entries inside a batch, well formed or nearly so. */
const batchValues: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(fc.constantFrom(1, 1, 1, 2, 9), fc.nat(5), fc.nat(5)), { maxLength: 3 })
  .map((entries) => Buffer.concat(entries.map((entry) => innerEntry(...entry))));

function innerEntry(type: number, keyLength: number, valueLength: number): Buffer {
  const bytes = Buffer.alloc(9 + keyLength + valueLength, 7);
  bytes.writeUInt8(type, 0);
  bytes.writeUInt32LE(keyLength, 1);
  bytes.writeUInt32LE(valueLength, 5 + keyLength);
  return bytes;
}

/** Whole, with a right checksum, and yet no valid record: or only just, the atomic batch. */
const forbidden: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.constantFrom(2, 3, 3, 3, 4, 0),
    fc.constantFrom(0, 0, 0, 3),
    fc.oneof(batchValues, contents),
  )
  .map(([type, keyLength, value]) => {
    const record = { sequence: 5n, key: Buffer.alloc(keyLength, 6), value };
    const bytes = independentEncode({ ...record, type: 'put' });
    bytes.writeUInt8(type, 16);
    const fields = Buffer.concat([bytes.subarray(8, 17), record.key, value]);
    bytes.writeUInt32LE(crc32(fields), bytes.length - 4);
    return bytes;
  });

/** A whole record, changed in one place. */
const nearlyWhole = fc.tuple(whole, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
  const changed = Buffer.from(bytes);
  changed[at % bytes.length] = byte;
  return changed;
});

const pieces: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: headers },
  { weight: 3, arbitrary: whole },
  { weight: 2, arbitrary: nearlyWhole },
  { weight: 2, arbitrary: forbidden },
  { weight: 2, arbitrary: contents },
);

/** Any bytes, in pieces that each look like something. */
export const arbitraryBytes: fc.Arbitrary<Uint8Array> = fc
  .array(pieces, { maxLength: 6 })
  .map((list) => Uint8Array.from(Buffer.concat(list)));
