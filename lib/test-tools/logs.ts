// Temporary logs and what should be in them. Every expectation about bytes comes from the
// independent implementation of the format, never from the library itself.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished } from 'vitest';

import type { PlacedRecord, PlainRecord } from '../fixtures/independent.js';
import { independentLine, independentLog, independentRead } from '../fixtures/independent.js';
import type { WalReaderOptions } from '../reader.js';
import { WalReader } from '../reader.js';
import type { WalEnd } from '../tail.js';
import type { WalRecord } from '../wal-record.js';
import type { UringWalWriter } from '../writer.js';
import { openDescriptors } from './descriptors.js';
import { entryOf } from './records.js';

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
