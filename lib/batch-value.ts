// The value of an atomic batch: its entries, one after the other, under the one checksum of the
// record that holds them. A torn batch is one invalid record, never some whole ones.
//
//   offset  size  field
//   0       1     type      1 = put, 2 = delete
//   1       4     keyLen
//   5       k     key
//   5+k     4     valueLen  0 for a delete
//   9+k     v     value
//
// Entry i of the batch has the record's sequence + i. This is the one extension of the format.

import type { WalEntryType } from './entry.js';
import { TYPE_DELETE, TYPE_PUT } from './record.js';

/** Bytes of an inner entry beside its key and value. */
const INNER_OVERHEAD = 9;

/** An entry inside a batch. */
export interface BatchEntry {
  readonly type: WalEntryType;
  readonly key: Uint8Array;
  /** Empty for a delete. */
  readonly value: Uint8Array;
}

/** Size of {@link encodeBatchValue}'s result, in bytes. */
export function batchValueBytes(entries: readonly BatchEntry[]): number {
  let length = 0;
  for (const { key, value } of entries) length += INNER_OVERHEAD + key.length + value.length;
  return length;
}

/** The value of the record that holds these entries. */
export function encodeBatchValue(entries: readonly BatchEntry[]): Uint8Array {
  const bytes = new Uint8Array(batchValueBytes(entries));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { type, key, value } of entries) {
    view.setUint8(at, type === 'put' ? TYPE_PUT : TYPE_DELETE);
    view.setUint32(at + 1, key.length, true);
    bytes.set(key, at + 5);
    at += 5 + key.length;
    view.setUint32(at, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

/** The entries of a batch's value, views of it; undefined when it is not well formed. */
export function decodeBatchValue(bytes: Uint8Array): BatchEntry[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: BatchEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + INNER_OVERHEAD > bytes.length) return undefined;
    const typeByte = view.getUint8(at);
    const keyEnd = at + 5 + view.getUint32(at + 1, true);
    if (keyEnd + 4 > bytes.length) return undefined;
    const end = keyEnd + 4 + view.getUint32(keyEnd, true);
    const value = bytes.subarray(keyEnd + 4, end);
    const isDelete = typeByte === TYPE_DELETE;
    if (end > bytes.length || (!isDelete && typeByte !== TYPE_PUT)) return undefined;
    if (isDelete && value.length > 0) return undefined;
    entries.push({ type: isDelete ? 'delete' : 'put', key: bytes.subarray(at + 5, keyEnd), value });
    at = end;
  }
  return entries.length === 0 ? undefined : entries;
}
