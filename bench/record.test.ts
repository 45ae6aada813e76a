import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WalEntry } from '../lib/entry.js';
import { encodePut, recordBytes, visitRecords } from './record.js';

const SEQUENCE = 2 ** 40 + 7;

function encoded(keyBytes: number, valueBytes: number): Uint8Array {
  const key = new Uint8Array(keyBytes).map((_, index) => index * 3);
  const value = new Uint8Array(valueBytes).map((_, index) => index * 5 + 1);
  const bytes = new Uint8Array(recordBytes(keyBytes, valueBytes));
  encodePut(bytes, new DataView(bytes.buffer), 0, SEQUENCE, key, value);
  return bytes;
}

describe('hand-made record format', () => {
  it.each([0, 1, 7, 8, 9, 100, 255, 256, 4096])('is what the library writes, value of %i', (n) => {
    const bytes = encoded(16, n);
    const entry = WalEntry.decode(bytes);
    expect(entry.sequence).toBe(BigInt(SEQUENCE));
    expect(entry.value.length).toBe(n);
    const covered = Buffer.concat([bytes.subarray(8, 17), entry.key, entry.value]);
    const crc = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
    expect(crc).toBe(crc32(covered));
  });

  it('stops at the first damaged record', () => {
    const one = encoded(16, 100);
    const bytes = Buffer.concat([one, one, one]);
    bytes[one.length + 60] = (bytes[one.length + 60] ?? 0) ^ 1;
    let visited = 0;
    expect(visitRecords(bytes, bytes.length, () => visited++)).toBe(one.length);
    expect(visited).toBe(1);
  });
});
