// The native checksum and record scan give what the portable ones give, on any bytes and any range.

import fc from 'fast-check';
import { expect } from 'vitest';
import { crc32 as zlibCrc32 } from 'node:zlib';

import { crc32Portable } from '../lib/checksum.js';
import { independentLog } from '../lib/fixtures/independent.js';
import { addonProblem, loadAddon } from '../lib/io/addon.js';
import { scanRecordsPortable, sealRecordsPortable } from '../lib/record.js';
import { indexAt, logs, places } from './arbitraries.js';
import { arbitraryBytes } from './arbitrary-bytes.js';
import { property } from './harness/property.js';

const TABLE_HEADER = 4;
const TABLE_STRIDE = 4;
const ROWS_MAX = 12;

function native(): NonNullable<ReturnType<typeof loadAddon>> {
  const addon = loadAddon();
  if (addon === undefined) throw new Error(addonProblem() ?? 'no addon');
  return addon;
}

const skip = (): string | undefined => addonProblem();

const longBytes = fc
  .tuple(fc.nat(9000), fc.nat(0xffff))
  .map(([length, seed]) =>
    Uint8Array.from({ length }, (_, at) => (at * 31 + seed * 7) ^ (at >> 5)),
  );

property({
  name: 'native-crc-equals-portable',
  says: 'a CRC-32 is the same natively, in JavaScript and by zlib, in one piece and continued',
  level: 'bytes',
  cases: fc.tuple(fc.oneof(arbitraryBytes, longBytes), places, places, fc.nat(0xffffffff)),
  runs: 4000,
  reach: ['short', 'beyond 64 bytes', 'beyond 4096 bytes', 'unaligned'],
  skip,
  check: ([bytes, one, other, seed], mark) => {
    const first = indexAt(one, bytes.length + 1);
    const second = indexAt(other, bytes.length + 1);
    const [start, end] = [Math.min(first, second), Math.max(first, second)];
    mark(end - start > 4096 ? 'beyond 4096 bytes' : end - start > 64 ? 'beyond 64 bytes' : 'short');
    if (start % 16 !== 0) mark('unaligned');
    // zlib forgets the seed of nothing.
    const expected = start === end ? seed : zlibCrc32(bytes.subarray(start, end), seed);
    expect(native().crc32(bytes, start, end, seed)).toBe(expected);
    expect(crc32Portable(bytes, start, end, seed)).toBe(expected);
    const middle = start + ((end - start) >> 1);
    const continued = native().crc32(
      bytes,
      middle,
      end,
      native().crc32(bytes, start, middle, seed),
    );
    expect(continued).toBe(expected);
  },
});

property({
  name: 'native-seal-equals-portable',
  says: 'sealing a run of records writes the same checksums natively, in JavaScript, and by zlib',
  level: 'bytes',
  cases: fc.tuple(logs, fc.uint8Array({ maxLength: 20 }), fc.boolean()),
  runs: 2000,
  reach: ['no run', 'sealed'],
  skip,
  check: ([log, around, broken], mark) => {
    const { bytes, placed } = independentLog(log);
    const file = Buffer.concat([around, bytes, around]);
    const [start, end] = [around.length, around.length + bytes.length];
    const unsealed = Buffer.from(file);
    for (const { offset, length } of placed) {
      const at = start + offset + length - 4;
      unsealed.writeUInt32LE(0xdeadbeef, at);
    }
    // One byte less than whole records: both refuse it.
    const cut = broken && bytes.length > 0 ? end - 1 : end;
    const [one, other] = [Uint8Array.from(unsealed), Uint8Array.from(unsealed)];
    const refused = [
      outcome(() => native().sealRecords(one, start, cut)),
      outcome(() => sealRecordsPortable(other, start, cut)),
    ];
    mark(cut === end ? 'sealed' : 'no run');
    expect(refused).toEqual(cut === end ? ['done', 'done'] : ['RangeError', 'RangeError']);
    if (cut === end) expect(Buffer.compare(one, file)).toBe(0);
    if (cut === end) expect(Buffer.compare(other, file)).toBe(0);
  },
});

property({
  name: 'native-scan-equals-portable',
  says: 'scanning any range of any bytes notes the same records and the same reason to stop',
  level: 'bytes',
  cases: fc.tuple(arbitraryBytes, places, places, fc.nat(ROWS_MAX)),
  runs: 5000,
  reach: [...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((stop) => `stop ${String(stop)}`), 'a record'],
  skip,
  check: ([bytes, one, other, rows], mark) => {
    const start = one % 3 === 0 ? indexAt(one, bytes.length + 1) : 0;
    const end = other % 3 === 0 ? indexAt(other, bytes.length + 1) : bytes.length;
    const tables = [0, 1].map(() => new Uint32Array(TABLE_HEADER + TABLE_STRIDE * rows));
    const [ours, theirs] = tables;
    if (ours === undefined || theirs === undefined) return;
    const counts = [
      native().scanRecords(bytes, Math.min(start, end), end, ours),
      scanRecordsPortable(bytes, Math.min(start, end), end, theirs),
    ];
    expect(counts[0]).toBe(counts[1]);
    expect([...ours]).toEqual([...theirs]);
    mark(`stop ${String(ours[2])}`);
    if ((ours[0] ?? 0) > 0) mark('a record');
  },
});

function outcome(call: () => void): string {
  try {
    call();
    return 'done';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}
