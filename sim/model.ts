// What callers were told, entry by entry: the plain list that everything on the disk is held against.

import { type PlainEntry, bufferOf, encodeEntry, recordLengthAt } from './oracle-codec.js';

/** The format's magic number as it stands in a record, and where. */
const MAGIC_BYTES = Buffer.from([0x4c, 0x41, 0x57, 0x00]);
const MAGIC_AT = 4;

/**
 * - `pending`: not settled (also: its process died before it was).
 * - `written`, `durable`: acknowledged as such.
 * - `rejected`: indeterminate; it may survive until a later append is acknowledged or a recovery
 *   leaves it out.
 * - `refused`: never accepted; it may not be anywhere.
 * - `gone`: left out by a trim or a recovery; it may never return.
 */
export type EntryState = 'pending' | 'written' | 'durable' | 'rejected' | 'refused' | 'gone';

/** One submitted entry. */
export interface ModelEntry {
  /** Position in the order of submission, from 0. */
  readonly index: number;
  readonly entry: PlainEntry;
  /** The record, encoded by the oracle's own codec. */
  readonly bytes: Buffer;
  readonly sync: boolean;
  readonly life: number;
  readonly submittedStep: number;
  state: EntryState;
  rejectedStep: number;
  /** A flush that covers it has resolved. */
  flushed: boolean;
  offset: number;
}

/** A whole record found in an image, and the entry it is. */
export interface FoundRecord {
  readonly offset: number;
  readonly length: number;
  readonly sequence: bigint;
  /** Undefined: nobody ever submitted such a record. */
  readonly entry: ModelEntry | undefined;
}

export class Model {
  readonly entries: ModelEntry[] = [];
  /** Sequences are given out once in a world, so they identify an entry. */
  #sequenceBase: bigint;

  constructor(sequenceBase = 1n) {
    this.#sequenceBase = sequenceBase;
  }

  nextSequence(): bigint {
    return this.#sequenceBase + BigInt(this.entries.length);
  }

  submit(entry: PlainEntry, sync: boolean, life: number, step: number): ModelEntry {
    const added: ModelEntry = {
      index: this.entries.length,
      entry,
      bytes: encodeEntry(entry),
      sync,
      life,
      submittedStep: step,
      state: 'pending',
      rejectedStep: Number.POSITIVE_INFINITY,
      flushed: false,
      offset: -1,
    };
    this.entries.push(added);
    return added;
  }

  bySequence(sequence: bigint): ModelEntry | undefined {
    return this.entries[Number(sequence - this.#sequenceBase)];
  }

  /** Whether bytes stand in the value of a submitted entry. */
  isNested(bytes: Buffer): boolean {
    return this.entries.some(({ entry }) => bufferOf(entry.value).includes(bytes));
  }

  /** Every whole valid record in an image from an offset on, wherever it starts. */
  *locate(image: Buffer, from: number): Generator<FoundRecord> {
    let at = image.indexOf(MAGIC_BYTES, from + MAGIC_AT);
    while (at >= 0) {
      const record = this.recordAt(image, at - MAGIC_AT, image.length);
      if (record !== undefined) yield record;
      at = image.indexOf(MAGIC_BYTES, at + 1);
    }
  }

  /** The record at an offset of an image, if a whole valid one stands there. */
  recordAt(image: Buffer, offset: number, size: number): FoundRecord | undefined {
    if (offset + 29 > size) return undefined;
    const sequence = image.readBigUInt64LE(offset + 8);
    const entry = this.bySequence(sequence);
    if (entry !== undefined && offset + entry.bytes.length <= size) {
      const { length } = entry.bytes;
      if (entry.bytes.compare(image, offset, offset + length) === 0) {
        return { offset, length, sequence, entry };
      }
    }
    const length = recordLengthAt(image, offset, size);
    return length === 0 ? undefined : { offset, length, sequence, entry: undefined };
  }

  /** All records from the front of an image, as a reader finds them. */
  scan(bytes: Uint8Array, size: number): { records: FoundRecord[]; end: number } {
    const image = bufferOf(bytes);
    const records: FoundRecord[] = [];
    let end = 0;
    for (;;) {
      const record = this.recordAt(image, end, size);
      if (record === undefined) return { records, end };
      records.push(record);
      end += record.length;
    }
  }
}

/** An entry in words. */
export function describe(entry: ModelEntry): string {
  const size = `${String(entry.bytes.length)} B`;
  return `entry ${String(entry.index)} (sequence ${String(entry.entry.sequence)}, ${size})`;
}

/** Whether an image has the entry's record where its caller was told. */
export function holds(bytes: Uint8Array, size: number, entry: ModelEntry): boolean {
  const end = entry.offset + entry.bytes.length;
  return end <= size && entry.bytes.compare(bytes, entry.offset, end) === 0;
}

/** Where the entry's record stands, in words. */
export function at(entry: ModelEntry): string {
  return `${String(entry.offset)} … ${String(entry.offset + entry.bytes.length)}`;
}
