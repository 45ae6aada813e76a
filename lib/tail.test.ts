// The verdict on how a log ends, case by case and at its boundaries; what the search for a later
// record may cost. Expected bytes come from the independent implementation of the format.

import { describe, expect, test } from 'vitest';
import { independentEncode } from './fixtures/independent.js';
import * as record from './record.js';
import { HELD_UNCHECKED_BYTES_MAX } from './scan.js';
import type { WalEnd } from './tail.js';
import { judgeEnd } from './tail.js';
import { windowOver } from './test-tools/memory-window.js';
import { putOfSize, sampleBytes } from './test-tools/records.js';
import { WINDOW_BYTES } from './window.js';

const SECTOR = 512;
const MIB = 1024 * 1024;
const { STOP } = record;

const zeros = (length: number): Buffer => Buffer.alloc(length);
/** No zeros in it, and no magic. */
const junk = (length: number): Buffer => sampleBytes(1, length);
const whole = (length = 40): Buffer => independentEncode(putOfSize(7, length));
/** A record whose checksum is wrong. */
function broken(length: number): Buffer {
  const bytes = Buffer.from(whole(length));
  bytes[length - 1] = (bytes[length - 1] ?? 0) ^ 1;
  return bytes;
}

/** Judges `parts`, put together, from the end of the first one on. */
async function judge(stop: number, ...parts: Buffer[]): Promise<WalEnd> {
  const { window } = windowOver(Buffer.concat(parts));
  return judgeEnd(window, parts[0]?.length ?? 0, stop);
}

describe('nothing of a record follows', () => {
  test.each([
    ['nothing', 0, 'end of the file'],
    ['a zero', 1, 'only zeros follow'],
    ['zeros up to a sector', SECTOR - 40, 'only zeros follow'],
    ['zeros beyond a window', 2 * WINDOW_BYTES + 1, 'only zeros follow'],
  ])('%s: clean', async (_, count, reason) => {
    const size = 40 + count;
    const end = await judge(STOP.BAD_LENGTH, whole(), zeros(count));
    expect(end).toEqual({ kind: 'clean', offset: 40, size, reason });
  });

  test.each([1, SECTOR, 2 * WINDOW_BYTES])('%i zeros and then junk: torn', async (count) => {
    const end = await judge(STOP.BAD_LENGTH, whole(), zeros(count), junk(1));
    expect(end).toMatchObject({ kind: 'torn', offset: 40 });
  });

  test.each([1, 28, 29, 700])(
    '%i bytes of junk: torn, for the reason of the scan',
    async (count) => {
      const end = await judge(STOP.BAD_MAGIC, whole(), junk(count));
      const size = 40 + count;
      expect(end).toEqual({ kind: 'torn', offset: 40, size, reason: 'wrong magic number' });
    },
  );

  test('most of a record: torn', async () => {
    for (let there = 1; there < 40; there++) {
      const end = await judge(STOP.NEED_MORE, whole(), whole().subarray(0, there));
      expect(end).toEqual({ kind: 'torn', offset: 40, size: 40 + there, reason: 'cut short' });
    }
  });

  test('a torn record that holds whole ones says so', async () => {
    const inner = Buffer.concat([junk(9), whole(), junk(9)]);
    const outer = independentEncode({
      ...{ sequence: 1n, type: 'put', key: Buffer.alloc(0) },
      value: Buffer.concat([inner, junk(900)]),
    });
    const end = await judge(STOP.NEED_MORE, whole(), outer.subarray(0, -800));
    expect(end).toMatchObject({ kind: 'torn', holdsRecords: true });
  });
});

describe('a whole record follows', () => {
  const corrupt = (next: number): unknown => expect.objectContaining({ kind: 'corrupt', next });
  const tear = (next: number): unknown => expect.objectContaining({ kind: 'tear', next });

  test.each([
    ['behind a damaged one', [broken(50), whole()], corrupt(90)],
    ['behind junk', [junk(200), whole()], corrupt(240)],
    ['and is the smallest', [junk(200), whole(29)], corrupt(240)],
    // Sectors begin at 512, 1024, …; what is judged begins at 40.
    ['its own sector is zero from there on', [zeros(472), whole()], tear(512)],
    ['an aligned sector is zero', [junk(472), zeros(512), whole()], tear(1024)],
    ['all but its first byte', [junk(473), zeros(511), whole()], corrupt(1024)],
    ['all but its last byte', [junk(472), zeros(511), junk(1), whole()], corrupt(1024)],
    ['a sector long, across two', [junk(672), zeros(512), junk(328), whole()], corrupt(1552)],
    ['one of several', [junk(984), zeros(512), junk(512), whole()], tear(2048)],
    ['eight zeros where it should begin', [zeros(8), junk(100), whole()], tear(148)],
    ['seven', [zeros(7), junk(100), whole()], corrupt(147)],
    ['its own sector is zero before it', [junk(472), zeros(4), whole()], tear(516)],
    ['but too little to know', [junk(472), zeros(3), whole()], corrupt(515)],
    ['but for one byte', [junk(473), zeros(30), whole()], corrupt(543)],
    ['before it zeros, in the sector judged', [junk(4), zeros(30), whole()], corrupt(74)],
  ])('%s', async (_, parts, verdict) => {
    expect(await judge(STOP.BAD_CRC, whole(), ...parts)).toEqual(verdict);
  });

  test('a sequence out of order is itself what follows', async () => {
    const end = await judge(STOP.BAD_SEQUENCE, whole(), whole());
    expect(end).toMatchObject({ kind: 'corrupt', offset: 40, next: 40 });
  });

  test('across the end of a window, wherever its magic stands', async () => {
    for (let at = WINDOW_BYTES; at <= WINDOW_BYTES + 60; at++) {
      const end = await judge(STOP.BAD_MAGIC, whole(), junk(at - 40), whole(60));
      expect(end.next).toBe(at);
    }
  });

  test.each([WINDOW_BYTES, WINDOW_BYTES + 1, HELD_UNCHECKED_BYTES_MAX + 1])(
    'of %i bytes, and is never held where it is large',
    async (length) => {
      const { window, cost } = windowOver(Buffer.concat([whole(), junk(100), whole(length)]));
      expect((await judgeEnd(window, 40, STOP.BAD_MAGIC)).next).toBe(140);
      expect(cost.largestMemory).toBeLessThanOrEqual(WINDOW_BYTES + 1);
    },
  );
});

describe('where the search begins', () => {
  const nested = whole(60);
  /** A put whose value is junk, a whole record, and junk. */
  const outer = (): Buffer =>
    Buffer.from(
      independentEncode({
        ...{ sequence: 1n, type: 'put', key: Buffer.alloc(10, 'k') },
        value: Buffer.concat([junk(10), nested, junk(10)]),
      }),
    );
  const nestedAt = 40 + 25 + 10 + 10;
  const behind = 40 + 29 + 10 + 80;

  test('behind a record whose lengths agree: what is inside is no follower', async () => {
    const bytes = outer();
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    expect((await judge(STOP.BAD_CRC, whole(), bytes, whole())).next).toBe(behind);
    expect((await judge(STOP.BAD_CRC, whole(), bytes)).kind).toBe('torn');
  });

  test.each([
    ['the length of the key', 17],
    ['the length of the value', 31],
    ['len', 0],
    ['the magic', 4],
  ])('%s is damaged: what the others claim is tried first', async (_, at) => {
    const bytes = outer();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect((await judge(STOP.LENGTH_MISMATCH, whole(), bytes, whole())).next).toBe(behind);
    // Nothing stands there: then any whole record counts.
    const end = await judge(STOP.LENGTH_MISMATCH, whole(), bytes, junk(50));
    expect(end).toMatchObject({ kind: 'corrupt', next: nestedAt });
  });
});

describe('what the search may read', () => {
  const RECORD_BYTES = 29;
  /** The head of a record of `length` bytes whose lengths agree: its checksum alone tells. */
  function head(length: number): Buffer {
    const bytes = Buffer.alloc(64, 3);
    whole(RECORD_BYTES).copy(bytes);
    bytes.writeUInt32LE(length - 4, 0);
    bytes.writeUInt32LE(length - 29, 21);
    return bytes;
  }

  /** Judges `size` bytes behind others: junk, then so many candidates of `length`, a record. */
  async function search(
    size: number,
    count: number,
    length: number,
    before: number,
  ): Promise<WalEnd> {
    const candidates = Buffer.concat(Array.from({ length: count }, () => head(length)));
    const parts = [junk(8), candidates, whole(RECORD_BYTES)];
    const used = parts.reduce((sum, part) => sum + part.length, 0);
    const rest = Buffer.alloc(size - used, 5);
    const { window } = windowOver(Buffer.concat([zeros(before), ...parts, rest]));
    return judgeEnd(window, before, STOP.BAD_MAGIC);
  }

  test.each([
    // The budget is 256 MiB, or eight times what follows.
    ['at least 256 MiB', 2 * MIB, 256, MIB, 0],
    ['each costs two windows more when it is larger than one', 4 * MIB, 64, 2 * MIB, 0],
    ['as long as an eighth of that', 32 * MIB, 256, MIB, 0],
    ['eight times what follows', 33 * MIB, 264, MIB, 0],
    ['however much stands before', 2 * MIB, 256, MIB, 40 * MIB],
  ])('%s', async (_, size, countMax, length, before) => {
    const found = await search(size, countMax - 1, length, before);
    expect(found).toMatchObject({ kind: 'corrupt', next: before + 8 + 64 * (countMax - 1) });
    const exhausted = await search(size, countMax, length, before);
    expect(exhausted.next).toBeUndefined();
    expect(exhausted).toMatchObject({
      kind: 'corrupt',
      reason: 'wrong magic number; too many candidates follow',
    });
  });
});
