// The walk over a file, window by window: every record, whatever it straddles; where it stops, and
// why; and what it may cost in memory to find that out. Expected bytes come from the independent
// implementation of the format.

import { describe, expect, test } from 'vitest';
import type { PlainRecord } from './fixtures/independent.js';
import { independentEncode, independentLog } from './fixtures/independent.js';
import * as record from './record.js';
import {
  HELD_UNCHECKED_BYTES_MAX,
  checksumHolds,
  lengthsAgree,
  scanFile,
  sequencesAt,
  valueAt,
} from './scan.js';
import type { CountedWindow } from './test-tools/memory-window.js';
import { windowOver } from './test-tools/memory-window.js';
import { putOfSize, samplePut, samplePuts } from './test-tools/records.js';
import { plainBatchRecord, plainBatchValue, puts } from './test-tools/wals.js';
import { WINDOW_BYTES } from './window.js';

const { STOP } = record;
const RUN_RECORDS_MAX = 16384;
const AT_KEY_LENGTH = 17;

interface Walked {
  readonly offsets: number[];
  readonly runs: number;
  /** Runs that are said to hold atomic batches. */
  readonly batchRuns: number;
  readonly end: { readonly offset: number; readonly reason: number };
  readonly cost: CountedWindow['cost'];
}

async function walk(bytes: Uint8Array, from = 0): Promise<Walked> {
  const { window, cost } = windowOver(bytes);
  const scan = scanFile(window, from);
  const offsets: number[] = [];
  let batchRuns = 0;
  for (let runs = 0; ; runs++) {
    const next = await scan.next();
    if (next.done === true) return { offsets, runs, batchRuns, end: next.value, cost };
    const { table, count, base, hasBatches } = next.value;
    if (hasBatches) batchRuns++;
    for (let index = 0; index < count; index++) {
      const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
      offsets.push(base + (table[row] ?? 0));
    }
  }
}

function offsetsOf(records: readonly PlainRecord[]): number[] {
  return independentLog(records).placed.map(({ offset }) => offset);
}

describe('every record is found', () => {
  test.each([
    ['none', []],
    ['one', [samplePut(1)]],
    ['many', samplePuts(1000)],
    ['as many as a run holds', samplePuts(RUN_RECORDS_MAX, 1, 0)],
    ['one more than a run holds', samplePuts(RUN_RECORDS_MAX + 1, 1, 0)],
    ['one that fills a window', [putOfSize(1, WINDOW_BYTES), samplePut(2)]],
    ['one a byte larger than a window', [putOfSize(1, WINDOW_BYTES + 1), samplePut(2)]],
    ['ones across the end of a window', [putOfSize(1, WINDOW_BYTES - 20), ...samplePuts(9, 2)]],
    ['one of three windows', [samplePut(1), putOfSize(2, 3 * WINDOW_BYTES), samplePut(3)]],
  ])('%s', async (_, records) => {
    const { bytes } = independentLog(records);
    const { offsets, end } = await walk(bytes);
    expect(offsets).toEqual(offsetsOf(records));
    expect(end).toEqual({ offset: bytes.length, reason: STOP.END });
  });

  test('from an offset on, and from the end none', async () => {
    const { bytes, placed } = independentLog(samplePuts(5));
    const { offsets } = await walk(bytes, placed[2]?.offset);
    expect(offsets).toEqual(placed.slice(2).map(({ offset }) => offset));
    expect((await walk(bytes, bytes.length)).offsets).toEqual([]);
  });

  test('a run holds no more than it may, and takes what it can', async () => {
    expect((await walk(independentLog(samplePuts(RUN_RECORDS_MAX, 1, 0)).bytes)).runs).toBe(1);
    expect((await walk(independentLog(samplePuts(RUN_RECORDS_MAX + 1, 1, 0)).bytes)).runs).toBe(2);
  });
});

describe('where it stops, and why', () => {
  const { bytes, placed } = independentLog(samplePuts(3));
  const last = placed[2]?.offset ?? 0;
  const changed = (at: number, byte: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[last + at] = byte;
    return copy;
  };
  test.each([
    ['a byte too short', bytes.subarray(0, -1), STOP.NEED_MORE],
    ['half a header', bytes.subarray(0, last + 10), STOP.NEED_MORE],
    ['a single byte', bytes.subarray(0, last + 1), STOP.NEED_MORE],
    ['another magic', changed(4, 0), STOP.BAD_MAGIC],
    ['another type', changed(16, 9), STOP.BAD_TYPE],
    ['a delete with a value', changed(16, 2), STOP.DELETE_WITH_VALUE],
    ['a shorter key', changed(AT_KEY_LENGTH, 1), STOP.LENGTH_MISMATCH],
    ['another value', changed(30, 0), STOP.BAD_CRC],
    ['a length beyond the end', changed(1, 1), STOP.NEED_MORE],
  ])('%s', async (_, damaged, reason) => {
    const { offsets, end } = await walk(damaged);
    expect(offsets).toEqual(placed.slice(0, 2).map(({ offset }) => offset));
    expect(end).toEqual({ offset: last, reason });
  });

  test('a header across the end of a window: what it says first', async () => {
    const before = putOfSize(1, WINDOW_BYTES - 6);
    const odd = Buffer.from(independentEncode(samplePut(2)));
    odd.writeUInt32LE(0, 4);
    odd.writeUInt32LE(1, AT_KEY_LENGTH);
    const { offsets, end } = await walk(Buffer.concat([independentEncode(before), odd]));
    expect(offsets).toEqual([0]);
    expect(end).toEqual({ offset: WINDOW_BYTES - 6, reason: STOP.BAD_MAGIC });
  });
});

describe('atomic batches', () => {
  const three = plainBatchValue(puts(3));
  const batch = plainBatchRecord(1n, three);
  const put = independentEncode(samplePut(4));
  const row = (index: number): number => record.TABLE_HEADER + index * record.TABLE_STRIDE;

  test('are found among other records, and the run says so', async () => {
    const log = [batch, put, plainBatchRecord(5n, plainBatchValue(puts(2))), put];
    const bytes = Buffer.concat(log);
    const starts = log.map((_, index) => Buffer.concat(log.slice(0, index)).length);
    const { offsets, end, batchRuns } = await walk(bytes);
    expect(offsets).toEqual(starts);
    expect(end).toEqual({ offset: bytes.length, reason: STOP.END });
    expect(batchRuns).toBe(1);
    expect((await walk(independentLog(samplePuts(3)).bytes)).batchRuns).toBe(0);
  });

  test('one with the right checksum that is none inside ends the log before it', async () => {
    const bad = plainBatchRecord(7n, samplePut(2).value);
    const { offsets, end } = await walk(Buffer.concat([batch, put, bad, put]));
    expect(offsets).toEqual([0, batch.length]);
    expect(end).toEqual({ offset: batch.length + put.length, reason: STOP.BAD_BATCH });
  });

  test('value and sequences of each record of a table', () => {
    // A put may hold what a batch holds.
    const inside = independentEncode({ ...samplePut(9), value: three });
    const bytes = Buffer.concat([put, batch, inside, plainBatchRecord(20n, Buffer.from('odd'))]);
    const table = new Uint32Array(row(4));
    expect(record.scanRecords(bytes, 0, bytes.length, table)).toBe(4);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const found = [0, 1, 2, 3].map((index) => ({
      value: Buffer.from(valueAt(bytes, table, row(index))),
      ...sequencesAt(bytes, view, table, row(index)),
    }));
    expect(found).toEqual([
      { value: samplePut(4).value, first: 4n, last: 4n },
      { value: three, first: 1n, last: 3n },
      { value: three, first: 9n, last: 9n },
      { value: Buffer.from('odd'), first: 20n, last: 20n },
    ]);
  });
});

describe('what a large record may cost', () => {
  const large = (length: number): Buffer => Buffer.from(independentEncode(putOfSize(1, length)));

  test('one whose lengths disagree is never held', async () => {
    const bytes = large(4 * WINDOW_BYTES);
    bytes.writeUInt32LE(bytes.readUInt32LE(21) - 1, 21);
    const { end, cost } = await walk(bytes);
    expect(end).toEqual({ offset: 0, reason: STOP.LENGTH_MISMATCH });
    expect(cost.largestMemory).toBe(WINDOW_BYTES);
  });

  test.each([
    ['up to the bound it is held', HELD_UNCHECKED_BYTES_MAX, HELD_UNCHECKED_BYTES_MAX],
    ['beyond it only once its checksum holds', HELD_UNCHECKED_BYTES_MAX + 1, WINDOW_BYTES],
  ])('with a wrong checksum: %s', async (_, length, memory) => {
    const bytes = large(length);
    bytes[length - 5] = (bytes[length - 5] ?? 0) ^ 1;
    const { end, cost } = await walk(bytes);
    expect(end).toEqual({ offset: 0, reason: STOP.BAD_CRC });
    expect(cost.largestMemory).toBe(memory);
  });

  test('with the right one it is handed out', async () => {
    const { offsets, end } = await walk(large(HELD_UNCHECKED_BYTES_MAX + 1));
    expect(offsets).toEqual([0]);
    expect(end.reason).toBe(STOP.END);
  });
});

describe('told without holding the record', () => {
  const key = Buffer.alloc(WINDOW_BYTES + 7, 'k');
  const plain = {
    sequence: 5n,
    type: 'put',
    key,
    value: Buffer.alloc(2 * WINDOW_BYTES, 'v'),
  } as const;
  const whole = independentEncode(plain);
  const before = Buffer.alloc(3, 9);
  const offset = before.length;
  const valueAt = offset + 25 + key.length;

  const damagedAt = (at: number): Buffer => {
    const bytes = Buffer.concat([before, whole, before]);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };

  test.each([
    ['nothing', 0, true],
    ['the first byte of the sequence', offset + 8, false],
    ['its last', offset + 15, false],
    ['the type', offset + 16, false],
    ['the first byte of the key', offset + 21, false],
    ['its last', valueAt - 5, false],
    ['the first byte of the value', valueAt, false],
    ['its last', offset + whole.length - 5, false],
    ['the first byte of the checksum', offset + whole.length - 4, false],
    ['its last', offset + whole.length - 1, false],
    ['what comes before', 2, true],
    ['what comes after', offset + whole.length, true],
    ['the magic, which it does not cover', offset + 4, true],
  ])('the checksum, with one bit flipped in %s (at %i): %s', async (_, at, holds) => {
    const { window, cost } = windowOver(damagedAt(at));
    expect(await checksumHolds(window, offset)).toBe(holds);
    expect(cost.largestMemory).toBe(WINDOW_BYTES);
  });

  test.each([
    ['nothing', 0, true],
    ['len', offset, false],
    ['the length of the key', offset + AT_KEY_LENGTH, false],
    ['the length of the value', valueAt - 4, false],
    ['the value', valueAt, true],
  ])('the lengths, with one bit flipped in %s', async (_, at, agree) => {
    const { window } = windowOver(damagedAt(at));
    expect(await lengthsAgree(window, offset)).toBe(agree);
  });

  test('a key and no value', async () => {
    const bytes = independentEncode({ ...plain, value: Buffer.alloc(0) });
    expect(await lengthsAgree(windowOver(bytes).window, 0)).toBe(true);
  });

  test.each([1, WINDOW_BYTES])('a key that ends %i bytes behind: by the header', async (by) => {
    const bytes = Buffer.concat([before, whole, Buffer.alloc(3 * WINDOW_BYTES)]);
    bytes.writeUInt32LE(whole.length - 29 + by, offset + AT_KEY_LENGTH);
    const { window, cost } = windowOver(bytes);
    expect(await lengthsAgree(window, offset)).toBe(false);
    expect(cost.read).toBe(WINDOW_BYTES);
  });
});
