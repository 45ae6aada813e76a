// Values may hold anything, whole records as well: what was torn in the middle of such a record is
// a torn tail, and what stands inside of it is never replayed nor taken for what follows.

import fc from 'fast-check';
import { expect } from 'vitest';

import { independentLine, independentLog } from '../lib/fixtures/independent.js';
import { indexAt, logsOf, nestedRecords, places, recordsOf } from './arbitraries.js';
import { hasZeroSector, isEqual, readBytes, recoverBytes } from './harness/bytes.js';
import { property } from './harness/property.js';

property({
  name: 'nested-records',
  says: 'a log of records that hold records, cut anywhere, opens to exactly its whole records',
  level: 'bytes',
  cases: fc.tuple(logsOf(recordsOf(nestedRecords), { minLength: 1, maxLength: 5 }), places),
  runs: 2500,
  reach: ['cut in a record', 'cut between records', 'cut behind a nested record'],
  check: async ([log, place], mark) => {
    const { bytes, placed } = independentLog(log);
    const cut = indexAt(place, bytes.length + 1);
    const whole = placed.filter(({ offset, length }) => offset + length <= cut);
    const kept = whole.reduce((sum, { length }) => sum + length, 0);
    mark(kept === cut ? 'cut between records' : 'cut in a record');
    if (cut - kept > 21 + 29 + 29) mark('cut behind a nested record');

    const { records: found, end } = await readBytes(bytes.subarray(0, cut));
    expect(found.map(independentLine)).toEqual(whole.map(independentLine));
    expect(end.kind).toBe(kept === cut ? 'clean' : 'torn');
    const recovery = await recoverBytes(bytes.subarray(0, cut), 'strict');
    expect(recovery.kind).toBe('recovered');
    expect(isEqual(recovery.bytes, bytes.subarray(0, kept))).toBe(true);
  },
});

property({
  name: 'nested-records-are-told-apart',
  says: 'a damaged record is the end, however many whole records its value holds',
  level: 'bytes',
  cases: fc.tuple(logsOf(recordsOf(nestedRecords), { minLength: 1, maxLength: 4 }), places, places),
  runs: 2500,
  reach: ['checksum', 'elsewhere'],
  check: async ([log, place, where], mark) => {
    const { bytes, placed } = independentLog(log);
    const struck = placed[indexAt(place, placed.length)];
    if (struck === undefined) return;
    // Behind the header, whose fields then say rightly what the record claims.
    const body = 21 + indexAt(where, struck.length - 21);
    const isLength = body >= 21 + struck.key.length && body < 25 + struck.key.length;
    mark(body >= struck.length - 4 ? 'checksum' : 'elsewhere');
    const at = struck.offset + body;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    const { records: found, end } = await readBytes(bytes);
    const before = placed.filter(({ offset }) => offset < struck.offset);
    expect(found.map(independentLine)).toEqual(before.map(independentLine));
    expect(end.offset).toBe(struck.offset);
    const isLast = struck.offset + struck.length === bytes.length;
    if (!isLength) {
      // Sector-long runs of zeros in the value itself may look like sectors that never landed.
      const amidZeros = hasZeroSector(bytes, struck.offset, struck.offset + struck.length);
      expect(end.kind).toBe(isLast ? 'torn' : amidZeros ? 'tear' : 'corrupt');
      if (!isLast) expect(end.next).toBe(struck.offset + struck.length);
    }
  },
});
