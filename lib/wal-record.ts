// A record as a reader hands it out: an entry with its place in the file.

import * as record from './record.js';
import type { RecordRun } from './scan.js';
import type { WalEntryType } from './entry.js';

/**
 * A record that was read: its entry's fields, where it stands, and its checksum (verified).
 * Fields are decoded when they are asked for.
 */
export class WalRecord {
  /** Offset of the record in the file, in bytes. */
  readonly offset: number;
  /** Size of the record in the file, in bytes. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #keyLength: number;

  constructor(bytes: Uint8Array, at: number, length: number, keyLength: number, offset: number) {
    this.offset = offset;
    this.length = length;
    this.#bytes = bytes;
    this.#at = at;
    this.#keyLength = keyLength;
  }

  get sequence(): bigint {
    return this.#view().getBigUint64(this.#at + record.AT_SEQUENCE, true);
  }

  get type(): WalEntryType {
    return this.#bytes[this.#at + record.AT_TYPE] === record.TYPE_PUT ? 'put' : 'delete';
  }

  get key(): Uint8Array {
    const start = this.#at + record.AT_KEY;
    return this.#bytes.subarray(start, start + this.#keyLength);
  }

  get value(): Uint8Array {
    const start = this.#at + record.AT_KEY + this.#keyLength + 4;
    return this.#bytes.subarray(start, this.#at + this.length - 4);
  }

  get crc(): number {
    return this.#view().getUint32(this.#at + this.length - 4, true);
  }

  /** The record with bytes of its own, which stay as they are. */
  copy(): WalRecord {
    const bytes = this.#bytes.slice(this.#at, this.#at + this.length);
    return new WalRecord(bytes, 0, this.length, this.#keyLength, this.offset);
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }
}

/** Records that stand together in memory: views, good until the next chunk is asked for. */
export class WalChunk implements Iterable<WalRecord> {
  /** How many records. */
  readonly count: number;
  readonly #run: RecordRun;

  constructor(run: RecordRun) {
    this.count = run.count;
    this.#run = run;
  }

  /** Record `index`, 0 … count - 1; RangeError beyond. */
  record(index: number): WalRecord {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`record ${String(index)}: the chunk has 0 to ${String(this.count - 1)}`);
    }
    return this.#record(index);
  }

  *[Symbol.iterator](): Iterator<WalRecord> {
    for (let index = 0; index < this.count; index++) yield this.#record(index);
  }

  #record(index: number): WalRecord {
    const { bytes, table, base } = this.#run;
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const at = table[row] ?? 0;
    return new WalRecord(bytes, at, table[row + 1] ?? 0, table[row + 2] ?? 0, base + at);
  }
}
