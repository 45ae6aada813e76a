// One entry of the log, as applications see it: put or delete, with the sequence its owner gave.

import { WalError } from './errors.js';
import * as record from './record.js';

const SEQUENCE_MAX = 0xffffffffffffffffn;
const EMPTY = new Uint8Array(0);
const utf8 = new TextEncoder();

/**
 * What an entry does.
 *
 * @example
 * const type: WalEntryType = WalEntry.delete(1n, 'key').type;
 * console.log(type); // → delete
 */
export type WalEntryType = 'put' | 'delete';

/**
 * A put or a delete. Keys and values are bytes; strings are taken as UTF-8. The entry keeps views
 * of the arrays it is given, it does not copy them: `append` does, at the call.
 *
 * @example
 * const entry = WalEntry.put(1n, 'user:7', JSON.stringify({ name: 'Ada' }));
 */
export class WalEntry {
  /** The owner's number for this entry, 0 … 2^64 - 1. */
  readonly sequence: bigint;
  /** What the entry does to its key. */
  readonly type: WalEntryType;
  /** The key; the bytes belong to the entry. */
  readonly key: Uint8Array;
  /** Empty for a delete. */
  readonly value: Uint8Array;
  /** The type as the record holds it: 1 = put, 2 = delete. */
  readonly typeByte: number;

  private constructor(sequence: bigint, type: WalEntryType, key: Uint8Array, value: Uint8Array) {
    this.sequence = sequence;
    this.type = type;
    this.key = key;
    this.value = value;
    this.typeByte = type === 'put' ? record.TYPE_PUT : record.TYPE_DELETE;
  }

  /**
   * An entry that sets `key` to `value`.
   *
   * @param sequence 0 … 2^64 - 1; a number must be a safe integer.
   * @throws TypeError or RangeError for anything else.
   *
   * @example
   * console.log(WalEntry.put(1n, 'user:7', 'Ada').encodedLength); // → 38
   */
  static put(
    sequence: bigint | number,
    key: Uint8Array | string,
    value: Uint8Array | string,
  ): WalEntry {
    return new WalEntry(toSequence(sequence), 'put', toBytes(key, 'key'), toBytes(value, 'value'));
  }

  /**
   * An entry that removes `key`. Parameters and errors as for {@link WalEntry.put}.
   *
   * @example
   * console.log(WalEntry.delete(2n, 'user:7').value.length); // → 0
   */
  static delete(sequence: bigint | number, key: Uint8Array | string): WalEntry {
    return new WalEntry(toSequence(sequence), 'delete', toBytes(key, 'key'), EMPTY);
  }

  /** The same as `sequence`: an entry is one record. */
  get lastSequence(): bigint {
    return this.sequence;
  }

  /** Size of the entry's record, in bytes. */
  get encodedLength(): number {
    return record.recordBytes(this.key.length, this.value.length);
  }

  /** The record's CRC-32: over sequence, type, key and value. */
  get checksum(): number {
    const bytes = this.encode();
    return new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
  }

  /**
   * The record's bytes, a new array, checksum included.
   *
   * @example
   * const bytes = WalEntry.put(1n, 'key', 'value').encode();
   * console.log(bytes.length, new DataView(bytes.buffer).getUint32(0, true)); // → 37 33
   */
  encode(): Uint8Array {
    const bytes = new Uint8Array(this.encodedLength);
    record.encodeUnsealed(bytes, new DataView(bytes.buffer), 0, this);
    record.sealRecords(bytes, 0, bytes.length);
    return bytes;
  }

  /**
   * The entry of exactly one whole record. Its key and value are views of `bytes`.
   *
   * @throws WalError `ERR_WAL_DECODE`, whatever else the bytes may be.
   *
   * @example
   * const entry = WalEntry.decode(WalEntry.put(1n, 'key', 'value').encode());
   * console.log(new TextDecoder().decode(entry.value)); // → value
   * try {
   *   WalEntry.decode(new Uint8Array(30));
   * } catch (error) {
   *   console.log(error instanceof WalError && error.code); // → ERR_WAL_DECODE
   * }
   */
  static decode(bytes: Uint8Array): WalEntry {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('bytes must be a Uint8Array');
    const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE);
    const count = record.scanRecords(bytes, 0, bytes.length, table);
    const stop = count === 1 ? 'bytes after the record' : record.STOP_REASONS[table[2] ?? 0];
    if (count !== 1 || table[1] !== bytes.length) {
      throw new WalError('ERR_WAL_DECODE', `no valid record: ${stop ?? 'unknown'}`, { offset: 0 });
    }
    if (bytes[record.AT_TYPE] === record.TYPE_BATCH) {
      throw new WalError('ERR_WAL_DECODE', 'an atomic batch holds several entries: use a reader', {
        offset: 0,
      });
    }
    return WalEntry.fromRecord(bytes, 0, bytes.length, table[6] ?? 0);
  }

  /**
   * The entry of a record already known to be valid; key and value are views.
   *
   * @example
   * const bytes = WalEntry.put(1n, 'key', 'value').encode();
   * const { type } = WalEntry.fromRecord(bytes, 0, bytes.length, 'key'.length);
   * console.log(type); // → put
   */
  static fromRecord(bytes: Uint8Array, at: number, length: number, keyLength: number): WalEntry {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const keyEnd = at + record.AT_KEY + keyLength;
    return new WalEntry(
      view.getBigUint64(at + record.AT_SEQUENCE, true),
      view.getUint8(at + record.AT_TYPE) === record.TYPE_PUT ? 'put' : 'delete',
      bytes.subarray(at + record.AT_KEY, keyEnd),
      bytes.subarray(keyEnd + 4, at + length - 4),
    );
  }

  /**
   * Whether `checksum` is this entry's.
   *
   * @example
   * const entry = WalEntry.put(1n, 'key', 'value');
   * console.log(entry.verifyChecksum(entry.checksum), entry.verifyChecksum(0)); // → true false
   */
  verifyChecksum(checksum: number): boolean {
    return this.checksum === checksum;
  }
}

function toSequence(sequence: bigint | number): bigint {
  if (typeof sequence === 'bigint') {
    if (sequence >= 0n && sequence <= SEQUENCE_MAX) return sequence;
  } else if (typeof sequence !== 'number') {
    throw new TypeError(`sequence must be a bigint or a number, not ${typeof sequence}`);
  } else if (Number.isSafeInteger(sequence) && sequence >= 0) {
    return record.toBigInt(sequence);
  }
  throw new RangeError(
    `sequence ${String(sequence)} is out of range: an integer from 0 to 2^64 - 1 is allowed ` +
      '(a number only up to 2^53 - 1: use a bigint beyond)',
  );
}

function toBytes(data: Uint8Array | string, name: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') return utf8.encode(data);
  throw new TypeError(`${name} must be a Uint8Array (or Buffer) or a string, not ${typeof data}`);
}
