// What applications hand to a segmented log, made into records: checked, and without a sequence,
// for the log assigns those.

import { batchValueBytes, encodeBatchValue } from './batch-value.js';
import type { BatchEntry } from './batch-value.js';
import { WalEntry } from './entry.js';
import { TYPE_BATCH, recordBytes } from './record.js';
import type { Item } from './waiters.js';

/** The largest sequence there is. */
export const SEQUENCE_MAX = 0xffffffffffffffffn;
/** How many entries one atomic batch holds at most. */
const BATCH_ENTRIES_MAX = 1000000;

/**
 * An entry for a segmented log. A sequence of its own, as a WalEntry has, is not looked at.
 *
 * @example
 * const entries: WalBatchEntry[] = [
 *   { key: 'a', value: '1' }, // a put
 *   { type: 'delete', key: 'b' },
 * ];
 * const wal = await Wal.open('app-wal');
 * await wal.appendBatch(entries);
 * await wal.close();
 */
export interface WalBatchEntry {
  /** Default `put`. */
  readonly type?: 'put' | 'delete';
  /** Bytes, or text that is stored as UTF-8. */
  readonly key: Uint8Array | string;
  /** Needed for a put, refused for a delete (unless it is empty). */
  readonly value?: Uint8Array | string;
}

/** A record to come; its sequences count from 0. */
export type WalItem = Item;

/** The record of one entry. Throws TypeError for what is none. */
export function entryItem(entry: WalBatchEntry): WalItem {
  return toEntry(entry);
}

/**
 * The record of many entries. Throws TypeError, or RangeError when it would be larger than
 * `recordBytesMax`: then its bytes were never laid out.
 */
export function batchItem(entries: readonly WalBatchEntry[], recordBytesMax: number): WalItem {
  if (!Array.isArray(entries)) throw new TypeError('entries must be an array');
  if (entries.length === 0 || entries.length > BATCH_ENTRIES_MAX) {
    const allowed = `1 to ${String(BATCH_ENTRIES_MAX)}`;
    throw new RangeError(`a batch of ${String(entries.length)} entries: ${allowed} are allowed`);
  }
  const inner = entries.map((entry: WalBatchEntry): BatchEntry => toEntry(entry));
  checkBytes(recordBytes(0, batchValueBytes(inner)), recordBytesMax);
  return {
    sequence: 0n,
    lastSequence: BigInt(inner.length - 1),
    typeByte: TYPE_BATCH,
    key: new Uint8Array(0),
    value: encodeBatchValue(inner),
  };
}

/** Size of the record, in bytes. */
export function itemBytes(item: WalItem): number {
  return recordBytes(item.key.length, item.value.length);
}

/** Throws RangeError for a record that no segment takes. */
export function checkBytes(bytes: number, max: number): void {
  if (bytes <= max) return;
  throw new RangeError(`a record of ${String(bytes)} bytes: at most ${String(max)} fit`);
}

/** A sequence as a bound; throws TypeError or RangeError naming the parameter. */
export function toBound(sequence: bigint | number, name: string): bigint {
  if (typeof sequence === 'bigint' && sequence >= 0n && sequence <= SEQUENCE_MAX) return sequence;
  if (typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0) {
    return BigInt(sequence);
  }
  if (typeof sequence !== 'bigint' && typeof sequence !== 'number') {
    throw new TypeError(`${name} must be a bigint or a number, not ${typeof sequence}`);
  }
  throw new RangeError(`${name} is ${String(sequence)}: an integer from 0 to 2^64 - 1 is allowed`);
}

function toEntry(entry: WalBatchEntry): WalEntry {
  if (typeof entry !== 'object' || entry === null) {
    throw new TypeError('entry must be { type, key, value }');
  }
  const type: unknown = entry.type ?? 'put';
  if (type === 'put') {
    if (entry.value === undefined) throw new TypeError('a put needs a value');
    return WalEntry.put(0n, entry.key, entry.value);
  }
  if (type !== 'delete') {
    throw new TypeError(`type is ${String(type)}: 'put' or 'delete' is allowed`);
  }
  if (entry.value !== undefined && entry.value.length > 0) {
    throw new TypeError('a delete has no value');
  }
  return WalEntry.delete(0n, entry.key);
}
