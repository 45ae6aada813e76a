// A real kernel that runs out of room in the middle of a batch, and gets it back: a file size
// limit, a full tmpfs, a full ext4. What was written wholly is acknowledged; the rest rejects; the
// log stays whole and goes on.

import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { PlainRecord } from './fixtures/independent.js';
import { independentLog } from './fixtures/independent.js';
import { forEachDriver } from './test-tools/drivers.js';
import { mountSmall, SMALL_FILE_SYSTEMS } from './test-tools/file-systems.js';
import { expectLog, expectNothingHeld, expectReplay, freshLog } from './test-tools/logs.js';
import type { Outcome } from './test-tools/outcomes.js';
import { outcomesOf } from './test-tools/outcomes.js';
import type { RemoteOutcome } from './test-tools/remote-writer.js';
import { RemoteWriter } from './test-tools/remote-writer.js';
import { UringWalWriter } from './writer.js';
import { entryOf, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection, expectWalError } from './test-tools/rejections.js';

const KIB = 1024;

forEachDriver((driver) => {
  describe('a file size limit', () => {
    const MODES = [
      { sync: false, directIo: false, preallocateBytes: 0 },
      { sync: true, directIo: false, preallocateBytes: 0 },
      { sync: true, directIo: false, preallocateBytes: 128 * KIB },
      { sync: false, directIo: true, preallocateBytes: 0 },
      { sync: true, directIo: true, preallocateBytes: 128 * KIB },
    ];

    test.each(MODES)(
      'cuts a batch in the middle and is lifted: sync $sync, direct $directIo, ahead $preallocateBytes',
      async ({ sync, ...options }) => {
        const path = freshLog();
        const remote = await RemoteWriter.start();
        await remote.open(path, { driver, batchSize: 2000, ...options });
        const kept: PlainRecord[] = [];
        let next = 1;
        const append = async (count: number): Promise<RemoteOutcome[]> => {
          const outcomes = await remote.append(count, { first: next, valueBytes: 100, sync });
          kept.push(...samplePuts(count, next, 100).filter((_, index) => outcomes[index]?.ok));
          next += count;
          return outcomes;
        };
        expect((await append(20)).every(({ ok }) => ok)).toBe(true);

        // Limits inside a record and exactly at the end of one; for O_DIRECT at the end of a block
        // and inside one, where Linux writes what fits in whole blocks and then refuses the rest.
        const { length: full } = independentLog(kept).bytes;
        const inBlock = options.directIo ? [4096 * 2 - (full % 4096), 1111] : [1000, 137];
        for (const beyond of inBlock) {
          const { length: start } = independentLog(kept).bytes;
          const limit = start + beyond;
          remote.limitFileSize(limit);
          const cut = await append(40);
          const count = cut.filter(({ ok }) => ok).length;
          expectRejectedTail(cut, count, start, limit % 512 === 0 ? 'EFBIG' : /EFBIG|EINVAL/);
          const { length: end } = independentLog(kept).bytes;
          const whole = wholeBelow(samplePuts(40, next - 40, 100), beyond);
          if (limit % 4096 === 0 || !options.directIo) expect(end).toBe(start + whole);
          expect(end).toBeLessThanOrEqual(limit);
          expect(readFileSync(path).subarray(0, end).equals(independentLog(kept).bytes)).toBe(true);
          await expectReplay(path, kept, { driver });

          // Still limited: fails again, and leaves the log as it is.
          const still = await append(3);
          expect(still[2]?.ok).toBe(false);
          await remote.flush();
          remote.limitFileSize('unlimited');
          expect((await append(30)).every(({ ok }) => ok)).toBe(true);
        }
        await remote.flush();
        await remote.close();
        expectLog(path, kept);
        expect((await expectReplay(path, kept, { driver }))?.kind).toBe('clean');
        await remote.open(path, { driver });
        await remote.close();
        expectLog(path, kept);
      },
    );
  });

  describe.each(SMALL_FILE_SYSTEMS)('a full %s', (kind) => {
    test.for([
      { sync: false, directIo: false },
      { sync: true, directIo: false },
      { sync: true, directIo: true },
    ])(
      'that gets space back: sync $sync, direct $directIo',
      async ({ sync, directIo }, context) => {
        const point = mountSmall(context, kind, kind === 'ext4' ? 8192 * KIB : 1024 * KIB);
        const [path, filler] = [join(point, 'test.wal'), join(point, 'filler')] as const;
        const options = { driver, batchSize: 16 * KIB, directIo, preallocateBytes: 64 * KIB };
        const writer = await UringWalWriter.open(path, options);
        const kept: PlainRecord[] = [];
        let next = 1;
        const append = async (count: number): Promise<Outcome[]> => {
          const records = samplePuts(count, next, 1000);
          next += count;
          const appends = records.map((record) => writer.append(entryOf(record), { sync }));
          const outcomes = await outcomesOf(appends);
          kept.push(...records.filter((_, index) => outcomes[index]?.ok));
          return outcomes;
        };
        await append(50);
        for (let round = 0; round < 3; round++) {
          fillUp(filler, 100 * KIB);
          const start = independentLog(kept).bytes.length;
          let outcomes = await append(60);
          for (let more = 0; more < 10 && outcomes.every(({ ok }) => ok); more++) {
            outcomes = await append(60);
          }
          expect(
            outcomes.some(({ ok }) => !ok),
            'the file system is full',
          ).toBe(true);
          const from = kept.length - outcomes.filter(({ ok }) => ok).length;
          const offset = independentLog(kept.slice(0, from)).bytes.length;
          expectRejectedTail(outcomes, kept.length - from, offset, 'ENOSPC');
          expect(offset).toBeGreaterThanOrEqual(start);
          await expectReplay(path, kept, { driver });

          rmSync(filler);
          expect((await append(30)).every(({ ok }) => ok)).toBe(true);
          await writer.flush();
          rmSync(filler, { force: true });
        }
        expect(writer.stats().trims).toBeGreaterThanOrEqual(3);
        await writer.close();
        expectLog(path, kept);
        expectNothingHeld(path, kind === 'ext4' ? ['lost+found', 'test.wal'] : ['test.wal']);
        expect((await expectReplay(path, kept, { driver }))?.kind).toBe('clean');
      },
    );

    test('no room for the log at all, then room', async (context) => {
      const point = mountSmall(context, kind, kind === 'ext4' ? 8192 * KIB : 1024 * KIB);
      const [path, filler] = [join(point, 'test.wal'), join(point, 'filler')] as const;
      fillUp(filler, 0);
      const names = kind === 'ext4' ? ['filler', 'lost+found'] : ['filler'];
      await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_OPEN', 'ENOSPC');
      expectNothingHeld(path, names);
      rmSync(filler);
      const writer = await UringWalWriter.open(path, { driver });
      await writer.append(entryOf(samplePut(1)), { sync: true });
      await writer.close();
      expectLog(path, [samplePut(1)]);
    });
  });
});

/** Expects `count` acknowledged in front, all else rejected with errno and offset, in order. */
function expectRejectedTail(
  outcomes: readonly (Outcome | RemoteOutcome)[],
  count: number,
  start: number,
  errno: string | RegExp,
): void {
  let offset = start;
  for (const [index, outcome] of outcomes.entries()) {
    expect(outcome.ok, `record ${String(index)} of ${String(count)} acknowledged`).toBe(
      index < count,
    );
    if (outcome.ok) {
      expect(outcome.position.offset).toBe(offset);
      offset += outcome.position.length;
    } else {
      const { error } = outcome;
      const facts = error instanceof Error ? expectWalError(error, 'ERR_WAL_WRITE') : error;
      expect(facts).toMatchObject({
        code: 'ERR_WAL_WRITE',
        errno: expect.stringMatching(errno) as string,
      });
      const { offset: told } = facts as { offset?: number };
      // The one that did not fit tells where it would have stood.
      if (index === count) expect(told).toBe(offset);
    }
  }
}

/** Bytes of the records that fit below `limit` as a whole. */
function wholeBelow(records: readonly PlainRecord[], limit: number): number {
  const { placed } = independentLog(records);
  return Math.max(0, ...placed.map((r) => r.offset + r.length).filter((end) => end <= limit));
}

/** Takes all space of a file system but about `leave` bytes. */
function fillUp(path: string, leave: number): void {
  const fd = openSync(path, 'w');
  try {
    for (const length of [64 * KIB, 4 * KIB, 512]) writeUntilFull(fd, Buffer.alloc(length, 1));
    if (leave > 0) ftruncateSync(fd, Math.max(0, fstatSync(fd).size - leave));
    else fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeUntilFull(fd: number, piece: Buffer): void {
  try {
    while (writeSync(fd, piece) > 0);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
}
