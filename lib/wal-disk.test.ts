// A log on file systems that are full or read-only, and one that is large.

import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

import { describe, expect, test } from 'vitest';

import { independentEncode } from './fixtures/independent.js';
import { writeManifest } from './manifest.js';
import type { Segment } from './segments.js';
import { newSegment } from './segments.js';
import { openDescriptors } from './test-tools/descriptors.js';
import { forEachDriver } from './test-tools/drivers.js';
import { SMALL_FILE_SYSTEMS, makeReadOnly, mountSmall } from './test-tools/file-systems.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import { newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import { directoryLines, lineOf, put, putLines, puts, readLines } from './test-tools/wals.js';
import { Wal } from './wal.js';

const [KIB, MIB] = [1024, 1024 * 1024];

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 64 * KIB });

  describe.each(SMALL_FILE_SYSTEMS)('a full %s', (kind) => {
    test('rejects, keeps what it acknowledged, and goes on once there is space', async (context) => {
      const point = mountSmall(context, kind, 8 * MIB);
      const directory = join(point, 'log');
      mkdirSync(directory);
      const ballast = join(point, 'ballast');
      const options = { preallocateBytes: 16 * KIB };
      let wal = await open(directory, options);
      await wal.append(put(1, 1000));
      fill(ballast, point);
      // Up to the end of the disk, wherever between segments that is.
      let count = 1;
      let refused = 0;
      while (refused < 3) {
        try {
          await wal.append(put(count + 1, 1000));
          count++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_WAL_WRITE', errno: 'ENOSPC' });
          refused++;
        }
      }
      expect(count).toBeGreaterThan(64);
      expect(await readLines(wal)).toEqual(putLines(count, 1, 1000));
      await wal.close();

      // A full disk can be opened, and a checkpoint makes room in it.
      wal = await open(directory, options);
      expect(await readLines(wal)).toEqual(putLines(count, 1, 1000));
      const { removed, stopped } = await wal.truncateBefore(64n);
      expect([removed, stopped]).toEqual([[1], undefined]);
      rmSync(ballast);
      for (let more = 0; more < 100; more++) await wal.append(put(++count, 1000));
      const lines = await readLines(wal);
      await wal.close();
      expect(directoryLines(directory)).toEqual(lines);
      const first = count - lines.length + 1;
      expect(lines).toEqual(putLines(lines.length, first, 1000));
      expect(first).toBeLessThanOrEqual(64);
      expect(openDescriptors(point)).toEqual([]);
    });
  });

  test('a read-only file system: a new log, an old one, and reading it', async (context) => {
    const point = mountSmall(context, 'ext4', 4 * MIB);
    const directory = join(point, 'log');
    const wal = await open(directory);
    await wal.appendMany(puts(5));
    await wal.close();
    makeReadOnly(point);
    await expectRejection(open(directory), 'ERR_WAL_OPEN', 'EROFS');
    await expectRejection(open(join(point, 'new')), 'ERR_WAL_OPEN', 'EROFS');
    const lines: string[] = [];
    for await (const record of Wal.readDirectory(directory)) lines.push(lineOf(record));
    expect(lines).toEqual(putLines(5));
  });

  test('1 GiB is opened without being read after a clean close', async () => {
    const directory = freshDirectory();
    const driver = newFaultyDriver(name);
    // What a clean close leaves of seventeen full segments, but for their content, which is a hole.
    const segments = Array.from({ length: 17 }, (_, index) => hollowSegment(directory, index));
    await writeManifest(driver, directory, {
      ...{ firstNumber: 1, nextSequence: 17n * HOLLOW_ENTRIES + 1n },
      ...{ sealed: segments.slice(0, -1), active: segments.at(-1), gaps: [] },
    });
    driver.forget();
    const start = performance.now();
    const wal = await open(directory, { driver, maxFileSize: 64 * MIB });
    const tookMs = performance.now() - start;
    const reads = driver.operations.filter(({ kind }) => kind === 'read');
    expect(new Set(reads.map(({ path }) => path))).toEqual(
      new Set([join(directory, 'wal_manifest')]),
    );
    // One look at the size of each; at the last one's end as well, and once more for appends.
    const opens = driver.operations.filter(({ kind, path }) => kind === 'open' && isSegment(path));
    expect(opens.length).toBe(17 + 2);
    const { bytesRecovered } = wal.recovery;
    expect(bytesRecovered).toBeGreaterThan(1024 * MIB);
    expect(wal.recovery).toMatchObject({ bytesRead: 0, segments: 17 });
    expect(wal.recovery.entriesRecovered).toBe(17n * HOLLOW_ENTRIES);
    const size = Math.round(bytesRecovered / MIB);
    console.log(`${name}: a log of ${String(size)} MiB was opened in ${tookMs.toFixed(1)} ms`);
  });

  test('after a crash it reads no more than what was not yet sealed', async () => {
    const directory = freshDirectory();
    const wal = await open(directory);
    await wal.appendMany(puts(300, 1, 1000));
    await wal.close();
    const names = readdirSync(directory).filter((file) => file.endsWith('.log'));
    const last = join(directory, names.at(-1) ?? '');
    const sizes = readFileSync(last).length;
    const more = puts(3, 301, 1000).map((entry, index) =>
      independentEncode({ sequence: BigInt(301 + index), ...entry }),
    );
    writeFileSync(last, Buffer.concat([...more, Buffer.alloc(100, 1)]), { flag: 'a' });
    const driver = newFaultyDriver(name);
    const again = await open(directory, { driver });
    const added = more.reduce((sum, { length }) => sum + length, 0);
    const reads = driver.operations.filter(({ kind, path }) => kind === 'read' && isSegment(path));
    expect(reads.length).toBeGreaterThan(0);
    for (const { path, position, length } of reads) {
      // Aligned as reading past the page cache wants it.
      expect(path).toBe(last);
      expect(position).toBeGreaterThan(sizes - 4096);
      expect(length).toBeLessThanOrEqual(2 * 4096);
    }
    expect(again.recovery).toMatchObject({ bytesRead: added, bytesDiscarded: 100 });
    expect(readFileSync(last).length).toBe(sizes + added);
    expect(await readLines(again)).toEqual(putLines(303, 1, 1000));
  });
});

function isSegment(path: string): boolean {
  return /wal_\d+\.log$/.test(path);
}

/** Leaves some 150 KiB free. */
function fill(path: string, point: string): void {
  const { bsize, bavail } = statfsSync(point);
  writeFileSync(path, Buffer.alloc(bsize * bavail - 150 * KIB, 1));
}

const HOLLOW_ENTRIES = 400_000n;

/** A segment of 64 MiB of which nothing is on disk, with as many index points as it would have. */
function hollowSegment(directory: string, index: number): Segment {
  const segment = newSegment(directory, index + 1);
  const fd = openSync(segment.path, 'w');
  segment.bytes = 64 * MIB;
  ftruncateSync(fd, segment.bytes);
  closeSync(fd);
  segment.first = BigInt(index) * HOLLOW_ENTRIES + 1n;
  segment.last = segment.first + HOLLOW_ENTRIES - 1n;
  for (let point = 1; point < 256; point++) {
    const sequence = segment.first + BigInt(point) * 1500n;
    segment.index.push({ sequence, offset: point * 256 * KIB });
  }
  return segment;
}
