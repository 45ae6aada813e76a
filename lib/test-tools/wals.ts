// Segmented logs for tests, and what must be in their files, read by an implementation of the
// format of its own: that of fixtures/independent.ts, and one of the atomic batch.

import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { onTestFinished } from 'vitest';

import type { PlainRecord } from '../fixtures/independent.js';
import { independentDecode, independentLog } from '../fixtures/independent.js';
import type { WalRecord } from '../wal-record.js';
import type { WalReadOptions } from '../wal-read-options.js';
import type { Wal } from '../wal.js';

/** An entry of an atomic batch, as plain as can be. */
export type PlainEntry = Pick<PlainRecord, 'type' | 'key' | 'value'>;

/** An entry as tests compare it: `57 put key-57=…`, the value by its checksum. */
export type EntryLine = string;

/** A segment's file, as independent eyes see it. */
export interface PlainSegment {
  readonly name: string;
  readonly bytes: Buffer;
  readonly entries: readonly EntryLine[];
  /** End of the last whole record, in bytes. */
  readonly end: number;
}

/** A put whose bytes follow from its number. */
export function put(number: number | bigint, valueBytes = 32): PlainEntry {
  const value = Buffer.alloc(valueBytes, `value of ${String(number)};`);
  return { type: 'put', key: Buffer.from(`key-${String(number)}`), value };
}

/** Puts `first`, `first` + 1, … */
export function puts(count: number, first = 1, valueBytes = 32): PlainEntry[] {
  return Array.from({ length: count }, (_, index) => put(first + index, valueBytes));
}

/** Lines of {@link puts} under sequences that equal their numbers. */
export function putLines(count: number, first = 1, valueBytes = 32): EntryLine[] {
  return puts(count, first, valueBytes).map((entry, index) =>
    lineOf({ sequence: BigInt(first + index), ...entry }),
  );
}

export function lineOf(record: Pick<WalRecord, 'sequence' | 'type' | 'key' | 'value'>): EntryLine {
  const { sequence, type, value } = record;
  const key = Buffer.from(record.key).toString();
  return `${String(sequence)} ${type} ${key}=${String(value.length)}:${crc32(value).toString(16)}`;
}

/** What reading a log gives. */
export async function readLines(wal: Wal, options?: WalReadOptions): Promise<EntryLine[]> {
  return linesOf(wal.read(options));
}

export async function linesOf(records: AsyncIterable<WalRecord>): Promise<EntryLine[]> {
  const lines: EntryLine[] = [];
  for await (const record of records) lines.push(lineOf(record));
  return lines;
}

/** The bytes of an atomic batch's value. */
export function plainBatchValue(entries: readonly PlainEntry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ type, key, value }) => {
      const head = Buffer.alloc(5);
      head.writeUInt8(type === 'put' ? 1 : 2, 0);
      head.writeUInt32LE(key.length, 1);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return [head, key, length, value];
    }),
  );
}

/** The record of type 3 with this value, whatever the value is. */
export function plainBatchRecord(sequence: bigint, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(29 + value.length);
  bytes.writeUInt32LE(25 + value.length, 0);
  bytes.writeUInt32LE(0x0057414c, 4);
  bytes.writeBigUInt64LE(sequence, 8);
  bytes.writeUInt8(3, 16);
  bytes.writeUInt32LE(value.length, 21);
  bytes.set(value, 25);
  const covered = Buffer.concat([bytes.subarray(8, 17), value]);
  bytes.writeUInt32LE(crc32(covered), 25 + value.length);
  return bytes;
}

/** The segments of a log, by name. */
export function readSegments(directory: string): PlainSegment[] {
  return readdirSync(directory)
    .filter((name) => /^wal_\d{8,}\.log$/.test(name))
    .sort((a, b) => Number(a.slice(4, -4)) - Number(b.slice(4, -4)))
    .map((name) => readSegment(name, readFileSync(join(directory, name))));
}

function readSegment(name: string, bytes: Buffer): PlainSegment {
  const entries: EntryLine[] = [];
  for (let end = 0; ;) {
    const record = independentDecode(bytes, end);
    const batch = record === undefined ? plainBatchAt(bytes, end) : undefined;
    if (record !== undefined) entries.push(lineOf(record));
    else if (batch === undefined) return { name, bytes, entries, end };
    else entries.push(...batch.lines);
    end += record?.length ?? batch?.length ?? 0;
  }
}

function plainBatchAt(
  bytes: Buffer,
  offset: number,
): { readonly lines: EntryLine[]; readonly length: number } | undefined {
  if (bytes.length - offset < 29 || bytes.readUInt8(offset + 16) !== 3) return undefined;
  const length = 4 + bytes.readUInt32LE(offset);
  if (offset + length > bytes.length) return undefined;
  const value = bytes.subarray(offset + 25, offset + length - 4);
  const sequence = bytes.readBigUInt64LE(offset + 8);
  const whole = plainBatchRecord(sequence, value);
  if (!whole.equals(bytes.subarray(offset, offset + length))) return undefined;
  const lines: EntryLine[] = [];
  for (let at = 0; at < value.length;) {
    const type = value.readUInt8(at) === 1 ? 'put' : 'delete';
    const keyEnd = at + 5 + value.readUInt32LE(at + 1);
    const end = keyEnd + 4 + value.readUInt32LE(keyEnd);
    const entry = {
      type,
      key: value.subarray(at + 5, keyEnd),
      value: value.subarray(keyEnd + 4, end),
    };
    lines.push(lineOf({ sequence: sequence + BigInt(lines.length), ...entry } as PlainRecord));
    at = end;
  }
  return { lines, length };
}

/** All entries in a directory, in order. */
export function directoryLines(directory: string): EntryLine[] {
  return readSegments(directory).flatMap(({ entries }) => [...entries]);
}

/** Path of the segment of this number. */
export function segmentPath(directory: string, number: number): string {
  return join(directory, `wal_${String(number).padStart(8, '0')}.log`);
}

/** Writes a segment with plain file calls; its entries are {@link puts}. Returns its path. */
export function writeSegment(
  directory: string,
  number: number,
  first: number,
  count: number,
  valueBytes = 32,
): string {
  const path = segmentPath(directory, number);
  const records = puts(count, first, valueBytes).map((entry, index) => ({
    sequence: BigInt(first + index),
    ...entry,
  }));
  writeFileSync(path, independentLog(records).bytes);
  return path;
}

/** Where syncs cost nothing, if there is such a place: for tests that die, but lose no power. */
const FAST_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A copy of a directory that goes away with the test. */
export function copyOf(directory: string): string {
  const copy = mkdtempSync(join(FAST_FOLDER, 'uring-wal-'));
  onTestFinished(() => {
    rmSync(copy, { recursive: true, force: true });
  });
  cpSync(directory, copy, { recursive: true });
  return copy;
}
