// The oracle's own reading of the record format, written from the byte table in the docs alone. It
// shares no code with lib/record.ts or lib/checksum.ts: what is judged may not be the judge.
//
//   0 len u32 · 4 magic u32 · 8 sequence u64 · 16 type u8 · 17 keyLen u32 · 21 key
//   21+k valueLen u32 · 25+k value · 25+k+v crc u32, over sequence, type, key and value

import { crc32 } from 'node:zlib';

const MAGIC = 0x0057414c;
const SMALLEST = 29;
export const PUT = 1;
export const DELETE = 2;
/** An atomic batch of the segmented log: its value holds entries of the next sequences. */
export const BATCH = 3;

/** An entry as the oracle sees it. */
export interface PlainEntry {
  readonly sequence: bigint;
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The bytes of an entry's record. */
export function encodeEntry(entry: PlainEntry): Buffer {
  const { key, value } = entry;
  // Every byte of it is written below.
  const bytes = Buffer.allocUnsafe(SMALLEST + key.length + value.length);
  const isPut = entry.type === 'put';
  bytes.writeUInt32LE(bytes.length - 4, 0);
  bytes.writeUInt32LE(MAGIC, 4);
  bytes.writeBigUInt64LE(entry.sequence, 8);
  bytes.writeUInt8(isPut ? PUT : DELETE, 16);
  bytes.writeUInt32LE(key.length, 17);
  bytes.set(key, 21);
  bytes.writeUInt32LE(value.length, 21 + key.length);
  bytes.set(value, 25 + key.length);
  bytes.writeUInt32LE(checksum(bytes, key.length, value.length), bytes.length - 4);
  return bytes;
}

/** Length of the whole valid record at `offset`, or 0 where there is none before `size`. */
export function recordLengthAt(bytes: Buffer, offset: number, size: number): number {
  if (offset + SMALLEST > size || bytes.readUInt32LE(offset + 4) !== MAGIC) return 0;
  const length = bytes.readUInt32LE(offset) + 4;
  const keyLength = bytes.readUInt32LE(offset + 17);
  if (offset + length > size || SMALLEST + keyLength > length) return 0;
  const valueLength = bytes.readUInt32LE(offset + 21 + keyLength);
  if (SMALLEST + keyLength + valueLength !== length) return 0;
  const type = bytes.readUInt8(offset + 16);
  if (type === DELETE ? valueLength > 0 : type === BATCH ? keyLength > 0 : type !== PUT) return 0;
  const record = bytes.subarray(offset, offset + length);
  return checksum(record, keyLength, valueLength) === record.readUInt32LE(length - 4) ? length : 0;
}

/** The entry of the valid record at `offset`. Key and value are views. */
export function decodeEntryAt(bytes: Buffer, offset: number, length: number): PlainEntry {
  const keyEnd = offset + 21 + bytes.readUInt32LE(offset + 17);
  return {
    sequence: bytes.readBigUInt64LE(offset + 8),
    type: bytes.readUInt8(offset + 16) === PUT ? 'put' : 'delete',
    key: bytes.subarray(offset + 21, keyEnd),
    value: bytes.subarray(keyEnd + 4, offset + length - 4),
  };
}

/** The entries of the valid record at `offset`: one, or those of an atomic batch. */
export function decodeEntriesAt(bytes: Buffer, offset: number, length: number): PlainEntry[] {
  const record = decodeEntryAt(bytes, offset, length);
  if (bytes.readUInt8(offset + 16) !== BATCH) return [record];
  const inner = bufferOf(record.value);
  const entries: PlainEntry[] = [];
  for (let at = 0; at < inner.length;) {
    const keyEnd = at + 5 + inner.readUInt32LE(at + 1);
    const end = keyEnd + 4 + inner.readUInt32LE(keyEnd);
    entries.push({
      sequence: record.sequence + BigInt(entries.length),
      type: inner.readUInt8(at) === PUT ? 'put' : 'delete',
      key: inner.subarray(at + 5, keyEnd),
      value: inner.subarray(keyEnd + 4, end),
    });
    at = end;
  }
  return entries;
}

/** A view of bytes with Buffer's readers. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checksum(record: Buffer, keyLength: number, valueLength: number): number {
  const head = crc32(record.subarray(8, 17));
  const key = crc32(record.subarray(21, 21 + keyLength), head);
  return crc32(record.subarray(25 + keyLength, 25 + keyLength + valueLength), key);
}
