// Expectations of logs that were damaged on purpose.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

import { expect } from 'vitest';

import type { PlainRecord } from '../fixtures/independent.js';
import { independentLog } from '../fixtures/independent.js';
import type { DriverChoice } from '../io/select.js';
import type { UringWalOptions } from '../options.js';
import type { WalRecovery } from '../recovery.js';
import type { WalEnd, WalEndKind } from '../tail.js';
import { UringWalWriter } from '../writer.js';
import { expectLog, expectNothingHeld, readLog } from './logs.js';
import { entryOf, samplePut } from './records.js';
import { expectRejection } from './rejections.js';

/** What a disk writes as one, in bytes. */
export const SECTOR = 512;
/** What {@link reopen} appends. */
export const NEW = samplePut(7777n);

/** Opens a damaged log, appends a record, closes; returns what recovery found. */
export async function reopen(path: string, options: UringWalOptions): Promise<WalRecovery> {
  const writer = await UringWalWriter.open(path, options);
  await writer.append(entryOf(NEW), { sync: true });
  await writer.close();
  return writer.recovery;
}

/** Expects a reader to find `kept` and then this kind of end, and to change nothing. */
export async function expectRead(
  path: string,
  kept: readonly PlainRecord[],
  kind: WalEndKind,
  driver: DriverChoice = 'auto',
): Promise<WalEnd | undefined> {
  const damaged = readFileSync(path);
  const read = await readLog(path, { driver });
  expect(read.records.map(({ sequence }) => sequence)).toEqual(kept.map((r) => r.sequence));
  const offset = independentLog(kept).bytes.length;
  expect(read.end).toMatchObject({ kind, offset, size: damaged.length });
  expect(readFileSync(path).equals(damaged), 'reading changes nothing').toBe(true);
  return read.end;
}

/** Expects an open to cut the file to `kept`, to say so, and the log to go on behind it. */
export async function expectCut(
  path: string,
  kept: readonly PlainRecord[],
  kind: WalEndKind,
  options: UringWalOptions,
): Promise<WalRecovery> {
  const damaged = readFileSync(path);
  const end = independentLog(kept).bytes.length;
  await expectRead(path, kept, kind, options.driver);
  const recovery = await reopen(path, options);
  expect(recovery).toMatchObject({
    created: false,
    records: kept.length,
    bytes: end,
    firstSequence: kept[0]?.sequence,
    lastSequence: kept.at(-1)?.sequence,
    end: { kind, offset: end, size: damaged.length },
    trimmedBytes: damaged.length - end,
    cacheTrusted: false,
  });
  expectLog(path, [...kept, NEW]);
  const names = [basename(path)];
  if (recovery.quarantine !== undefined) {
    expect(readFileSync(recovery.quarantine).equals(damaged.subarray(end))).toBe(true);
    names.push(basename(recovery.quarantine));
  }
  expectNothingHeld(path, names);
  return recovery;
}

/** Expects an open to refuse, naming the place, and to change nothing. */
export async function expectCorrupt(
  path: string,
  offset: number,
  next: number | undefined,
  options: UringWalOptions,
): Promise<void> {
  const damaged = readFileSync(path);
  const error = await expectRejection(UringWalWriter.open(path, options), 'ERR_WAL_CORRUPT');
  expect(error).toMatchObject({ path, offset });
  expect(error.message).toMatch(new RegExp(`damaged at offset ${String(offset)} \\(.+\\)`));
  expect(readFileSync(path).equals(damaged), 'the file is untouched').toBe(true);
  if (next !== undefined) expect(error.message).toContain(`whole record at ${String(next)}`);
  expectNothingHeld(path, [basename(path)]);
}

export function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

/** The same in a file; returns what it holds now. */
export function flipBitIn(path: string, bit: number): Buffer {
  const flipped = flipBit(readFileSync(path), bit);
  writeFileSync(path, flipped);
  return flipped;
}
