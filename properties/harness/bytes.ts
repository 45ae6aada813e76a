// The real reader and the real recovery over bytes in memory.

import type { PlacedRecord, PlainRecord } from '../../lib/fixtures/independent.js';
import { WalEntry, WalError, WalReader, UringWalWriter } from '../../lib/index.js';
import type { RecoveryMode, WalEnd, WalRecord, WalRecovery } from '../../lib/index.js';
import { MemoryDisk, memoryDriver } from './memory-driver.js';

const LOG = '/log';
const SECTOR_BYTES = 512;

/** What a reader makes of bytes. */
export interface Reading {
  readonly records: readonly PlacedRecord[];
  readonly end: WalEnd;
  readonly disk: MemoryDisk;
}

export async function readBytes(bytes: Uint8Array, from = 0): Promise<Reading> {
  const disk = new MemoryDisk({ [LOG]: bytes });
  const reader = await WalReader.open(LOG, { driver: memoryDriver(disk), from });
  const records: PlacedRecord[] = [];
  for await (const record of reader) records.push(plainOf(record));
  const { end } = reader;
  await reader.close();
  expectNoMemory(disk);
  if (end === undefined) throw new Error('the reader stopped, and says no end');
  return { records, end, disk };
}

/** The same through chunks, whose records are views. */
export async function readChunks(bytes: Uint8Array): Promise<readonly PlacedRecord[]> {
  const disk = new MemoryDisk({ [LOG]: bytes });
  const reader = await WalReader.open(LOG, { driver: memoryDriver(disk) });
  const records: PlacedRecord[] = [];
  for await (const chunk of reader.chunks()) {
    for (const record of chunk) records.push(plainOf(record));
  }
  await reader.close();
  return records;
}

/** What an open makes of bytes: recovered, or refused and untouched. */
export type Recovery =
  | {
      readonly kind: 'recovered';
      readonly report: WalRecovery;
      /** The log afterwards. */
      readonly bytes: Uint8Array;
      /** What was copied aside before it was cut off. */
      readonly quarantined: Uint8Array | undefined;
    }
  | { readonly kind: 'refused'; readonly error: WalError; readonly bytes: Uint8Array };

/** Opens the log for writing, and closes it. */
export async function recoverBytes(bytes: Uint8Array, recovery: RecoveryMode): Promise<Recovery> {
  const disk = new MemoryDisk({ [LOG]: bytes.slice() });
  const driver = memoryDriver(disk);
  let writer: UringWalWriter;
  try {
    writer = await UringWalWriter.open(LOG, { driver, recovery });
  } catch (error) {
    if (!(error instanceof WalError) || error.code !== 'ERR_WAL_CORRUPT') throw error;
    expectNoMemory(disk);
    return { kind: 'refused', error, bytes: disk.bytes(LOG) };
  }
  await writer.close();
  expectNoMemory(disk);
  const { recovery: report } = writer;
  const quarantined = report.quarantine === undefined ? undefined : disk.bytes(report.quarantine);
  return { kind: 'recovered', report, bytes: disk.bytes(LOG), quarantined };
}

/** What was taken of the driver is given back, whatever was found. */
function expectNoMemory({ memoryBytes }: MemoryDisk): void {
  if (memoryBytes !== 0) throw new Error(`${String(memoryBytes)} bytes were not given back`);
}

/** A record of the library, as the independent format shows it. */
export function plainOf(record: WalRecord): PlacedRecord {
  const { sequence, type, offset, length, crc } = record;
  return {
    sequence,
    type,
    key: record.key.slice(),
    value: record.value.slice(),
    offset,
    length,
    crc,
  };
}

export function entryOf(record: PlainRecord): WalEntry {
  const { sequence, type, key, value } = record;
  return type === 'put' ? WalEntry.put(sequence, key, value) : WalEntry.delete(sequence, key);
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Whether an aligned sector in the range, or its first one from `from` on, is all zero. */
export function hasZeroSector(bytes: Uint8Array, from: number, to: number): boolean {
  for (let start = from; start < to;) {
    const end = (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES;
    if (end <= to && isZero(bytes.subarray(start, end))) return true;
    start = end;
  }
  return false;
}
