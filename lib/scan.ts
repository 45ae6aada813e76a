// Walks a file record by record, a window at a time, and stops at the first bytes that are no
// valid record. What that stop means is decided in tail.ts.

import { decodeBatchValue } from './batch-value.js';
import { crc32 } from './checksum.js';
import * as record from './record.js';
import type { FileWindow } from './window.js';
import { WINDOW_BYTES } from './window.js';

/** How many records one run holds at most. */
const RUN_RECORDS_MAX = 16384;
/**
 * A record larger than this, in bytes, is checked in pieces before it is given memory of its size:
 * what only claims to be one costs none.
 */
export const HELD_UNCHECKED_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Valid records that stand together in memory; see `scanRecords` for the table. It is a view,
 * good until the next one is asked for.
 */
export interface RecordRun {
  readonly bytes: Uint8Array;
  readonly table: Uint32Array;
  readonly count: number;
  /** File offset of `bytes[0]`. */
  readonly base: number;
  /** Some of the records are atomic batches. */
  readonly hasBatches: boolean;
}

/** Where the walk ended: `offset` is the end of the last valid record, `reason` one of STOP. */
export interface ScanStop {
  readonly offset: number;
  readonly reason: number;
}

/** Yields the valid records from `from` on in runs; returns where and why they end. */
export async function* scanFile(
  window: FileWindow,
  from: number,
): AsyncGenerator<RecordRun, ScanStop, void> {
  const { size } = window;
  const rows = Math.min(RUN_RECORDS_MAX, Math.ceil(size / record.RECORD_BYTES_MIN) + 1);
  const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE * rows);
  let offset = from;
  let wanted = record.RECORD_BYTES_MIN;
  while (offset < size) {
    const index = await window.load(offset, wanted);
    record.scanRecords(window.bytes, index, window.filled, table);
    if (table[3] !== 0) stopAtBadBatch(window.bytes, table);
    const count = table[0] ?? 0;
    const stopIndex = table[1] ?? index;
    const reason = table[2] ?? record.STOP.END;
    offset = window.position + stopIndex;
    if (count > 0) {
      const hasBatches = table[3] !== 0;
      yield { bytes: window.bytes, table, count, base: window.position, hasBatches };
    }
    wanted = record.RECORD_BYTES_MIN;
    if (reason === record.STOP.NEED_MORE) {
      wanted = wantedBytes(window.bytes, stopIndex, window.filled);
      if (offset + wanted > size) return { offset, reason };
      if (wanted > WINDOW_BYTES && !(await lengthsAgree(window, offset))) {
        return { offset, reason: record.STOP.LENGTH_MISMATCH };
      }
      if (wanted > HELD_UNCHECKED_BYTES_MAX && !(await checksumHolds(window, offset))) {
        return { offset, reason: record.STOP.BAD_CRC };
      }
    } else if (reason > record.STOP.NEED_MORE) {
      return { offset, reason };
    }
  }
  return { offset, reason: record.STOP.END };
}

/** Ends the run before a batch whose checksum is right but whose inside is not well formed. */
function stopAtBadBatch(bytes: Uint8Array, table: Uint32Array): void {
  const count = table[0] ?? 0;
  for (let index = 0; index < count; index++) {
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const at = table[row] ?? 0;
    if (bytes[at + record.AT_TYPE] !== record.TYPE_BATCH) continue;
    if (decodeBatchValue(valueAt(bytes, table, row)) !== undefined) continue;
    table[0] = index;
    table[1] = at;
    table[2] = record.STOP.BAD_BATCH;
    return;
  }
}

/** The value of the record in a row of a table, as a view. */
export function valueAt(bytes: Uint8Array, table: Uint32Array, row: number): Uint8Array {
  const end = (table[row] ?? 0) + (table[row + 1] ?? 0) - 4;
  return bytes.subarray(end - (table[row + 3] ?? 0), end);
}

/** First and last sequence of the record in a row: they differ for a batch. */
export function sequencesAt(
  bytes: Uint8Array,
  view: DataView,
  table: Uint32Array,
  row: number,
): { first: bigint; last: bigint } {
  const at = table[row] ?? 0;
  const first = view.getBigUint64(at + record.AT_SEQUENCE, true);
  if (bytes[at + record.AT_TYPE] !== record.TYPE_BATCH) return { first, last: first };
  const entries = decodeBatchValue(valueAt(bytes, table, row));
  return { first, last: first + BigInt((entries?.length ?? 1) - 1) };
}

/**
 * Whether the length fields of the record at `offset` agree, told without reading the record: one
 * damaged bit of `len` must not cost gigabytes of memory. Its header and end must be in the file.
 */
export async function lengthsAgree(window: FileWindow, offset: number): Promise<boolean> {
  const index = await window.load(offset, record.AT_KEY);
  const header = viewOf(window);
  const length = record.LENGTH_FIELD + header.getUint32(index, true);
  const keyLength = header.getUint32(index + record.AT_KEY_LENGTH, true);
  if (record.RECORD_BYTES_MIN + keyLength > length) return false;
  const valueLengthAt = await window.load(offset + record.AT_KEY + keyLength, record.LENGTH_FIELD);
  const valueLength = viewOf(window).getUint32(valueLengthAt, true);
  return record.recordBytes(keyLength, valueLength) === length;
}

/**
 * Whether the checksum of the record at `offset` is right, read a window at a time. Its lengths agree
 * and its end is in the file.
 */
export async function checksumHolds(window: FileWindow, offset: number): Promise<boolean> {
  const index = await window.load(offset, record.AT_KEY);
  const header = viewOf(window);
  const end = offset + record.LENGTH_FIELD + header.getUint32(index, true) - record.LENGTH_FIELD;
  const keyEnd = offset + record.AT_KEY + header.getUint32(index + record.AT_KEY_LENGTH, true);
  let crc = await crcOf(window, offset + record.AT_SEQUENCE, offset + record.AT_KEY_LENGTH, 0);
  crc = await crcOf(window, offset + record.AT_KEY, keyEnd, crc);
  crc = await crcOf(window, keyEnd + record.LENGTH_FIELD, end, crc);
  const at = await window.load(end, record.LENGTH_FIELD);
  return viewOf(window).getUint32(at, true) === crc;
}

/** CRC of the file's bytes in [from, to), continued from `seed`. */
async function crcOf(window: FileWindow, from: number, to: number, seed: number): Promise<number> {
  let crc = seed;
  for (let at = from; at < to;) {
    const index = await window.load(at, 1);
    const end = Math.min(window.filled, index + to - at);
    crc = crc32(window.bytes, index, end, crc);
    at += end - index;
  }
  return crc;
}

function viewOf({ bytes }: FileWindow): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How many bytes from `at` on the scan must see to judge the record there. */
function wantedBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < record.AT_KEY) return record.RECORD_BYTES_MIN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return record.LENGTH_FIELD + view.getUint32(at, true);
}
