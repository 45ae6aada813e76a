// SIGKILL at any moment, with 64 callers appending: what was acknowledged is there, at the place
// that was told; what is there was submitted, in order and without gaps; and the log goes on.

import { existsSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import type { PlacedRecord } from './fixtures/independent.js';
import { independentEncode, independentRead } from './fixtures/independent.js';
import type { UringWalOptions } from './options.js';
import { forEachDriver } from './test-tools/drivers.js';
import type { Acknowledgement } from './test-tools/kills.js';
import { killRecord, runAndKill } from './test-tools/kills.js';
import { expectNothingHeld, freshLog } from './test-tools/logs.js';
import { UringWalWriter } from './writer.js';
import { entryOf } from './test-tools/records.js';

const APPENDERS = 64;
/** Kills of each log, one after the other; 7 modes of 2 drivers make 56 of them. */
const ROUNDS = 4;
/** One kill of each log comes so long after its opening has begun, most of them much earlier. */
const OPENING_MS = 12;
const KIB = 1024;

const MODES: readonly UringWalOptions[] = [
  {},
  { batchSize: 512 },
  { sync: true },
  { sync: true, preallocateBytes: 256 * KIB },
  { directIo: true },
  { directIo: true, sync: true, preallocateBytes: 64 * KIB },
  { directIo: true, batchSize: 4 * KIB, channelCapacity: 16 },
];

forEachDriver((driver) => {
  const kills = { opening: 0, open: 0 };

  test.for(MODES.map((mode) => [JSON.stringify(mode), mode] as const))('%s', async ([, mode]) => {
    const path = freshLog();
    const options = { ...mode, driver };
    let kept = 0;
    const opening = Math.floor(Math.random() * ROUNDS);
    for (let round = 0; round < ROUNDS; round++) {
      const plan = { path, options, appenders: APPENDERS, first: kept + 1 };
      // Chance chooses the moment; whatever it is, the same must hold.
      const { stage, told } = await (round === opening
        ? runAndKill({ ...plan, killAfterMs: OPENING_MS * Math.random() ** 2 }, 0)
        : runAndKill(plan, Math.floor(Math.random() * 600)));
      kills[stage]++;
      // Killed while it opened the log, it may have left none.
      const left = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
      checkAcknowledged(left, told, kept);

      const writer = await UringWalWriter.open(path, options);
      const { records, end, quarantine } = writer.recovery;
      expect(records).toBeGreaterThanOrEqual(kept + told.length);
      expect(['clean', 'torn', 'tear']).toContain(end.kind);
      expect(quarantine === undefined).toBe(end.kind !== 'tear');
      checkAcknowledged(readFileSync(path), told, kept);
      await writer.append(entryOf(killRecord(records + 1)));
      await writer.close();
      kept = records + 1;

      const bytes = readFileSync(path);
      const found = independentRead(bytes);
      expect(found.records.length).toBe(kept);
      expect(found.end).toBe(bytes.length);
      expectSubmitted(found.records);
    }
    expectNothingHeld(path, ['test.wal']);
  });

  test('the kills came while the log was opened, and while it was written', () => {
    console.log(`${driver}: kills: ${JSON.stringify(kills)}`);
    expect(kills.opening + kills.open).toBe(MODES.length * ROUNDS);
    expect(kills.opening).toBeGreaterThanOrEqual(1);
    expect(kills.open).toBeGreaterThanOrEqual(MODES.length * (ROUNDS - 2));
  });
});

/** What was acknowledged stands where it was said to stand, in order, without gaps. */
function checkAcknowledged(bytes: Buffer, told: readonly Acknowledgement[], before: number): void {
  for (const [index, { sequence, offset, length }] of told.entries()) {
    // Written and durable acknowledgements of one writer come in order.
    expect(sequence).toBe(BigInt(before + index + 1));
    const expected = independentEncode(killRecord(Number(sequence)));
    expect(length).toBe(expected.length);
    if (bytes.subarray(offset, offset + length).equals(expected)) continue;
    throw new Error(`record ${String(sequence)} was acknowledged at ${String(offset)} and is lost`);
  }
}

/** Each record is one that was submitted, to the byte, and none is missing in between. */
function expectSubmitted(records: readonly PlacedRecord[]): void {
  for (const [index, record] of records.entries()) {
    expect(record.sequence).toBe(BigInt(index + 1));
    const expected = independentEncode(killRecord(index + 1));
    expect(independentEncode(record).equals(expected)).toBe(true);
  }
}
