// One flipped bit anywhere in a log is told, and nothing from the damaged record on is replayed.
// Were the bit one of keyLen's, there is a chance of about 2^-32 that the record still decodes: the
// format's limit, too rare for any run of this.

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { independentLine, independentLog } from '../lib/fixtures/independent.js';
import { indexAt, logsOf, places, records } from './arbitraries.js';
import { isEqual, readBytes, recoverBytes } from './harness/bytes.js';
import { property } from './harness/property.js';

/** Where the fields of a record's header end, from its start. */
const FIELDS = [
  [4, 'len'],
  [8, 'magic'],
  [16, 'sequence'],
  [17, 'type'],
  [21, 'keyLen'],
] as const;

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

property({
  name: 'bit-flips-are-detected',
  says: 'a flipped bit ends the replay right before its record, and the end says so',
  level: 'bytes',
  cases: fc.tuple(logsOf(records, { minLength: 1 }), places),
  runs: 4000,
  reach: [...FIELDS.map(([, field]) => field), 'behind keyLen', 'last record', 'corrupt', 'torn'],
  check: async ([log, place], mark) => {
    const { bytes, placed } = independentLog(log);
    const bit = indexAt(place, bytes.length * 8);
    const byte = bit >> 3;
    const struck = placed.findIndex(({ offset, length }) => byte < offset + length);
    const { offset, length } = placed[struck] ?? { offset: 0, length: 0 };
    mark(FIELDS.find(([end]) => byte - offset < end)?.[1] ?? 'behind keyLen');
    const damaged = flipped(bytes, bit);

    const { records: found, end } = await readBytes(damaged);
    expect(found.map(independentLine)).toEqual(placed.slice(0, struck).map(independentLine));
    expect(end.offset).toBe(offset);
    mark(end.kind);
    const isLast = struck === placed.length - 1;
    if (isLast) mark('last record');
    // With whole records behind it, it may never pass for what a crash leaves of one record.
    expect(isLast ? ['torn', 'tear', 'corrupt'] : ['tear', 'corrupt']).toContain(end.kind);

    const recovery = await recoverBytes(damaged, 'strict');
    if (end.kind === 'corrupt') {
      expect(recovery.kind).toBe('refused');
      expect(isEqual(recovery.bytes, damaged)).toBe(true);
    } else if (recovery.kind === 'recovered') {
      expect(recovery.report.trimmedBytes).toBe(bytes.length - offset);
      const isKept = recovery.quarantined !== undefined;
      expect(isKept || offset + length === bytes.length).toBe(true);
    } else {
      expect.fail('refused, though the reader says that it is not corrupt');
    }
  },
});

test('every bit of a log of three records', async () => {
  const { bytes, placed } = independentLog([
    { sequence: 1n, type: 'put', key: Buffer.from('a'), value: Buffer.from('1') },
    { sequence: 2n, type: 'delete', key: Buffer.from('b'), value: Buffer.alloc(0) },
    { sequence: 3n, type: 'put', key: Buffer.alloc(0), value: Buffer.alloc(0) },
  ]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const { records: found, end } = await readBytes(flipped(bytes, bit));
    const struck = placed.findIndex(({ offset, length }) => bit >> 3 < offset + length);
    expect({ bit, records: found.length }).toEqual({ bit, records: struck });
    expect({ bit, kind: end.kind }).toEqual({ bit, kind: struck === 2 ? 'torn' : 'corrupt' });
  }
});

test('the chance of 2^-32 exists: this bit of keyLen is not seen', async () => {
  const value = Buffer.from('cafbda2c00000000', 'hex');
  const { bytes } = independentLog([{ sequence: 0n, type: 'put', key: Buffer.alloc(0), value }]);
  const { end } = await readBytes(flipped(bytes, 17 * 8 + 3));
  expect(end.kind).toBe('clean');
});
