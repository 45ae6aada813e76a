// One record's bytes, field by field, for people to look at.

import { openSync, closeSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** One field of a record. */
export interface AnatomyField {
  readonly name: string;
  readonly bytes: Buffer;
  /** What the bytes mean. */
  readonly meaning: string;
}

/** Reads `length` bytes of a file at `offset`. */
export function readBytes(path: string, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const descriptor = openSync(path, 'r');
  try {
    const count = readSync(descriptor, bytes, 0, length, offset);
    return bytes.subarray(0, count);
  } finally {
    closeSync(descriptor);
  }
}

/** Takes a whole, valid record apart. It reads the raw bytes itself, as a curious person would. */
export function dissect(record: Buffer): AnatomyField[] {
  const keyLength = record.readUInt32LE(17);
  const keyEnd = 21 + keyLength;
  const valueEnd = record.length - 4;
  const type = record.readUInt8(16);
  const crc = record.readUInt32LE(valueEnd);
  const key = record.subarray(21, keyEnd);
  const value = record.subarray(keyEnd + 4, valueEnd);
  const covered = [record.subarray(8, 17), key, value];
  const recomputed = covered.reduce((seed, part) => crc32(part, seed), 0);
  const verdict = recomputed === crc ? 'recomputed: the same' : 'recomputed: DIFFERENT';
  const bytesOf = (count: number): string => `${String(count)} bytes`;
  return [
    field('len', record.subarray(0, 4), `${bytesOf(record.readUInt32LE(0))} follow`),
    field('magic', record.subarray(4, 8), `0x${hex(record.readUInt32LE(4))}`),
    field('sequence', record.subarray(8, 16), String(record.readBigUInt64LE(8))),
    field('type', record.subarray(16, 17), type === 1 ? 'put' : 'delete'),
    field('keyLen', record.subarray(17, 21), bytesOf(keyLength)),
    field('key', key, printable(key)),
    field('valueLen', record.subarray(keyEnd, keyEnd + 4), bytesOf(value.length)),
    field('value', value, printable(value)),
    field('crc', record.subarray(valueEnd), `0x${hex(crc)}, ${verdict}`),
  ];
}

function field(name: string, bytes: Buffer, meaning: string): AnatomyField {
  return { name, bytes, meaning };
}

function hex(number: number): string {
  return number.toString(16).padStart(8, '0');
}

function printable(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('utf8')).replace(/[\u007f-\u009f]/g, '·');
}
