// A crash leaves of an append-only file: what was durable, of what was not any sectors, the others
// as zeros or as they were, and any size in between. No such file is refused, and nothing durable
// is missing from what an open keeps.

import fc from 'fast-check';
import { expect } from 'vitest';

import { independentLine, independentLog, independentRead } from '../lib/fixtures/independent.js';
import { indexAt, logsOf, places, records, SECTOR_BYTES } from './arbitraries.js';
import { isEqual, isZero, readBytes, recoverBytes } from './harness/bytes.js';
import { property } from './harness/property.js';

const cases = fc.record(
  {
    log: logsOf(records, { minLength: 1, maxLength: 10 }),
    /** How many records were durable. */
    durable: places,
    /** Sector by sector behind them: whether it landed. */
    landed: fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }),
    /** Where the file ends, and zeros that were allocated ahead of it. */
    size: places,
    ahead: fc.constantFrom(0, 0, 1, 700, 4096),
  },
  { noNullPrototype: true },
);

property({
  name: 'crash-is-not-corruption',
  says: 'a default open takes every file that a crash can leave, and keeps all that was durable',
  level: 'bytes',
  cases,
  runs: 4000,
  reach: ['clean', 'torn', 'tear', 'zeros ahead', 'all landed', 'records beyond the durable ones'],
  check: async ({ log, durable, landed, size, ahead }, mark) => {
    const { bytes, placed } = independentLog(log);
    const kept = indexAt(durable, placed.length + 1);
    const durableEnd = placed[kept]?.offset ?? bytes.length;
    const end = durableEnd + indexAt(size, bytes.length - durableEnd + 1);
    const left = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(ahead)]);
    const first = Math.floor(durableEnd / SECTOR_BYTES);
    for (let sector = first; sector * SECTOR_BYTES < end; sector++) {
      if (landed[(sector - first) % landed.length] === true) continue;
      const from = Math.max(sector * SECTOR_BYTES, durableEnd);
      left.fill(0, from, Math.min((sector + 1) * SECTOR_BYTES, left.length));
    }
    if (ahead > 0) mark('zeros ahead');
    if (isEqual(left.subarray(0, bytes.length), bytes)) mark('all landed');

    const reading = await readBytes(left);
    mark(reading.end.kind);
    if (reading.records.length > kept) mark('records beyond the durable ones');
    const recovery = await recoverBytes(left, 'strict');
    expect(recovery.kind).toBe('recovered');
    const found = independentRead(recovery.bytes).records.map(independentLine);
    expect(found.length).toBeGreaterThanOrEqual(kept);
    expect(found).toEqual(placed.slice(0, found.length).map(independentLine));
    expect(recovery.bytes.length).toBe(placed[found.length]?.offset ?? bytes.length);
  },
});

property({
  name: 'recovery-is-idempotent',
  says: 'what an open made of a crashed log, the next open finds whole, and changes nothing',
  level: 'bytes',
  cases,
  runs: 1500,
  check: async ({ log, landed, size }) => {
    const { bytes } = independentLog(log);
    const left = Buffer.from(bytes.subarray(0, indexAt(size, bytes.length + 1)));
    landed.forEach((isThere, sector) => {
      const from = sector * SECTOR_BYTES;
      if (!isThere && from < left.length) left.fill(0, from, Math.min(from + 512, left.length));
    });
    const once = await recoverBytes(left, 'strict');
    expect(once.kind).toBe('recovered');
    const twice = await recoverBytes(once.bytes, 'strict');
    expect(isEqual(twice.bytes, once.bytes)).toBe(true);
    expect(twice.kind === 'recovered' && twice.report.end.kind === 'clean').toBe(true);
    expect(once.bytes.length === 0 || !isZero(once.bytes)).toBe(true);
  },
});
