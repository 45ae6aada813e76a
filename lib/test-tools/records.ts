// Records for tests to append, and nothing that a bare child process could not load.

import { WalEntry } from '../entry.js';
import type { PlainRecord } from '../fixtures/independent.js';

/** A put whose bytes follow from its sequence; no byte of key and value is zero. */
export function samplePut(sequence: bigint | number, valueBytes = 32): PlainRecord {
  return {
    sequence: BigInt(sequence),
    type: 'put',
    key: Buffer.from(`key-${String(sequence)}`),
    value: sampleBytes(Number(BigInt(sequence) % 251n), valueBytes),
  };
}

/** `length` bytes, none of them zero, that differ with `seed`. */
export function sampleBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = 1 + ((seed * 37 + index * 11) % 255);
  return bytes;
}

/** Records `first`, `first` + 1, … as {@link samplePut} makes them. */
export function samplePuts(count: number, first = 1, valueBytes = 32): PlainRecord[] {
  return Array.from({ length: count }, (_, index) => samplePut(first + index, valueBytes));
}

/** A put of a given size on disk, 29 bytes at least. */
export function putOfSize(sequence: bigint | number, recordBytes: number): PlainRecord {
  const key = Buffer.alloc(0);
  const value = sampleBytes(Number(BigInt(sequence) % 251n), recordBytes - 29);
  return { sequence: BigInt(sequence), type: 'put', key, value };
}

export function entryOf(record: PlainRecord): WalEntry {
  return record.type === 'put'
    ? WalEntry.put(record.sequence, record.key, record.value)
    : WalEntry.delete(record.sequence, record.key);
}
