// The checksum, native and portable, against zlib's.

import { crc32 as zlibCrc32 } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { crc32, crc32Portable } from './checksum.js';
import { sampleBytes } from './test-tools/records.js';

const IMPLEMENTATIONS = [
  ['as loaded', crc32],
  ['portable', crc32Portable],
] as const;

describe.each(IMPLEMENTATIONS)('%s', (_, checksum) => {
  test('of the text that every CRC-32 is checked with', () => {
    expect(checksum(Buffer.from('123456789'), 0, 9, 0)).toBe(0xcbf43926);
    expect(checksum(new Uint8Array(0), 0, 0, 0)).toBe(0);
  });

  test('of every length up to 300, at every offset in a word', () => {
    const bytes = sampleBytes(7, 310);
    for (let start = 0; start < 8; start++) {
      for (let end = start; end <= start + 300; end++) {
        expect(checksum(bytes, start, end, 0)).toBe(zlibCrc32(bytes.subarray(start, end)));
      }
    }
  });

  test('goes on where another ended', () => {
    const bytes = sampleBytes(3, 100);
    for (const cut of [0, 1, 5, 50, 99, 100]) {
      const first = checksum(bytes, 0, cut, 0);
      expect(checksum(bytes, cut, 100, first)).toBe(zlibCrc32(bytes));
    }
  });
});

test('without a range, of all bytes', () => {
  const bytes = sampleBytes(9, 77);
  expect(crc32(bytes)).toBe(zlibCrc32(bytes));
});
