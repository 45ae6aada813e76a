// Where does a log end? Judges the bytes from the first invalid record on.
//
//   what follows                                             verdict
//   nothing, or only zeros to the end of the file            clean
//   something, but no whole valid record                     torn
//   a whole record, and before it a sector that is all zero  tear (sectors landed out of order),
//                                                            or zeros where it should begin,
//                                                            or zeros up to it in its sector
//   a whole record, no such sector                           corrupt
//
// An unwritten sector of an append-only file reads as zeros; that is what tells a crash, which may
// drop any sector that was not synced, from damage to what had been written.

import * as record from './record.js';
import { HELD_UNCHECKED_BYTES_MAX, checksumHolds, lengthsAgree } from './scan.js';
import type { FileWindow } from './window.js';
import { WINDOW_BYTES } from './window.js';

/** What a disk writes as one; assumed to be atomic. */
const SECTOR_BYTES = 512;
const CHECKSUM_BYTES = 4;
/** So many zeros, where `len` and magic should stand, were never a record's beginning. */
const UNWRITTEN_BYTES = record.AT_SEQUENCE;
/**
 * How many bytes of candidate records the search for a later record may read and checksum: this
 * much, or this many times the rest of the file. A crafted log could otherwise make it quadratic.
 */
const SEARCH_BYTES_MIN = 256 * 1024 * 1024;
const SEARCH_TAIL_FACTOR = 8;

const ZEROS = Buffer.alloc(WINDOW_BYTES);

/** The magic number's bytes as they stand in a record. */
const MAGIC_BYTES = Uint8Array.of(0x4c, 0x41, 0x57, 0x00);

/**
 * How a log ends.
 *
 * @example
 * const whatACrashLeaves: WalEndKind[] = ['clean', 'torn', 'tear'];
 * const reader = await WalReader.open('app.wal');
 * while ((await reader.read()) !== undefined);
 * console.log(reader.end && whatACrashLeaves.includes(reader.end.kind)); // → true
 * await reader.close();
 */
export type WalEndKind = 'clean' | 'torn' | 'tear' | 'corrupt';

/**
 * How a log ends, where, and why.
 *
 * @example
 * import { appendFile } from 'node:fs/promises';
 * await appendFile('app.wal', 'half a record');
 * const reader = await WalReader.open('app.wal');
 * while ((await reader.read()) !== undefined);
 * const end: WalEnd | undefined = reader.end;
 * console.log(end?.kind, end?.offset, end?.size); // → torn 37 50
 * await reader.close();
 */
export interface WalEnd {
  /** How the log ends. */
  readonly kind: WalEndKind;
  /** End of the last whole record, in bytes from the start of the file. */
  readonly offset: number;
  /** Size of the file in bytes. */
  readonly size: number;
  /** What is wrong with the bytes at `offset`, in words. */
  readonly reason: string;
  /** Offset of the next whole record, where one follows what is invalid. */
  readonly next?: number;
  /** Whole records stand inside what a torn record claims: its own value's, or others that it hides. */
  readonly holdsRecords?: boolean;
}

/** Judges the bytes of the file from `offset` on, where the scan stopped for `stop`. */
export async function judgeEnd(window: FileWindow, offset: number, stop: number): Promise<WalEnd> {
  const { size } = window;
  if (offset >= size) return { kind: 'clean', offset, size, reason: 'end of the file' };
  if (await isZero(window, offset, size)) {
    return { kind: 'clean', offset, size, reason: 'only zeros follow' };
  }
  const reason = record.STOP_REASONS[stop] ?? 'unknown';
  // A whole record in the wrong place: no crash leaves that.
  if (stop === record.STOP.BAD_SEQUENCE) {
    return { kind: 'corrupt', offset, size, reason, next: offset };
  }
  const search = await findFollower(window, offset);
  if (search === 'exhausted') {
    return { kind: 'corrupt', offset, size, reason: `${reason}; too many candidates follow` };
  }
  if (search === undefined) {
    // Nothing follows what the torn record claims. It may claim too much, and hide records.
    const inside = await searchAll(window, offset);
    return { kind: 'torn', offset, size, reason, ...(inside && { holdsRecords: true }) };
  }
  // A file system that takes back what it could not sync leaves zeros, and perhaps the rest of a
  // record that was in flight. No record begins with zeros, so nothing was ever written here.
  const isGap = await isZero(window, offset, Math.min(offset + UNWRITTEN_BYTES, search));
  const tear =
    isGap ||
    (await hasZeroSector(window, offset, search)) ||
    (await isWrittenBehindZeros(window, offset, search));
  return { kind: tear ? 'tear' : 'corrupt', offset, size, reason, next: search };
}

/**
 * Whether a reader may take this for the end of the log, `seen` being what it saw the last time. Beside
 * a writer a record may be half there, or its place was read before it was written, and what follows
 * afterwards: then the next look goes further.
 */
export function isBelievable(end: WalEnd, seen: WalEnd | undefined): boolean {
  return end.kind === 'clean' || end.offset === seen?.offset;
}

async function isZero(window: FileWindow, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to;) {
    const length = Math.min(to - at, WINDOW_BYTES);
    const index = await window.load(at, Math.min(length, SECTOR_BYTES));
    const end = Math.min(window.filled, index + length);
    if (end <= index) return true;
    const { buffer, byteOffset } = window.bytes;
    const piece = Buffer.from(buffer, byteOffset + index, end - index);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
    at += piece.length;
  }
  return true;
}

/** Whether an aligned sector in [from, to), or `from`'s own sector from there on, is all zero. */
async function hasZeroSector(window: FileWindow, from: number, to: number): Promise<boolean> {
  let start = from;
  while (start < to) {
    const end = start - (start % SECTOR_BYTES) + SECTOR_BYTES;
    if (end > to) return false;
    if (await isZero(window, start, end)) return true;
    start = end;
  }
  return false;
}

/**
 * Whether the follower's sector is all zero before it. The same, seen from the other end: what was
 * in flight when the sector was taken back wrote only its own bytes of it. Where a record ended, at
 * least its checksum stood.
 */
async function isWrittenBehindZeros(
  window: FileWindow,
  offset: number,
  follower: number,
): Promise<boolean> {
  const start = follower - (follower % SECTOR_BYTES);
  if (start <= offset || follower - start < CHECKSUM_BYTES) return false;
  return isZero(window, start, follower);
}

/** Bytes that the search may still read and checksum. */
interface Budget {
  bytes: number;
}

/** Whether a whole record stands anywhere behind `offset`; when there is too much to tell, yes. */
async function searchAll(window: FileWindow, offset: number): Promise<boolean> {
  return (await search(window, offset + 1, newBudget(window, offset))) !== undefined;
}

function newBudget(window: FileWindow, offset: number): Budget {
  return { bytes: Math.max(SEARCH_BYTES_MIN, SEARCH_TAIL_FACTOR * (window.size - offset)) };
}

/** Offset of the first whole valid record that can follow what stands at `offset`. */
async function findFollower(
  window: FileWindow,
  offset: number,
): Promise<number | undefined | 'exhausted'> {
  const budget = newBudget(window, offset);
  const { first, from } = await claimOf(window, offset);
  for (const end of first) {
    if (await isRecord(window, end, budget)) return end;
  }
  return search(window, from, budget);
}

/** Where a follower is looked for; all of these may lie beyond the file. */
interface Claim {
  /** These places first. */
  readonly first: readonly number[];
  /** Then every byte from here on. */
  readonly from: number;
}

/**
 * What the record at `offset` claims. When its header is whole and its length fields agree, records
 * nested in its key or value are no followers, and the search starts where it says that it ends.
 */
async function claimOf(window: FileWindow, offset: number): Promise<Claim> {
  const { size } = window;
  const from = offset + 1;
  if (offset + record.AT_KEY > size) return { first: [], from };
  const index = await window.load(offset, record.AT_KEY);
  const len = viewOf(window).getUint32(index, true);
  const keyLength = viewOf(window).getUint32(index + record.AT_KEY_LENGTH, true);
  const byLen = offset + record.LENGTH_FIELD + len;
  const valueLengthAt = offset + record.AT_KEY + keyLength;
  const isHeader = hasHeader(window, index) && record.LENGTH_OVERHEAD + keyLength <= len;
  if (valueLengthAt + 4 > size) {
    return isHeader ? { first: [], from: byLen } : { first: [byLen], from };
  }
  const valueIndex = await window.load(valueLengthAt, 4);
  const valueLength = viewOf(window).getUint32(valueIndex, true);
  const byFields = offset + record.recordBytes(keyLength, valueLength);
  // A field that was never written reads as zeros; then `len` alone says where the record ends.
  const sectorEnd = valueLengthAt - (valueLengthAt % SECTOR_BYTES) + SECTOR_BYTES;
  const agrees =
    isHeader &&
    (byLen === byFields || (await isZero(window, valueLengthAt, Math.min(sectorEnd, byLen, size))));
  return agrees ? { first: [], from: byLen } : { first: [byLen, byFields], from };
}

/** Looks for a whole valid record at every byte from `from` on. */
async function search(
  window: FileWindow,
  from: number,
  budget: Budget,
): Promise<number | undefined | 'exhausted'> {
  const { size } = window;
  let at = from;
  while (at + record.RECORD_BYTES_MIN <= size) {
    const index = await window.load(at, Math.min(size - at, SECTOR_BYTES));
    const bytes = Buffer.from(window.bytes.buffer, window.bytes.byteOffset, window.filled);
    const found = bytes.indexOf(MAGIC_BYTES, index + record.AT_MAGIC);
    if (found < 0) {
      // The magic may straddle the end of the window: step back by all but one of its bytes.
      const next = window.position + window.filled - record.AT_MAGIC - (MAGIC_BYTES.length - 1);
      at = Math.max(next, at + 1);
      continue;
    }
    const candidate = window.position + found - record.AT_MAGIC;
    if (await isRecord(window, candidate, budget)) return candidate;
    if (budget.bytes < 0) return 'exhausted';
    at = candidate + 1;
  }
  return undefined;
}

/** Whether a whole valid record stands at `offset`; its bytes are read only if its header fits. */
async function isRecord(window: FileWindow, offset: number, budget: Budget): Promise<boolean> {
  const { size } = window;
  if (offset + record.RECORD_BYTES_MIN > size) return false;
  const index = await window.load(offset, record.RECORD_BYTES_MIN);
  const length = record.LENGTH_FIELD + viewOf(window).getUint32(index, true);
  const keyLength = viewOf(window).getUint32(index + record.AT_KEY_LENGTH, true);
  const type = viewOf(window).getUint8(index + record.AT_TYPE);
  if (offset + length > size || record.RECORD_BYTES_MIN + keyLength > length) return false;
  if (!hasHeader(window, index)) return false;
  if (length > WINDOW_BYTES) {
    // To compare its lengths the window goes to its value and comes back.
    budget.bytes -= 2 * WINDOW_BYTES;
    if (budget.bytes < 0 || !(await lengthsAgree(window, offset))) return false;
  }
  budget.bytes -= length;
  if (budget.bytes < 0) return false;
  if (length > HELD_UNCHECKED_BYTES_MAX) {
    const isForm = type !== record.TYPE_BATCH || keyLength === 0;
    const isWhole = type !== record.TYPE_DELETE || length === record.RECORD_BYTES_MIN + keyLength;
    return isForm && isWhole && checksumHolds(window, offset);
  }
  const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE);
  const start = await window.load(offset, length);
  return record.scanRecords(window.bytes, start, start + length, table) === 1;
}

/** Whether the right magic and a known type stand in the header at `index`. */
function hasHeader(window: FileWindow, index: number): boolean {
  const view = viewOf(window);
  if (view.getUint32(index + record.AT_MAGIC, true) !== record.MAGIC) return false;
  return record.isKnownType(view.getUint8(index + record.AT_TYPE));
}

function viewOf(window: FileWindow): DataView {
  const { bytes } = window;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
