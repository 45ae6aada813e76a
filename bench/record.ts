// The record format, written by hand as a careful application would: what the hand-made peers
// write, and what the logs of the replay and recover workloads are built with. It shares no code
// with lib/, so it also shows that both mean the same bytes.

import { crc32 as crc32Zlib } from 'node:zlib';

const MAGIC = 0x0057414c;
const PUT = 1;
/** Bytes of a record beside its key and value. */
export const RECORD_OVERHEAD = 29;
/** From this many bytes on zlib's CRC beats the table-driven one below, call overhead included. */
const ZLIB_BYTES_MIN = 256;
const SLICES = 8;
const TABLE = buildTable();

/** Size of a record in bytes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return RECORD_OVERHEAD + keyBytes + valueBytes;
}

/** Encodes a put at `at`, checksum included; returns the offset behind it. */
export function encodePut(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  sequence: number,
  key: Uint8Array,
  value: Uint8Array,
): number {
  const keyEnd = at + 21 + key.length;
  const valueEnd = keyEnd + 4 + value.length;
  view.setUint32(at, valueEnd - at, true);
  view.setUint32(at + 4, MAGIC, true);
  view.setUint32(at + 8, sequence, true);
  view.setUint32(at + 12, sequence / 0x100000000, true);
  view.setUint8(at + 16, PUT);
  view.setUint32(at + 17, key.length, true);
  bytes.set(key, at + 21);
  view.setUint32(keyEnd, value.length, true);
  bytes.set(value, keyEnd + 4);
  view.setUint32(valueEnd, recordCrc(bytes, view, at, keyEnd, valueEnd), true);
  return valueEnd + 4;
}

/**
 * Visits every valid record of `bytes[0, end)` with its sequence and views of key and value;
 * returns the offset of the first byte that is no whole valid record.
 */
export function visitRecords(
  bytes: Uint8Array,
  end: number,
  visit: (sequence: number, key: Uint8Array, value: Uint8Array) => void,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + RECORD_OVERHEAD <= end) {
    const next = at + 4 + view.getUint32(at, true);
    if (next > end || view.getUint32(at + 4, true) !== MAGIC) break;
    const keyEnd = at + 21 + view.getUint32(at + 17, true);
    if (keyEnd > next - 8) break;
    if (keyEnd + 8 + view.getUint32(keyEnd, true) !== next) break;
    if (recordCrc(bytes, view, at, keyEnd, next - 4) !== view.getUint32(next - 4, true)) break;
    const sequence = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 0x100000000;
    visit(sequence, bytes.subarray(at + 21, keyEnd), bytes.subarray(keyEnd + 4, next - 4));
    at = next;
  }
  return at;
}

function recordCrc(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  keyEnd: number,
  valueEnd: number,
): number {
  if (valueEnd - at < ZLIB_BYTES_MIN) {
    let crc = update(bytes, view, at + 8, at + 17, -1);
    crc = update(bytes, view, at + 21, keyEnd, crc);
    return ~update(bytes, view, keyEnd + 4, valueEnd, crc) >>> 0;
  }
  const crc = crc32Zlib(bytes.subarray(at + 8, at + 17));
  return crc32Zlib(
    bytes.subarray(keyEnd + 4, valueEnd),
    crc32Zlib(bytes.subarray(at + 21, keyEnd), crc),
  );
}

/** Slicing-by-8 over `bytes[start, end)`; `view` is a view of the same bytes. */
function update(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  seed: number,
): number {
  let crc = seed;
  let at = start;
  for (; at + SLICES <= end; at += SLICES) {
    const low = view.getInt32(at, true) ^ crc;
    const high = view.getInt32(at + 4, true);
    crc =
      entry(7, low & 0xff) ^
      entry(6, (low >>> 8) & 0xff) ^
      entry(5, (low >>> 16) & 0xff) ^
      entry(4, low >>> 24) ^
      entry(3, high & 0xff) ^
      entry(2, (high >>> 8) & 0xff) ^
      entry(1, (high >>> 16) & 0xff) ^
      entry(0, high >>> 24);
  }
  for (; at < end; at++) crc = entry(0, (crc ^ (bytes[at] as number)) & 0xff) ^ (crc >>> 8);
  return crc;
}

function entry(slice: number, index: number): number {
  return TABLE[(slice << 8) | index] as number;
}

function buildTable(): Int32Array {
  const POLYNOMIAL_REVERSED = 0xedb88320;
  const table = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256] as number;
    table[at] = (before >>> 8) ^ (table[before & 0xff] as number);
  }
  return table;
}
