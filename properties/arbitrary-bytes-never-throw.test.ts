// Whatever the bytes are: decoding throws nothing but its own typed error, reading comes to an end
// that it explains, and neither takes more memory than there are bytes.

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { independentLine, independentRead } from '../lib/fixtures/independent.js';
import { WalEntry, WalError } from '../lib/index.js';
import { arbitraryBytes } from './arbitrary-bytes.js';
import { readBytes, recoverBytes } from './harness/bytes.js';
import { property } from './harness/property.js';

const PAGE_BYTES = 4096;
const MEBIBYTE = 1024 * 1024;
const BATCH_TYPE = 3;
/** As far as to the key's length, and a little: the next candidate begins there. */
const HEADER_BYTES = 24;
/** What lib/tail.ts allows a search in a small file. */
const SEARCH_BYTES = 256 * MEBIBYTE;
/** A scan reads forward; judging its end may look at each place again, from wherever it stands. */
const READS_PER_PAGE_MAX = 200;

property({
  name: 'decode-throws-typed-errors-only',
  says: 'decode takes any bytes: an entry that encodes to them, or ERR_WAL_DECODE',
  level: 'bytes',
  cases: arbitraryBytes,
  runs: 4000,
  reach: ['entry', 'refused'],
  check: (bytes, mark) => {
    let entry: WalEntry;
    try {
      entry = WalEntry.decode(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(WalError);
      expect(error).toMatchObject({ code: 'ERR_WAL_DECODE' });
      mark('refused');
      const { records, end } = independentRead(bytes);
      expect(records.length === 1 && end === bytes.length).toBe(false);
      return;
    }
    mark('entry');
    expect(Buffer.compare(entry.encode(), bytes)).toBe(0);
  },
});

property({
  name: 'reading-any-bytes-ends',
  says: 'a reader takes any bytes: it ends, says why, and takes no more memory than they need',
  level: 'bytes',
  cases: arbitraryBytes,
  runs: 3000,
  reach: ['clean', 'torn', 'corrupt', 'records', 'a batch type'],
  check: async (bytes, mark) => {
    const { records, end, disk } = await readBytes(bytes);
    mark(end.kind);
    if (records.length > 0) mark('records');
    const expected = independentRead(bytes);
    const isBatch = bytes[expected.end + 16] === BATCH_TYPE;
    if (isBatch) mark('a batch type');
    // The independent format does not know batches; up to the first one both see the same.
    const own = records.slice(0, expected.records.length).map(independentLine);
    expect(own).toEqual(expected.records.map(independentLine));
    if (!isBatch) expect(end.offset).toBe(expected.end);
    expect(disk.memoryBytesPeak).toBeLessThanOrEqual(bytes.length + 2 * PAGE_BYTES);
    expect(disk.reads).toBeLessThanOrEqual(READS_PER_PAGE_MAX * (1 + bytes.length / PAGE_BYTES));
  },
});

property({
  name: 'opening-any-bytes-ends',
  says: 'an open takes any bytes: it refuses them untouched, or keeps the records it found',
  level: 'bytes',
  cases: fc.tuple(arbitraryBytes, fc.constantFrom('strict' as const, 'trim' as const)),
  runs: 2000,
  reach: ['refused', 'recovered', 'quarantined', 'strict', 'trim'],
  check: async ([bytes, mode], mark) => {
    const { records, end } = await readBytes(bytes);
    const recovery = await recoverBytes(bytes, mode);
    mark(recovery.kind);
    mark(mode);
    if (recovery.kind === 'refused') {
      expect(mode).toBe('strict');
      expect(end.kind).toBe('corrupt');
      expect(Buffer.compare(recovery.bytes, bytes)).toBe(0);
      return;
    }
    expect(recovery.report.end).toEqual(end);
    expect(Buffer.compare(recovery.bytes, bytes.subarray(0, end.offset))).toBe(0);
    expect(recovery.report.trimmedBytes).toBe(bytes.length - end.offset);
    const last = records.at(-1);
    expect(recovery.report.lastSequence).toBe(last?.sequence);
    if (end.kind !== 'tear' && end.kind !== 'corrupt') return;
    mark('quarantined');
    const { quarantined } = recovery;
    expect(quarantined).toBeDefined();
    expect(Buffer.compare(quarantined ?? bytes, bytes.subarray(end.offset))).toBe(0);
  },
});

test('a log crafted to be searched again and again comes to an end', async () => {
  // Every 29 bytes a header that claims all the rest: each candidate would be checksummed whole.
  const bytes = Buffer.alloc(2 * MEBIBYTE, 1);
  for (let at = 1; at + 29 < bytes.length; at += 29) {
    const length = bytes.length - at;
    bytes.writeUInt32LE(length - 4, at);
    bytes.writeUInt32LE(0x0057414c, at + 4);
    bytes.writeUInt8(1, at + 16);
    bytes.writeUInt32LE(0, at + 17);
    bytes.writeUInt32LE(length - 29, at + 21);
  }
  const { records, end } = await readBytes(bytes);
  expect(records).toEqual([]);
  expect(end.kind).toBe('corrupt');
  expect(end.reason).toContain('too many candidates');
});

test('candidates whose lengths disagree cost the search no more than its budget', async () => {
  // A torn record whose value is full of headers; each claims more than a window, and a value
  // length far away, so that comparing the two takes the reader there and back.
  const bytes = Buffer.alloc(6 * MEBIBYTE, 1);
  for (let at = 1; at + HEADER_BYTES < bytes.length; at += HEADER_BYTES) {
    bytes.writeUInt32LE(bytes.length - at - 4, at);
    bytes.writeUInt32LE(0x0057414c, at + 4);
    bytes.writeUInt8(1, at + 16);
    bytes.writeUInt32LE(Math.max(0, bytes.length - at - 100), at + 17);
  }
  const { records, end, disk } = await readBytes(bytes);
  expect(records).toEqual([]);
  expect(end.kind).toBe('corrupt');
  expect(end.reason).toContain('too many candidates');
  expect(disk.readBytes).toBeLessThan(2 * SEARCH_BYTES);
});
