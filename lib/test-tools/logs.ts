// Temporary logs and what should be in them. Every expectation about bytes comes from the
// independent implementation of the format, never from the library itself.

import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished } from 'vitest';

import { WalEntry } from '../entry.js';
import type { PlacedRecord, PlainRecord } from '../fixtures/independent.js';
import { independentLine, independentLog, independentRead } from '../fixtures/independent.js';
import type { WalReaderOptions } from '../reader.js';
import { WalReader } from '../reader.js';
import type { WalEnd } from '../tail.js';
import type { WalRecord } from '../wal-record.js';
import type { UringWalWriter } from '../writer.js';

/** A directory that goes away with the test. */
export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'uring-wal-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Path of a log that is not there yet, in a directory of its own. */
export function freshLog(): string {
  return join(freshDirectory(), 'test.wal');
}

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

/** Appends all at once, in order, and waits for all. */
export function appendAll(
  writer: UringWalWriter,
  records: readonly PlainRecord[],
  options?: { readonly sync?: boolean },
): Promise<unknown> {
  return Promise.all(records.map((record) => writer.append(entryOf(record), options)));
}

/** Writes a log of these records with plain file calls. */
export function writeLog(path: string, records: readonly PlainRecord[]): readonly PlacedRecord[] {
  const { bytes, placed } = independentLog(records);
  writeFileSync(path, bytes);
  return placed;
}

/** Expects the file to be these records, to the byte, and not a byte more. */
export function expectLog(path: string, records: readonly PlainRecord[]): void {
  const bytes = readFileSync(path);
  const expected = independentLog(records).bytes;
  if (bytes.equals(expected)) return;
  // The bytes differ: tell first what a person can read.
  const found = independentRead(bytes);
  expect(found.records.map(({ sequence }) => sequence)).toEqual(
    records.map(({ sequence }) => sequence),
  );
  expect({ end: found.end, size: bytes.length }).toEqual({
    end: expected.length,
    size: expected.length,
  });
  expect(bytes.equals(expected), 'the same bytes').toBe(true);
}

/** What a reader makes of a log: records in a form that compares well, and how it ends. */
export async function readLog(
  path: string,
  options?: WalReaderOptions,
): Promise<{ readonly records: PlacedRecord[]; readonly end: WalEnd | undefined }> {
  const reader = await WalReader.open(path, options);
  try {
    const records: PlacedRecord[] = [];
    for await (const record of reader) records.push(plainOf(record));
    return { records, end: reader.end };
  } finally {
    await reader.close();
  }
}

/** A record of the library as the independent implementation shows it. */
export function plainOf(record: WalRecord): PlacedRecord {
  const { sequence, type, offset, length, crc } = record;
  const [key, value] = [Buffer.from(record.key), Buffer.from(record.value)];
  return { sequence, type, key, value, offset, length, crc };
}

/** Expects a reader to find exactly these records, wherever the file ends. */
export async function expectReplay(
  path: string,
  records: readonly PlainRecord[],
  options?: WalReaderOptions,
): Promise<WalEnd | undefined> {
  const { records: found, end } = await readLog(path, options);
  const expected = independentLog(records).placed.map(independentLine);
  expect(found.map(independentLine)).toEqual(expected);
  return end;
}

/** Expects that nothing is left of a log but, perhaps, its file: no lock, no open descriptor. */
export function expectNothingHeld(path: string, names: readonly string[]): void {
  const directory = join(path, '..');
  expect(readdirSync(directory).sort()).toEqual([...names].sort());
  expect(openDescriptors(directory)).toEqual([]);
}

/** What the descriptors of this process stand for, as far as it lies under `directory`. */
export function openDescriptors(directory: string): string[] {
  const targets: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (target === directory || target.startsWith(`${directory}/`)) targets.push(target);
    } catch {
      // The descriptor that listed the directory is closed by now.
    }
  }
  return targets;
}
