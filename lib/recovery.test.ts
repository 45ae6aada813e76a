// Where a log ends, and what opening makes of it: torn tails, zeros, tears. Every damaged file is
// built with the independent implementation; what must be found is known from how it was damaged.

import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { PlainRecord } from './fixtures/independent.js';
import { independentEncode, independentLog } from './fixtures/independent.js';
import {
  expectCorrupt,
  expectCut,
  expectRead,
  flipBit,
  NEW,
  reopen,
  SECTOR,
} from './test-tools/damage.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { fail, FaultyDriver, Gate, short } from './test-tools/faulty-driver.js';
import { appendAll, expectLog, expectReplay, freshLog, readLog } from './test-tools/logs.js';
import { putOfSize, sampleBytes, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection } from './test-tools/rejections.js';
import { UringWalWriter } from './writer.js';

const MIB = 1024 * 1024;

forEachDriver((driver) => {
  describe('a torn tail', () => {
    test('at every byte of the last record', async () => {
      const kept = samplePuts(5);
      const last = independentEncode(samplePut(6, 40));
      const path = freshLog();
      for (let bytes = 1; bytes < last.length; bytes++) {
        const whole = independentLog(kept).bytes;
        writeFileSync(path, Buffer.concat([whole, last.subarray(0, bytes)]));
        const { quarantine } = await expectCut(path, kept, 'torn', { driver });
        expect(quarantine).toBeUndefined();
      }
    });

    test('of the only record leaves an empty log', async () => {
      const path = freshLog();
      for (const bytes of [1, 3, 4, 8, 17, 28]) {
        writeFileSync(path, independentEncode(samplePut(1)).subarray(0, bytes));
        await expectCut(path, [], 'torn', { driver });
      }
    });

    test.each([{ directIo: false }, { directIo: true }])(
      'at every 512-byte boundary of the last batch, cut or zero: direct $directIo',
      async ({ directIo }) => {
        const path = freshLog();
        const kept = samplePuts(7);
        const batch = [...samplePuts(40, 8, 150), putOfSize(48, 1500), ...samplePuts(3, 49)];
        const { bytes, placed } = independentLog([...kept, ...batch]);
        const start = independentLog(kept).bytes.length;
        for (let cut = start - (start % SECTOR) + SECTOR; cut < bytes.length; cut += SECTOR) {
          const whole = placed.filter((record) => record.offset + record.length <= cut);
          const isWhole = placed.some((record) => record.offset + record.length === cut);
          writeFileSync(path, bytes.subarray(0, cut));
          await expectCut(path, whole, isWhole ? 'clean' : 'torn', { driver, directIo });
          // The file size became durable, the sectors from the cut on did not.
          const zeroed = Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(bytes.length - cut)]);
          writeFileSync(path, zeroed);
          await expectCut(path, whole, isWhole ? 'clean' : 'torn', { driver, directIo });
        }
      },
    );

    test('of a large record whose value holds whole records: no followers, but kept', async () => {
      const inner = independentLog(samplePuts(20, 100)).bytes;
      const outer: PlainRecord = {
        ...samplePut(3),
        value: Buffer.concat([inner, sampleBytes(1, 900)]),
      };
      const { bytes } = independentLog([...samplePuts(2), outer]);
      for (const missing of [1, 500, 901, 1200]) {
        const path = freshLog();
        writeFileSync(path, bytes.subarray(0, bytes.length - missing));
        const { quarantine } = await expectCut(path, samplePuts(2), 'torn', { driver });
        // A record that claims too much would hide them just so.
        expect(quarantine).toBeDefined();
      }
    });

    test('of garbage, of any length, without a whole record in it', async () => {
      const path = freshLog();
      const { bytes } = independentLog(samplePuts(3));
      for (const length of [1, 2, 3, 4, 5, 7, 8, 16, 21, 28, 29, 30, 511, 512, 513, 5000]) {
        writeFileSync(path, Buffer.concat([bytes, sampleBytes(length, length)]));
        await expectCut(path, samplePuts(3), 'torn', { driver });
      }
    });
  });

  describe('zeros behind the last record', () => {
    test('of every length up to a sector are a clean end', async () => {
      const path = freshLog();
      const kept = samplePuts(3);
      const { bytes } = independentLog(kept);
      for (let zeros = 1; zeros <= SECTOR; zeros++) {
        writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(zeros)]));
        await expectRead(path, kept, 'clean', driver);
        // Opening is slower than reading, and its judgement the same.
        const isOpened = zeros <= 8 || zeros % 37 === 0 || zeros >= SECTOR - 1;
        if (isOpened) await expectCut(path, kept, 'clean', { driver });
      }
    });

    test.each([513, 4096, 65_536, 3 * 1024 * 1024 + 1])('%i of them, too', async (zeros) => {
      const path = freshLog();
      writeFileSync(
        path,
        Buffer.concat([independentLog(samplePuts(3)).bytes, Buffer.alloc(zeros)]),
      );
      await expectCut(path, samplePuts(3), 'clean', { driver });
    });

    test('and nothing else: an empty log', async () => {
      const path = freshLog();
      for (const zeros of [1, 28, 29, 512, 5000]) {
        writeFileSync(path, Buffer.alloc(zeros));
        await expectCut(path, [], 'clean', { driver });
      }
    });
  });

  describe('a tear: sectors that never landed, whole records behind them', () => {
    /** A log of small records with the sectors `from` … `to` - 1 zeroed. */
    function torn(from: number, to: number): { bytes: Buffer; kept: readonly PlainRecord[] } {
      const { bytes, placed } = independentLog(samplePuts(60, 1, 100));
      bytes.fill(0, from * SECTOR, to * SECTOR);
      return { bytes, kept: placed.filter((r) => r.offset + r.length <= from * SECTOR) };
    }

    test.each([
      [0, 1],
      [1, 2],
      [3, 4],
      [2, 7],
      [8, 9],
    ])('sectors %i to %i: cut, and kept aside to the byte', async (from, to) => {
      const path = freshLog();
      const { bytes, kept } = torn(from, to);
      writeFileSync(path, bytes);
      const recovery = await expectCut(path, kept, 'tear', { driver });
      const offset = independentLog(kept).bytes.length;
      expect(recovery.quarantine).toBe(`${path}.discarded-${String(offset)}`);
      expect(recovery.end.next).toBeGreaterThanOrEqual(to * SECTOR);
    });

    test('a copy is never overwritten', async () => {
      const path = freshLog();
      const { bytes, kept } = torn(3, 4);
      const offset = independentLog(kept).bytes.length;
      const copies: Buffer[] = [];
      for (let copy = 0; copy < 4; copy++) {
        const damaged = Buffer.concat([bytes, independentEncode(samplePut(1000 + copy))]);
        writeFileSync(path, damaged);
        const { quarantine } = await reopen(path, { driver });
        const name = `${basename(path)}.discarded-${String(offset)}`;
        expect(quarantine).toBe(join(dirname(path), copy === 0 ? name : `${name}-${String(copy)}`));
        copies.push(damaged.subarray(offset));
        const files = readdirSync(dirname(path)).filter((file) => file.startsWith(name));
        expect(files.length).toBe(copy + 1);
      }
      for (const [index, copy] of copies.entries()) {
        const name = index === 0 ? '' : `-${String(index)}`;
        expect(readFileSync(`${path}.discarded-${String(offset)}${name}`).equals(copy)).toBe(true);
      }
    });

    test('a gap of zeros shorter than a sector is a tear as well, never silent', async () => {
      const path = freshLog();
      const { bytes, placed } = independentLog(samplePuts(5));
      const { offset, length } = placed[2] ?? { offset: 0, length: 0 };
      bytes.fill(0, offset, offset + length);
      writeFileSync(path, bytes);
      await expectCut(path, samplePuts(2), 'tear', { driver });
    });

    test('damage in a record with a sector of zeros inside is quarantined, not lost', async () => {
      const path = freshLog();
      const zeros: PlainRecord = { ...samplePut(3), value: Buffer.alloc(3 * SECTOR) };
      const { bytes, placed } = independentLog([...samplePuts(2), zeros, ...samplePuts(2, 4)]);
      writeFileSync(path, flipBit(bytes, ((placed[2]?.offset ?? 0) + 9) * 8));
      const { quarantine } = await expectCut(path, samplePuts(2), 'tear', { driver });
      expect(quarantine).toBeDefined();
    });

    describe('when the copy cannot be kept, nothing is cut', () => {
      const STEPS = ['open', 'write', 'sync', 'syncDirectory', 'read'] as const;

      test.each(STEPS)('%s fails', async (kind) => {
        const path = freshLog();
        const { bytes, kept } = torn(3, 4);
        writeFileSync(path, bytes);
        const faults = new FaultyDriver(newDriver(driver));
        onTestFinished(() => faults.close());
        const ofCopy = kind === 'open' || kind === 'write' || kind === 'sync';
        faults.next(kind, fail('ENOSPC'), 1, (operation) =>
          ofCopy ? operation.path !== path : true,
        );
        const code = kind === 'read' ? 'ERR_WAL_READ' : 'ERR_WAL_OPEN';
        const error = await expectRejection(
          UringWalWriter.open(path, { driver: faults }),
          code,
          'ENOSPC',
        );
        expect(error.path).toBe(path);
        expect(readFileSync(path).equals(bytes)).toBe(true);
        expect(faults.count('truncate')).toBe(0);
        const left = readdirSync(dirname(path)).filter((name) => name !== basename(path));
        expect(left, 'who tries again and again fills no disk').toEqual([]);
        const writer = await UringWalWriter.open(path, { driver: faults });
        expect(writer.recovery).toMatchObject({ records: kept.length, end: { kind: 'tear' } });
        const end = independentLog(kept).bytes.length;
        expect(readFileSync(writer.recovery.quarantine ?? '').equals(bytes.subarray(end))).toBe(
          true,
        );
        await writer.close();
        expectLog(path, kept);
      });

      test('short and interrupted writes of the copy are completed', async () => {
        const path = freshLog();
        const { bytes, kept } = torn(3, 4);
        writeFileSync(path, bytes);
        const faults = new FaultyDriver(newDriver(driver));
        onTestFinished(() => faults.close());
        faults.next('write', short(100));
        faults.next('write', fail('EINTR'));
        const writer = await UringWalWriter.open(path, { driver: faults });
        const end = independentLog(kept).bytes.length;
        expect(readFileSync(writer.recovery.quarantine ?? '').equals(bytes.subarray(end))).toBe(
          true,
        );
        await writer.close();
      });
    });
  });

  describe("recovery: 'trim'", () => {
    test('cuts at the damage and keeps all that was cut', async () => {
      const path = freshLog();
      const { bytes, placed } = independentLog(samplePuts(9));
      const { offset } = placed[4] ?? { offset: 0 };
      const damaged = flipBit(bytes, (offset + 25) * 8);
      writeFileSync(path, damaged);
      await expectCorrupt(path, offset, placed[5]?.offset, { driver });
      const recovery = await expectCut(path, samplePuts(4), 'corrupt', {
        driver,
        recovery: 'trim',
      });
      expect(recovery.quarantine).toBe(`${path}.discarded-${String(offset)}`);
      expect(recovery.end.next).toBe(placed[5]?.offset);
    });

    test('does nothing else to a whole, a torn, an empty log', async () => {
      const path = freshLog();
      const { bytes } = independentLog(samplePuts(3));
      for (const [content, kind] of [
        [bytes, 'clean'],
        [Buffer.concat([bytes, Buffer.from('torn')]), 'torn'],
      ] as const) {
        writeFileSync(path, content);
        const { quarantine } = await expectCut(path, samplePuts(3), kind, {
          driver,
          recovery: 'trim',
        });
        expect(quarantine).toBeUndefined();
      }
    });
  });

  test('recovering twice finds a clean log the second time', async () => {
    const path = freshLog();
    writeFileSync(path, Buffer.concat([independentLog(samplePuts(3)).bytes, sampleBytes(1, 99)]));
    const first = await UringWalWriter.open(path, { driver });
    await first.close();
    expect(first.recovery).toMatchObject({ records: 3, trimmedBytes: 99 });
    const second = await UringWalWriter.open(path, { driver });
    await second.close();
    expect(second.recovery).toMatchObject({ records: 3, trimmedBytes: 0, end: { kind: 'clean' } });
    expectLog(path, samplePuts(3));
  });

  test.each([
    ['a small log', samplePuts(3)],
    [
      'one that is read in parts',
      Array.from({ length: 25 }, (_, at) => putOfSize(at + 1, 100_000)),
    ],
  ])('reads past the page cache, and makes what it keeps durable: %s', async (_what, records) => {
    const path = freshLog();
    writeFileSync(path, Buffer.concat([independentLog(records).bytes, sampleBytes(1, 99)]));
    const faults = new FaultyDriver(newDriver(driver));
    onTestFinished(() => faults.close());
    const writer = await UringWalWriter.open(path, { driver: faults });
    expect(writer.recovery.cacheTrusted).toBe(false);
    const reads = faults.operations.filter(({ kind }) => kind === 'read');
    expect(reads.length).toBeGreaterThan(0);
    expect(reads.every(({ pastCache }) => pastCache)).toBe(true);
    const steps = faults.operations.map(({ kind }) => kind).filter((kind) => kind !== 'read');
    expect(steps).toEqual(['lock', 'open', 'size', 'truncate', 'sync', 'syncDirectory']);
    await writer.close();
  });

  test('nothing is being read any more when it cuts', async () => {
    const path = freshLog();
    const whole = independentLog(samplePuts(3)).bytes;
    // One part, and a few bytes of the next: the end is judged without them.
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(MIB + 10 - whole.length, 0x5a)]));
    const faults = new FaultyDriver(newDriver(driver));
    onTestFinished(() => faults.close());
    const late = new Gate();
    faults.next('read', late.fault, 1, ({ position }) => position !== 0);
    const opening = UringWalWriter.open(path, { driver: faults });
    await late.reached;
    await delay(30);
    const isCut = (): boolean => faults.operations.some(({ kind }) => kind === 'truncate');
    expect(isCut()).toBe(false);
    late.open();
    const writer = await opening;
    expect(isCut()).toBe(true);
    await writer.close();
  });

  test('says so where it had to trust the page cache', async () => {
    const path = freshLog();
    writeFileSync(path, independentLog(samplePuts(3)).bytes);
    const faults = new FaultyDriver(newDriver(driver), { hidePastCache: true });
    onTestFinished(() => faults.close());
    const writer = await UringWalWriter.open(path, { driver: faults });
    expect(writer.recovery).toMatchObject({ cacheTrusted: true, records: 3 });
    expect(faults.operations.every(({ pastCache }) => !pastCache)).toBe(true);
    await writer.close();
  });

  test('a log that other programs append to is none of ours, but is read as far as it is whole', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver });
    await appendAll(writer, samplePuts(3));
    await writer.close();
    appendFileSync(path, independentEncode(samplePut(4)));
    appendFileSync(path, 'a line of text\n');
    await expectCut(path, samplePuts(4), 'torn', { driver });
    await expectReplay(path, [...samplePuts(4), NEW], { driver });
  });

  test('a log of many megabytes, with records of all sizes across the read windows', async () => {
    const path = freshLog();
    const sizes = [29, 100_000, 1_048_576, 31, 2_000_000, 4096, 1_048_575, 29, 700_000, 3_000_000];
    const records = sizes.map((size, index) => putOfSize(index + 1, size));
    const { bytes } = independentLog(records);
    writeFileSync(
      path,
      Buffer.concat([bytes, independentEncode(putOfSize(11, 50)).subarray(0, 40)]),
    );
    const { end } = await readLog(path, { driver });
    expect(end).toMatchObject({ kind: 'torn', offset: bytes.length });
    const recovery = await reopen(path, { driver });
    expect(recovery).toMatchObject({
      records: sizes.length,
      bytes: bytes.length,
      trimmedBytes: 40,
    });
    expectLog(path, [...records, NEW]);
  });
});
