// What must be left of a log whose writer (wal-kills.ts) was killed.

import { expect } from 'vitest';

import type { WalRecord } from '../wal-record.js';
import type { ToldByWal } from './wal-kills.js';
import { BATCH_ENTRIES, walKillEntry } from './wal-kills.js';
import type { EntryLine } from './wals.js';

/** What was acknowledged is there, in order, without gaps; batches are whole. */
export function checkEntries(
  records: readonly WalRecord[],
  told: ToldByWal,
  checkpoint: bigint,
): void {
  const first = records[0]?.sequence ?? 1n;
  expect(first).toBeLessThanOrEqual(checkpoint > 1n ? checkpoint : 1n);
  const keys = new Map<bigint, string>();
  for (const [index, record] of records.entries()) {
    expect(record.sequence).toBe(first + BigInt(index));
    keys.set(record.sequence, Buffer.from(record.key).toString());
    expectSubmitted(record);
  }
  for (const [sequence, key] of told.acknowledged) {
    if (sequence < first) continue;
    if (keys.get(sequence) !== key) throw new Error(`${String(sequence)} (${key}) is lost`);
  }
  const batched = records.filter(({ inBatch }) => inBatch).length;
  expect(batched % BATCH_ENTRIES, 'all of a batch or none').toBe(0);
}

/** The process appended it, byte for byte. */
export function expectSubmitted(record: WalRecord): void {
  const key = Buffer.from(record.key).toString();
  if (key === 'last') return;
  const [id = '', index] = key.split('/');
  const { value } = walKillEntry(id, Number(index));
  expect(Buffer.from(record.value).equals(value), key).toBe(true);
}

/** What an earlier recovery returned is still there, but for what a checkpoint covers. */
export function expectKept(
  lines: readonly EntryLine[],
  before: readonly EntryLine[],
  checkpoint: bigint,
): void {
  const there = new Set(lines);
  for (const line of before) {
    const sequence = BigInt(line.slice(0, line.indexOf(' ')));
    if (sequence >= checkpoint && !there.has(line)) throw new Error(`${line} is gone`);
  }
}
