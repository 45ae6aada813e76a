// The bytes of one record, bit-exact with AmateRS's log. All integers are little-endian.
//
//   offset  size  field
//   0       4     len       bytes that follow: 25 + keyLen + valueLen
//   4       4     magic     0x0057414c
//   8       8     sequence  u64
//   16      1     type      1 = put, 2 = delete, 3 = atomic batch (key empty; see batch-value.ts)
//   17      4     keyLen
//   21      k     key
//   21+k    4     valueLen  0 for a delete
//   25+k    v     value
//   25+k+v  4     crc       CRC-32 over sequence, type, key, value
//
// The crc does not cover the lengths, so `scanRecords` demands that they agree with each other
// before it believes anything.

import { crc32Portable } from './checksum.js';
import { loadAddon } from './io/addon.js';

export const MAGIC = 0x0057414c;
export const TYPE_PUT = 1;
export const TYPE_DELETE = 2;
export const TYPE_BATCH = 3;

/** Where the fields stand, from the start of the record. */
export const AT_MAGIC = 4;
export const AT_SEQUENCE = 8;
export const AT_TYPE = 16;
export const AT_KEY_LENGTH = 17;
export const AT_KEY = 21;

/** What `len` counts beside key and value. */
export const LENGTH_OVERHEAD = 25;
/** The length field itself, in bytes. */
export const LENGTH_FIELD = 4;
/** Bytes of a record with an empty key and an empty value. */
export const RECORD_BYTES_MIN = LENGTH_FIELD + LENGTH_OVERHEAD;
/** What the length field can say, with itself: the format's own limit. */
export const RECORD_BYTES_MAX = LENGTH_FIELD + 0xffffffff;

/**
 * A bigint in two words: between these and numbers V8 converts in place, where BigInt() and
 * setBigUint64 are calls into its runtime (22 → 15 and 15 → 4 ns, measured).
 */
const WORDS = new Uint32Array(2);
const WORDS_BIG = new BigUint64Array(WORDS.buffer);
/** Which word is the low one. */
const LOW = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;

/** The same as `BigInt`, for a safe integer that is not negative. */
export function toBigInt(integer: number): bigint {
  WORDS[LOW] = integer;
  WORDS[1 - LOW] = integer / 2 ** 32;
  return WORDS_BIG[0] ?? 0n;
}

/** Found once: looking it up costs a call, since V8 does not see through the prototypes. */
const { set } = Uint8Array.prototype as {
  set: (this: Uint8Array, source: Uint8Array, offset: number) => void;
};

/** The fields that a record carries. */
export interface RecordFields {
  readonly sequence: bigint;
  readonly typeByte: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Whether a record can be of this type. */
export function isKnownType(type: number): boolean {
  return type === TYPE_PUT || type === TYPE_DELETE || type === TYPE_BATCH;
}

/** Size on disk, in bytes, of a record with such a key and value. */
export function recordBytes(keyLength: number, valueLength: number): number {
  return RECORD_BYTES_MIN + keyLength + valueLength;
}

/** Lays a record out at `at`, all but its crc, which {@link sealRecords} fills in later. */
export function encodeUnsealed(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  record: RecordFields,
): number {
  const { key, value } = record;
  const keyLength = key.length;
  const valueLength = value.length;
  view.setUint32(at, LENGTH_OVERHEAD + keyLength + valueLength, true);
  view.setUint32(at + AT_MAGIC, MAGIC, true);
  WORDS_BIG[0] = record.sequence;
  view.setUint32(at + AT_SEQUENCE, WORDS[LOW] ?? 0, true);
  view.setUint32(at + AT_SEQUENCE + 4, WORDS[1 - LOW] ?? 0, true);
  view.setUint8(at + AT_TYPE, record.typeByte);
  view.setUint32(at + AT_KEY_LENGTH, keyLength, true);
  set.call(bytes, key, at + AT_KEY);
  const valueLengthAt = at + AT_KEY + keyLength;
  view.setUint32(valueLengthAt, valueLength, true);
  set.call(bytes, value, valueLengthAt + 4);
  return recordBytes(keyLength, valueLength);
}

/**
 * {@link encodeUnsealed} of a record that was found to be `length` bytes long. Throws TypeError when
 * it no longer is: its key or value stands in a buffer that was resized meanwhile, perhaps by another
 * thread. Then nothing at `at` counts.
 */
export function encodeAsMeasured(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  record: RecordFields,
  length: number,
): void {
  const { key, value } = record;
  const isAsMeasured =
    recordBytes(key.length, value.length) === length &&
    encodeUnsealed(bytes, view, at, record) === length;
  if (!isAsMeasured) throw new TypeError('the size of key or value changed during the append');
}

/** Fills in the crc of every record in `bytes[start, end)`, a run of whole unsealed records. */
export function sealRecords(bytes: Uint8Array, start: number, end: number): void {
  const native = loadAddon();
  if (native === undefined) sealRecordsPortable(bytes, start, end);
  else native.sealRecords(bytes, start, end);
}

/** {@link sealRecords} in JavaScript alone. */
export function sealRecordsPortable(bytes: Uint8Array, start: number, end: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at < end;) {
    const whole = at + RECORD_BYTES_MIN <= end;
    const length = whole ? LENGTH_FIELD + view.getUint32(at, true) : Infinity;
    const keyLength = whole ? view.getUint32(at + AT_KEY_LENGTH, true) : 0;
    if (at + length > end || RECORD_BYTES_MIN + keyLength > length) {
      throw new RangeError(`no run of whole records at ${String(at)}`);
    }
    view.setUint32(at + length - 4, recordCrc(bytes, at, length, keyLength), true);
    at += length;
  }
}

function recordCrc(bytes: Uint8Array, at: number, length: number, keyLength: number): number {
  const keyEnd = at + AT_KEY + keyLength;
  let crc = crc32Portable(bytes, at + AT_SEQUENCE, at + AT_KEY_LENGTH, 0);
  crc = crc32Portable(bytes, at + AT_KEY, keyEnd, crc);
  return crc32Portable(bytes, keyEnd + 4, at + length - 4, crc);
}

/** Why {@link scanRecords} stopped. */
export const STOP = {
  END: 0,
  TABLE_FULL: 1,
  NEED_MORE: 2,
  BAD_LENGTH: 3,
  BAD_MAGIC: 4,
  BAD_TYPE: 5,
  LENGTH_MISMATCH: 6,
  DELETE_WITH_VALUE: 7,
  BAD_CRC: 8,
  BAD_BATCH: 9,
  BAD_SEQUENCE: 10,
} as const;

/** The words for a stop, as they stand in messages. */
export const STOP_REASONS: readonly string[] = [
  'end of the bytes',
  'table full',
  'cut short',
  'length field below the smallest record',
  'wrong magic number',
  'unknown record type',
  'length fields disagree',
  'delete with a value',
  'checksum mismatch',
  'malformed atomic batch',
  'sequence out of order',
];

/** A table: count, where the scan stopped, why, how many batches; then four numbers a record. */
export const TABLE_HEADER = 4;
/** offset, length, keyLength, valueLength. */
export const TABLE_STRIDE = 4;

/**
 * Walks the valid records of `bytes[start, end)` and notes each in `table`: `table[0]` their
 * count, `table[1]` the offset where it stopped, `table[2]` one of {@link STOP}, `table[3]` how many of
 * the records are atomic batches. Whatever the bytes are, it reads nothing outside the range and
 * throws nothing.
 */
export function scanRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: Uint32Array,
): number {
  const native = loadAddon();
  return native === undefined
    ? scanRecordsPortable(bytes, start, end, table)
    : native.scanRecords(bytes, start, end, table);
}

/** {@link scanRecords} in JavaScript alone. */
export function scanRecordsPortable(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: Uint32Array,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const countMax = Math.max(0, Math.floor((table.length - TABLE_HEADER) / TABLE_STRIDE));
  let count = 0;
  let batches = 0;
  let at = start;
  let stop: number = STOP.END;
  while (at < end) {
    stop = count === countMax ? STOP.TABLE_FULL : checkRecord(bytes, view, at, end);
    if (stop !== STOP.END) break;
    const length = LENGTH_FIELD + view.getUint32(at, true);
    const keyLength = view.getUint32(at + AT_KEY_LENGTH, true);
    const row = TABLE_HEADER + count * TABLE_STRIDE;
    table[row] = at;
    table[row + 1] = length;
    table[row + 2] = keyLength;
    table[row + 3] = length - RECORD_BYTES_MIN - keyLength;
    if (view.getUint8(at + AT_TYPE) === TYPE_BATCH) batches++;
    count++;
    at += length;
  }
  table[0] = count;
  table[1] = at;
  table[2] = stop;
  table[3] = batches;
  return count;
}

/** One record at `at`: {@link STOP}.END when it is whole and valid, else what is wrong with it. */
function checkRecord(bytes: Uint8Array, view: DataView, at: number, end: number): number {
  const there = end - at;
  if (there < LENGTH_FIELD) return STOP.NEED_MORE;
  const len = view.getUint32(at, true);
  if (len < LENGTH_OVERHEAD) return STOP.BAD_LENGTH;
  if (there < AT_SEQUENCE) return STOP.NEED_MORE;
  if (view.getUint32(at + AT_MAGIC, true) !== MAGIC) return STOP.BAD_MAGIC;
  if (there < AT_KEY_LENGTH) return STOP.NEED_MORE;
  const type = view.getUint8(at + AT_TYPE);
  if (!isKnownType(type)) return STOP.BAD_TYPE;
  if (there < AT_KEY) return STOP.NEED_MORE;
  const keyLength = view.getUint32(at + AT_KEY_LENGTH, true);
  if (LENGTH_OVERHEAD + keyLength > len) return STOP.LENGTH_MISMATCH;
  if (LENGTH_FIELD + len > there) return STOP.NEED_MORE;
  const valueLength = view.getUint32(at + AT_KEY + keyLength, true);
  if (LENGTH_OVERHEAD + keyLength + valueLength !== len) return STOP.LENGTH_MISMATCH;
  if (type === TYPE_DELETE && valueLength !== 0) return STOP.DELETE_WITH_VALUE;
  if (type === TYPE_BATCH && keyLength !== 0) return STOP.BAD_BATCH;
  const length = LENGTH_FIELD + len;
  const crc = view.getUint32(at + length - 4, true);
  return recordCrc(bytes, at, length, keyLength) === crc ? STOP.END : STOP.BAD_CRC;
}
