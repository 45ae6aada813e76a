// A record as a reader hands it out: an entry with its place in the file.

import type { BatchEntry } from './batch-value.js';
import { decodeBatchValue } from './batch-value.js';
import type { WalEntryType } from './entry.js';
import * as record from './record.js';
import type { RecordRun } from './scan.js';
import { valueAt } from './scan.js';

/** Bytes that records stand in, with what is needed to read them fast. */
interface Ground {
  readonly buffer: ArrayBufferLike;
  /** Where the bytes start in the buffer. */
  readonly byteOffset: number;
  readonly view: DataView;
}

/** Which entry of an atomic batch a record stands for. */
interface Inner {
  readonly entry: BatchEntry;
  readonly index: number;
}

/**
 * A record that was read: its entry's fields, where it stands, and its checksum (verified).
 * Fields are decoded when they are asked for. The entries of an atomic batch are handed out one by
 * one; offset, length and checksum are then the whole batch's.
 *
 * @example
 * const reader = await WalReader.open('app.wal');
 * const record: WalRecord | undefined = await reader.read();
 * console.log(record?.type, new TextDecoder().decode(record?.value)); // → put value
 * await reader.close();
 */
export class WalRecord {
  /** Offset of the record in the file, in bytes. */
  readonly offset: number;
  /** Size of the record in the file, in bytes. */
  readonly length: number;
  readonly #ground: Ground;
  readonly #at: number;
  readonly #keyLength: number;
  readonly #inner: Inner | undefined;

  /** @internal Made by readers alone. */
  constructor(
    ground: Ground,
    at: number,
    length: number,
    keyLength: number,
    offset: number,
    inner: Inner | undefined,
  ) {
    this.offset = offset;
    this.length = length;
    this.#ground = ground;
    this.#at = at;
    this.#keyLength = keyLength;
    this.#inner = inner;
  }

  /** The sequence of the entry. */
  get sequence(): bigint {
    const first = this.#ground.view.getBigUint64(this.#at + record.AT_SEQUENCE, true);
    return this.#inner === undefined ? first : first + BigInt(this.#inner.index);
  }

  /** What the entry does to its key. */
  get type(): WalEntryType {
    if (this.#inner !== undefined) return this.#inner.entry.type;
    const typeByte = this.#ground.view.getUint8(this.#at + record.AT_TYPE);
    return typeByte === record.TYPE_PUT ? 'put' : 'delete';
  }

  /** The key: a view of the bytes that the record stands in. */
  get key(): Uint8Array {
    if (this.#inner !== undefined) return this.#inner.entry.key;
    const { buffer, byteOffset } = this.#ground;
    return new Uint8Array(buffer, byteOffset + this.#at + record.AT_KEY, this.#keyLength);
  }

  /** Empty for a delete. */
  get value(): Uint8Array {
    if (this.#inner !== undefined) return this.#inner.entry.value;
    const { buffer, byteOffset } = this.#ground;
    const start = byteOffset + this.#at + record.AT_KEY + this.#keyLength + 4;
    const length = this.length - record.RECORD_BYTES_MIN - this.#keyLength;
    return new Uint8Array(buffer, start, length);
  }

  /** CRC-32 of the record, verified. */
  get crc(): number {
    return this.#ground.view.getUint32(this.#at + this.length - 4, true);
  }

  /** Whether the entry is part of an atomic batch. */
  get inBatch(): boolean {
    return this.#inner !== undefined;
  }

  /**
   * The record with bytes of its own, which stay as they are.
   *
   * @example
   * const kept: WalRecord[] = [];
   * const reader = await WalReader.open('app.wal');
   * for await (const chunk of reader.chunks()) kept.push(chunk.record(0).copy());
   * console.log(kept.length); // → 1
   * await reader.close();
   */
  copy(): WalRecord {
    const { buffer, byteOffset } = this.#ground;
    const start = byteOffset + this.#at;
    const bytes = new Uint8Array(buffer, start, this.length).slice();
    const inner = this.#inner && { entry: copyOf(this.#inner.entry), index: this.#inner.index };
    const { offset, length } = this;
    return new WalRecord(groundOf(bytes), 0, length, this.#keyLength, offset, inner);
  }
}

/**
 * Records that stand together in memory: views, good until the next chunk is asked for.
 *
 * @example
 * const reader = await WalReader.open('app.wal');
 * const { value: chunk } = await reader.chunks().next();
 * console.log(chunk instanceof WalChunk && chunk.count); // → 1
 * await reader.close();
 */
export class WalChunk implements Iterable<WalRecord> {
  /** How many entries. */
  readonly count: number;
  readonly #run: RecordRun;
  readonly #ground: Ground;
  /** All entries, where batches make them more than there are records. */
  readonly #entries: WalRecord[] | undefined;

  /** @internal Made by readers alone. */
  constructor(run: RecordRun) {
    this.#run = run;
    this.#ground = groundOf(run.bytes);
    this.#entries = run.hasBatches ? this.#expand() : undefined;
    this.count = this.#entries?.length ?? run.count;
  }

  /**
   * Entry `index`, 0 … count - 1; RangeError beyond.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * for await (const chunk of reader.chunks()) {
   *   console.log(chunk.record(chunk.count - 1).sequence); // → 1n
   * }
   * await reader.close();
   */
  record(index: number): WalRecord {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`record ${String(index)}: the chunk has 0 to ${String(this.count - 1)}`);
    }
    return this.#entries?.[index] ?? this.#recordAt(index);
  }

  /**
   * The records in their order.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * for await (const chunk of reader.chunks()) {
   *   for (const { sequence } of chunk) console.log(sequence); // → 1n
   * }
   * await reader.close();
   */
  *[Symbol.iterator](): Iterator<WalRecord> {
    if (this.#entries !== undefined) yield* this.#entries;
    else for (let index = 0; index < this.count; index++) yield this.#recordAt(index);
  }

  #recordAt(index: number): WalRecord {
    const { table, base } = this.#run;
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const at = table[row] ?? 0;
    const length = table[row + 1] ?? 0;
    return new WalRecord(this.#ground, at, length, table[row + 2] ?? 0, base + at, undefined);
  }

  #expand(): WalRecord[] {
    const { bytes, table, count, base } = this.#run;
    const records: WalRecord[] = [];
    for (let index = 0; index < count; index++) {
      const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
      const at = table[row] ?? 0;
      if (bytes[at + record.AT_TYPE] !== record.TYPE_BATCH) {
        records.push(this.#recordAt(index));
        continue;
      }
      const length = table[row + 1] ?? 0;
      const entries = decodeBatchValue(valueAt(bytes, table, row)) ?? [];
      for (const [innerIndex, entry] of entries.entries()) {
        const inner = { entry, index: innerIndex };
        records.push(new WalRecord(this.#ground, at, length, 0, base + at, inner));
      }
    }
    return records;
  }
}

function groundOf(bytes: Uint8Array): Ground {
  const { buffer, byteOffset, byteLength } = bytes;
  return { buffer, byteOffset, view: new DataView(buffer, byteOffset, byteLength) };
}

function copyOf({ type, key, value }: BatchEntry): BatchEntry {
  return { type, key: key.slice(), value: value.slice() };
}
