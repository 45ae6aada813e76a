// What batches put together is the log: over every write, in every order of filling, taking and
// giving back, with O_DIRECT and without. The memory they take is counted.

import { describe, expect, test } from 'vitest';

import type { Batch } from './batch.js';
import { BatchEncoder, BLOCK_BYTES } from './batch.js';
import { independentEncode, independentLog, type PlainRecord } from './fixtures/independent.js';
import type { IoDriver } from './io/driver.js';
import { TYPE_DELETE, TYPE_PUT } from './record.js';
import { putOfSize, samplePuts } from './test-tools/records.js';

const NONE = new Uint8Array(0);
const MEBIBYTE = 1024 * 1024;

/** Counts the memory it hands out; fills it, as memory that was used before would be. */
class Memories {
  readonly live = new Set<Uint8Array>();
  taken = 0;
  readonly sizes: number[] = [];
  isShort = false;

  readonly driver = {
    memory: (size: number) => {
      if (this.isShort) throw new RangeError('no memory');
      const bytes = new Uint8Array(size).fill(0xee);
      this.live.add(bytes);
      this.taken += 1;
      this.sizes.push(size);
      return { bytes, release: () => expect(this.live.delete(bytes)).toBe(true) };
    },
  } as unknown as IoDriver;
}

/** An encoder, and the file that its batches are written to. */
class Log {
  readonly memories = new Memories();
  readonly encoder: BatchEncoder;
  file: Buffer;
  readonly batches: Batch[] = [];

  constructor(isDirect: boolean, batchSize: number, before: Buffer = Buffer.alloc(0)) {
    const carry = isDirect ? before.subarray(before.length - (before.length % BLOCK_BYTES)) : NONE;
    const position = before.length;
    this.file = Buffer.from(before);
    const options = { batchSize, isDirect, position, carry };
    this.encoder = new BatchEncoder(this.memories.driver, options);
  }

  add(record: PlainRecord, apart = false): number {
    const { sequence, key, value } = record;
    const typeByte = record.type === 'put' ? TYPE_PUT : TYPE_DELETE;
    const fields = { sequence, typeByte, key, value };
    return this.encoder.add(fields, independentEncode(record).length, apart);
  }

  /** Takes a batch and writes it. */
  take(): Batch {
    const batch = this.encoder.take(false);
    const { start, length, position } = batch.job;
    const end = Math.max(this.file.length, position + length);
    this.file = Buffer.concat([this.file, Buffer.alloc(end - this.file.length)]);
    this.file.set(batch.memory.bytes.subarray(start, start + length), position);
    this.batches.push(batch);
    return batch;
  }

  takeAll(): void {
    while (this.encoder.peek() !== undefined) this.take();
  }
}

describe.each([
  ['buffered', false],
  ['O_DIRECT', true],
])('batches, %s', (_, isDirect) => {
  test.each([300, 4096, 10_000])('of %d bytes are the log, to the byte', (batchSize) => {
    const records = Array.from({ length: 120 }, (_one, index) =>
      putOfSize(index + 1, 29 + ((index * 137) % 700)),
    );
    const { bytes, placed } = independentLog(records);
    for (const every of [1, 3, 50, 120]) {
      const log = new Log(isDirect, batchSize);
      for (const [index, record] of records.entries()) {
        expect(log.add(record)).toBe(placed[index]?.offset);
        if (index % every === 0) log.takeAll();
      }
      expect(log.encoder.end).toBe(bytes.length);
      log.takeAll();
      expect(log.encoder.peek()).toBeUndefined();
      expect(log.encoder.hasFull).toBe(false);
      expect(log.file.subarray(0, bytes.length).equals(bytes)).toBe(true);
      expect(log.file.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
      expect(log.batches.every((batch) => isWhole(batch, isDirect))).toBe(true);
      expectSteps(log.batches, bytes.length);
    }
  });

  test('a full one waits for nobody; one that is not full can be taken too', () => {
    const log = new Log(isDirect, 8192);
    log.add(putOfSize(1, 5000));
    expect(log.encoder.hasFull).toBe(false);
    expect(log.encoder.peek()?.used).toBe(5000);
    log.add(putOfSize(2, 5000));
    expect(log.encoder.hasFull).toBe(true);
    const first = log.encoder.peek();
    expect(log.take()).toBe(first);
    expect(first?.end).toBe(isDirect ? 4096 : 5000);
    expect(log.encoder.hasFull).toBe(false);
    expect(log.take().end).toBe(10_000);
  });

  test('a record that is to stand apart ends the batch before it, which is full as it is', () => {
    const log = new Log(isDirect, 65536);
    log.add(putOfSize(1, 5000));
    expect(log.encoder.openBytes).toBe(5000);
    log.add(putOfSize(2, 300), true);
    expect(log.encoder.hasFull).toBe(true);
    // Of a full batch for O_DIRECT, what is behind its last whole block goes into the next.
    expect(log.encoder.openBytes).toBe(isDirect ? 5300 - 4096 : 300);
    expect(log.take().end).toBe(isDirect ? 4096 : 5000);
    expect(log.take().end).toBe(5300);
    expect(log.encoder.peek()).toBeUndefined();
  });

  test('what an earlier batch has submitted is not counted again', () => {
    const log = new Log(isDirect, 65536);
    expect(log.encoder.openBytes).toBe(0);
    log.add(putOfSize(1, 5000));
    expect(log.take().start).toBe(0);
    expect(log.encoder.openBytes).toBe(0);
    log.add(putOfSize(2, 300));
    expect(log.encoder.openBytes).toBe(300);
    expect(log.take().start).toBe(5000);
  });

  test('a record that fills one to the last byte fits', () => {
    const log = new Log(isDirect, 1000);
    log.add(putOfSize(1, 400));
    log.add(putOfSize(2, 600));
    expect(log.encoder.hasFull).toBe(false);
    log.add(putOfSize(3, 29));
    expect(log.take().used).toBe(1000);
  });

  test('a record larger than a batch has one of its own', () => {
    const log = new Log(isDirect, 1000);
    const record = putOfSize(1, 100_000);
    log.add(record);
    log.takeAll();
    expect(log.file.subarray(0, 100_000).equals(independentEncode(record))).toBe(true);
  });

  test('copies what was encoded before', () => {
    const log = new Log(isDirect, 1000);
    const records = samplePuts(3);
    const { bytes } = independentLog(records);
    for (const record of records) {
      const encoded = independentEncode(record);
      log.encoder.add(encoded, encoded.length);
      expect(log.encoder.hasFull).toBe(false);
    }
    log.takeAll();
    expect(log.file.subarray(0, bytes.length).equals(bytes)).toBe(true);
  });

  test('goes on behind a log that is there', () => {
    const { bytes: before } = independentLog(samplePuts(100));
    const more = samplePuts(5, 101);
    const log = new Log(isDirect, 1000, before);
    expect(more.map((record) => log.add(record))[0]).toBe(before.length);
    log.takeAll();
    const { bytes } = independentLog(more);
    expect(log.file.subarray(0, before.length).equals(before)).toBe(true);
    const found = log.file.subarray(before.length, before.length + bytes.length);
    expect(found.equals(bytes)).toBe(true);
    expect(log.batches[0]?.start).toBe(before.length);
  });

  test('the flag of a dsync write reaches its job', () => {
    const log = new Log(isDirect, 1000);
    log.add(putOfSize(1, 100));
    expect(log.encoder.take(true).job).toMatchObject({ dsync: true, start: 0, done: 0 });
  });

  describe('memory', () => {
    test('of finished batches is used again, and given back at the end', () => {
      const log = new Log(isDirect, 1000);
      for (let round = 1; round <= 50; round++) {
        log.add(putOfSize(round, 500));
        log.encoder.recycle(log.take());
      }
      expect(log.memories.taken).toBe(1);
      log.encoder.release();
      expect(log.memories.live.size).toBe(0);
    });

    test('of more than sixteen batches at once is not kept', () => {
      const log = new Log(isDirect, 1000);
      for (let round = 1; round <= 20; round++) {
        log.add(putOfSize(round, 500));
        log.take();
      }
      expect(log.memories.live.size).toBe(20);
      for (const batch of log.batches) log.encoder.recycle(batch);
      expect(log.memories.live.size).toBe(16);
      log.encoder.release();
      expect(log.memories.live.size).toBe(0);
    });

    test('of a larger record is as large, and given back at the end', () => {
      const log = new Log(isDirect, 1000);
      log.add(putOfSize(1, 100_000));
      expect(log.memories.sizes[0]).toBeGreaterThanOrEqual(isDirect ? 104_096 : 100_000);
      log.encoder.recycle(log.take());
      log.encoder.release();
      expect(log.memories.live.size).toBe(0);
    });

    test('is given back when everything encoded is forgotten', () => {
      const log = new Log(isDirect, 1000);
      for (let index = 1; index <= 7; index++) log.add(putOfSize(index, 600));
      expect(log.encoder.hasFull).toBe(true);
      log.encoder.reset(0, NONE);
      expect(log.encoder.peek()).toBeUndefined();
      log.encoder.release();
      expect(log.memories.live.size).toBe(0);
    });
  });

  test('a record that would begin a batch apart stays in the open one where memory is short', () => {
    const log = new Log(isDirect, 1000);
    const records = Array.from({ length: 25 }, (_, index) => putOfSize(index + 1, 500));
    for (const record of records.slice(0, 20)) log.add(record);
    log.takeAll();
    for (const record of records.slice(20, 22)) log.add(record);
    log.memories.isShort = true;
    log.add(records[22] ?? putOfSize(0, 500), true);
    expect(log.encoder.hasFull).toBe(false);
    expect(() => log.add(putOfSize(99, 100_000))).toThrow(RangeError);
    log.memories.isShort = false;
    for (const record of records.slice(23)) log.add(record, true);
    log.takeAll();
    const whole = independentLog(records).bytes;
    expect(log.file.subarray(0, whole.length).equals(whole)).toBe(true);
    expectSteps(log.batches, whole.length);
  });

  test('forgets what was encoded, and goes on where the log was cut', () => {
    const { bytes: before } = independentLog(samplePuts(100));
    const log = new Log(isDirect, 1000, before);
    for (let index = 101; index <= 108; index++) log.add(putOfSize(index, 600));
    const block = before.length - (before.length % BLOCK_BYTES);
    log.encoder.reset(before.length, isDirect ? before.subarray(block) : NONE);
    expect(log.encoder.end).toBe(before.length);
    const record = putOfSize(101, 77);
    expect(log.add(record)).toBe(before.length);
    log.takeAll();
    const whole = Buffer.concat([before, independentEncode(record)]);
    expect(log.file.subarray(0, whole.length).equals(whole)).toBe(true);
    expect(log.batches).toHaveLength(1);
  });

  test('that fill up make the next twice as large, up to sixteen times and a mebibyte', () => {
    const log = new Log(isDirect, 1000);
    for (let index = 1; index <= 400; index++) log.add(putOfSize(index, 500));
    log.takeAll();
    const used = log.batches.map((batch) => batch.used - batch.carried);
    expect(used[0]).toBeLessThanOrEqual(1000);
    expect(Math.max(...used)).toBeGreaterThan(8000);
    expect(Math.max(...used)).toBeLessThanOrEqual(16_000);

    const large = new Log(isDirect, 512 * 1024);
    for (let index = 1; index <= 60; index++) large.add(putOfSize(index, 100_000));
    large.takeAll();
    const sizes = large.batches.map((batch) => batch.used - batch.carried);
    expect(Math.max(...sizes)).toBeGreaterThan(900_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MEBIBYTE);
  });

  test('larger than a mebibyte stay as large as they were asked to be', () => {
    const log = new Log(isDirect, 2 * MEBIBYTE);
    for (let index = 1; index <= 50; index++) log.add(putOfSize(index, 100_000));
    log.takeAll();
    const used = log.batches.map((batch) => batch.used - batch.carried);
    expect(Math.max(...used)).toBeGreaterThan(1_900_000);
    expect(Math.max(...used)).toBeLessThanOrEqual(2 * MEBIBYTE);
  });
});

/** For O_DIRECT, a write is whole blocks; buffered, it is its records. */
function isWhole({ job, used }: Batch, isDirect: boolean): boolean {
  if (!isDirect) return job.length === used;
  return [job.position, job.length].every((one) => one % BLOCK_BYTES === 0) && job.length >= used;
}

/** Each batch begins with news where the one before it ended, and the last ends the log. */
function expectSteps(batches: readonly Batch[], end: number): void {
  let submitted = 0;
  for (const batch of batches) {
    expect(batch.start).toBe(submitted);
    expect(batch.end).toBeGreaterThan(submitted);
    submitted = batch.end;
  }
  expect(submitted).toBe(end);
}
