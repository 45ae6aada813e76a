// A record as a reader hands it out: an entry with its place in the file.

import type { BatchEntry } from './batch-value.js';
import { decodeBatchValue } from './batch-value.js';
import type { WalEntryType } from './entry.js';
import * as record from './record.js';
import type { RecordRun } from './scan.js';
import { valueAt } from './scan.js';

/**
 * A record that was read: its entry's fields, where it stands, and its checksum (verified).
 * Fields are decoded when they are asked for. The entries of an atomic batch are handed out one by
 * one; offset, length and checksum are then the whole batch's.
 */
export class WalRecord {
  /** Offset of the record in the file, in bytes. */
  readonly offset: number;
  /** Size of the record in the file, in bytes. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #keyLength: number;
  readonly #inner: BatchEntry | undefined;
  readonly #innerIndex: number;

  constructor(
    bytes: Uint8Array,
    at: number,
    length: number,
    keyLength: number,
    offset: number,
    inner?: BatchEntry,
    innerIndex = 0,
  ) {
    this.offset = offset;
    this.length = length;
    this.#bytes = bytes;
    this.#at = at;
    this.#keyLength = keyLength;
    this.#inner = inner;
    this.#innerIndex = innerIndex;
  }

  get sequence(): bigint {
    const first = this.#view().getBigUint64(this.#at + record.AT_SEQUENCE, true);
    return this.#innerIndex === 0 ? first : first + BigInt(this.#innerIndex);
  }

  get type(): WalEntryType {
    if (this.#inner !== undefined) return this.#inner.type;
    return this.#bytes[this.#at + record.AT_TYPE] === record.TYPE_PUT ? 'put' : 'delete';
  }

  get key(): Uint8Array {
    if (this.#inner !== undefined) return this.#inner.key;
    const start = this.#at + record.AT_KEY;
    return this.#bytes.subarray(start, start + this.#keyLength);
  }

  /** Empty for a delete. */
  get value(): Uint8Array {
    if (this.#inner !== undefined) return this.#inner.value;
    const start = this.#at + record.AT_KEY + this.#keyLength + 4;
    return this.#bytes.subarray(start, this.#at + this.length - 4);
  }

  get crc(): number {
    return this.#view().getUint32(this.#at + this.length - 4, true);
  }

  /** Whether the entry is part of an atomic batch. */
  get inBatch(): boolean {
    return this.#inner !== undefined;
  }

  /** The record with bytes of its own, which stay as they are. */
  copy(): WalRecord {
    const bytes = this.#bytes.slice(this.#at, this.#at + this.length);
    const inner = this.#inner && {
      type: this.#inner.type,
      key: this.#inner.key.slice(),
      value: this.#inner.value.slice(),
    };
    return new WalRecord(
      bytes,
      0,
      this.length,
      this.#keyLength,
      this.offset,
      inner,
      this.#innerIndex,
    );
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }
}

/** Records that stand together in memory: views, good until the next chunk is asked for. */
export class WalChunk implements Iterable<WalRecord> {
  /** How many entries. */
  readonly count: number;
  readonly #run: RecordRun;
  /** All entries, where batches make them more than there are records. */
  readonly #entries: WalRecord[] | undefined;

  constructor(run: RecordRun) {
    this.#run = run;
    this.#entries = hasBatch(run) ? expand(run) : undefined;
    this.count = this.#entries?.length ?? run.count;
  }

  /** Entry `index`, 0 … count - 1; RangeError beyond. */
  record(index: number): WalRecord {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`record ${String(index)}: the chunk has 0 to ${String(this.count - 1)}`);
    }
    return this.#entries?.[index] ?? recordAt(this.#run, index);
  }

  *[Symbol.iterator](): Iterator<WalRecord> {
    if (this.#entries !== undefined) yield* this.#entries;
    else for (let index = 0; index < this.count; index++) yield recordAt(this.#run, index);
  }
}

function recordAt(run: RecordRun, index: number): WalRecord {
  const { bytes, table, base } = run;
  const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
  const at = table[row] ?? 0;
  return new WalRecord(bytes, at, table[row + 1] ?? 0, table[row + 2] ?? 0, base + at);
}

function hasBatch({ bytes, table, count }: RecordRun): boolean {
  for (let index = 0; index < count; index++) {
    const at = table[record.TABLE_HEADER + index * record.TABLE_STRIDE] ?? 0;
    if (bytes[at + record.AT_TYPE] === record.TYPE_BATCH) return true;
  }
  return false;
}

function expand(run: RecordRun): WalRecord[] {
  const { bytes, table, count, base } = run;
  const records: WalRecord[] = [];
  for (let index = 0; index < count; index++) {
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const at = table[row] ?? 0;
    if (bytes[at + record.AT_TYPE] !== record.TYPE_BATCH) {
      records.push(recordAt(run, index));
      continue;
    }
    const length = table[row + 1] ?? 0;
    const entries = decodeBatchValue(valueAt(bytes, table, row)) ?? [];
    for (const [innerIndex, entry] of entries.entries()) {
      records.push(new WalRecord(bytes, at, length, 0, base + at, entry, innerIndex));
    }
  }
  return records;
}
