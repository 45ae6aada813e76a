// CRC-32 (IEEE 802.3, as zlib computes it): the native one when the addon is there, else the
// portable table-driven one. Both give the same numbers; a test compares them.

import { loadAddon } from './io/addon.js';

const TABLE_COUNT = 4;
const TABLES = buildTables();

/** CRC-32 of `bytes[start, end)`, continued from `seed` (the CRC of what came before, 0 at first). */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  const native = loadAddon();
  return native === undefined
    ? crc32Portable(bytes, start, end, seed)
    : native.crc32(bytes, start, end, seed);
}

/** The same in JavaScript alone, four bytes a step (slicing-by-4). */
export function crc32Portable(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let crc = ~seed;
  let at = start;
  const [t0, t1, t2, t3] = TABLES;
  for (const last = end - 3; at < last; at += TABLE_COUNT) {
    crc ^= word(bytes, at);
    crc =
      entry(t3, crc & 0xff) ^
      entry(t2, (crc >>> 8) & 0xff) ^
      entry(t1, (crc >>> 16) & 0xff) ^
      entry(t0, crc >>> 24);
  }
  for (; at < end; at++) crc = entry(t0, (crc ^ (bytes[at] ?? 0)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function entry(table: Uint32Array, index: number): number {
  return table[index] ?? 0;
}

function buildTables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const POLYNOMIAL_REVERSED = 0xedb88320;
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
    tables[0][byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let slice = 1; slice < TABLE_COUNT; slice++) {
      const before = tables[slice - 1]?.[byte] ?? 0;
      const table = tables[slice];
      if (table !== undefined) table[byte] = (before >>> 8) ^ entry(tables[0], before & 0xff);
    }
  }
  return tables;
}
