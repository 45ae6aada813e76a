// Reading a log's directory from outside, beside a writer of this or another process or none: what
// is handed out, what ends it, what is damage, and what it asks of the driver.

import {
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { openDescriptors } from './test-tools/descriptors.js';
import { forEachDriver } from './test-tools/drivers.js';
import { freshDirectory, readLog } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection } from './test-tools/rejections.js';
import {
  fillFiveSegments,
  fiveSegments,
  newFaultyDriver,
  walOpener,
} from './test-tools/wal-set-up.js';
import {
  copyOf,
  lineOf,
  linesOf,
  putLines,
  puts,
  segmentPath,
  writeSegment,
} from './test-tools/wals.js';
import { Wal } from './wal.js';

const KIB = 1024;

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 4 * KIB });

  test('a directory that nobody writes to, from and to, with and without its manifest', async () => {
    const directory = freshDirectory();
    const wal = await open(directory);
    await wal.appendMany(puts(20, 1, 500));
    await wal.appendBatch(puts(4, 21));
    await wal.close();
    const lines = [...putLines(20, 1, 500), ...putLines(4, 21)];
    const before = readdirSync(directory);
    for (const hasManifest of [true, false]) {
      if (!hasManifest) rmSync(join(directory, 'wal_manifest'));
      const read = (from: number, to: number): Promise<string[]> =>
        linesOf(Wal.readDirectory(directory, { from, to, driver: name }));
      expect(await linesOf(Wal.readDirectory(directory, { driver: name }))).toEqual(lines);
      expect(await read(15, 22)).toEqual(lines.slice(14, 22));
      expect(await read(23, 100)).toEqual(lines.slice(22));
      expect(await read(25, 100)).toEqual([]);
    }
    expect(readdirSync(directory)).toEqual(before.filter((file) => file !== 'wal_manifest'));
    expect(openDescriptors(directory)).toEqual([]);
  });

  test('beside a writer: what is written so far, and what comes meanwhile', async () => {
    const directory = freshDirectory();
    const wal = await open(directory, { sync: 'manual' });
    expect(await linesOf(Wal.readDirectory(directory))).toEqual([]);
    await wal.appendMany(puts(20, 1, 300));
    expect(await linesOf(Wal.readDirectory(directory))).toEqual(putLines(20, 1, 300));
    const reader = Wal.readDirectory(directory);
    for (let count = 0; count < 5; count++) await reader.next();
    await wal.appendMany(puts(60, 21, 300));
    // It comes to an end, however much is written while it reads.
    const rest = await linesOf(reader);
    expect(rest).toEqual(putLines(rest.length, 6, 300));
    expect(rest.length).toBeGreaterThanOrEqual(15);
    expect(rest.length).toBeLessThan(75);
    // The reader of single files works on a segment as well.
    const { records, end } = await readLog(join(directory, 'wal_00000001.log'));
    expect(records.map(lineOf)).toEqual(putLines(records.length, 1, 300));
    expect(end?.kind).toBe('clean');
  });

  test('a checkpoint that overtakes it is told', async () => {
    const directory = freshDirectory();
    const wal = await open(directory);
    await wal.appendMany(puts(40, 1, 500));
    const reader = Wal.readDirectory(directory);
    await reader.next();
    await wal.truncateBefore(30n);
    expect(await linesOf(Wal.readDirectory(directory))).toEqual(putLines(12, 29, 500));
    const error = await rejectionOf(linesOf(reader));
    expect(error).toMatchObject({ name: 'WalError' });
  });

  test('damage in the middle is told; a torn tail ends it', async () => {
    const directory = freshDirectory();
    writeSegment(directory, 1, 1, 10);
    const path = writeSegment(directory, 2, 11, 10);
    const last = writeSegment(directory, 3, 21, 10);
    writeFileSync(last, readFileSync(last).subarray(0, -1));
    expect(await linesOf(Wal.readDirectory(directory))).toEqual(putLines(29));
    const whole = copyOf(directory);
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const torn = await expectRejection(linesOf(Wal.readDirectory(directory)), 'ERR_WAL_CORRUPT');
    expect(torn).toMatchObject({ path, offset: 67 * 9 });
    rmSync(path);
    await expectRejection(linesOf(Wal.readDirectory(directory)), 'ERR_WAL_CORRUPT');
    const flipped = join(whole, 'wal_00000003.log');
    const bytes = readFileSync(flipped);
    bytes.writeUInt8(0, 40);
    writeFileSync(flipped, bytes);
    const corrupt = await expectRejection(linesOf(Wal.readDirectory(whole)), 'ERR_WAL_CORRUPT');
    expect(corrupt).toMatchObject({ path: flipped, offset: 0 });
  });

  test('what a salvage could not keep is no damage any more', async () => {
    const directory = freshDirectory();
    for (const number of [1, 2, 3]) writeSegment(directory, number, number * 10 - 9, 10);
    rmSync(join(directory, 'wal_00000002.log'));
    const wal = await open(directory, { recovery: 'salvage' });
    expect(await linesOf(Wal.readDirectory(directory))).toEqual([
      ...putLines(10),
      ...putLines(10, 21),
    ]);
    await wal.close();
  });

  test('misuse, a missing directory and a signal', async () => {
    const directory = freshDirectory();
    await expectRejection(linesOf(Wal.readDirectory(join(directory, 'no'))), 'ERR_WAL_READ');
    const bad = linesOf(Wal.readDirectory(directory, { from: -1 }));
    expect(await rejectionOf(bad)).toBeInstanceOf(RangeError);
    writeSegment(directory, 1, 1, 10);
    const signal = AbortSignal.abort('enough');
    const aborted = linesOf(Wal.readDirectory(directory, { signal }));
    expect(await rejectionOf(aborted)).toBe('enough');
    const early = Wal.readDirectory(directory);
    await early.next();
    await early.return();
    expect(openDescriptors(directory)).toEqual([]);
  });

  test('reads the manifest and the listing once, however many segments there are', async () => {
    for (const count of [1, 5, 25]) {
      const directory = freshDirectory();
      for (let number = 1; number <= count; number++) {
        writeSegment(directory, number, number * 3 - 2, 3);
      }
      const wal = await open(directory);
      await wal.close();
      const driver = newFaultyDriver(name);
      expect(await linesOf(Wal.readDirectory(directory, { driver }))).toEqual(putLines(count * 3));
      const opened = driver.operations.filter(({ kind }) => kind === 'open');
      const manifests = opened.filter(({ path }) => path.endsWith('wal_manifest'));
      expect([driver.count('list'), manifests.length]).toEqual([1, 1]);
      // A look at whether the next has a record, and reading it.
      expect(opened.length - 1).toBe(2 * count - 1);
    }
  });

  test('where sequences do not follow, reads the manifest again: a salvage may have come', async () => {
    const directory = await fiveSegments(name);
    const path = segmentPath(directory, 3);
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const driver = newFaultyDriver(name);
    const manifests = (): number =>
      driver.operations.filter(
        ({ kind, path: opened }) => kind === 'open' && opened.endsWith('wal_manifest'),
      ).length;
    const reader = Wal.readDirectory(directory, { driver });
    for (let count = 0; count < 3; count++) await reader.next();
    const salvaged = await open(directory, { recovery: 'salvage' });
    await salvaged.close();
    const rest = [...putLines(17, 4, 500), ...putLines(14, 22, 500)];
    expect(await linesOf(reader)).toEqual(rest);
    expect(manifests()).toBe(2);
    expect(await linesOf(Wal.readDirectory(directory, { driver }))).toEqual([
      ...putLines(3, 1, 500),
      ...rest,
    ]);
    expect(manifests()).toBe(3);
  });

  test.each(['empty', 'zeros', 'torn at its first record', 'missing'])(
    'a segment that is %s, and others follow: damage, with and without a manifest',
    async (what) => {
      for (const [number, hasManifest] of [
        [1, true],
        [1, false],
        [3, true],
        [3, false],
        [4, true],
      ] as const) {
        const directory = await fiveSegments(name);
        const path = segmentPath(directory, number);
        const size = readFileSync(path).length;
        if (!hasManifest) rmSync(join(directory, 'wal_manifest'));
        // Nobody can tell that there was a first one, but its manifest.
        if (what === 'missing' && number === 1 && !hasManifest) continue;
        if (what === 'missing') rmSync(path);
        else truncateSync(path, what.startsWith('torn') ? 10 : 0);
        if (what === 'zeros') truncateSync(path, size);
        const seen: string[] = [];
        const error = await rejectionOf(
          (async () => {
            for await (const record of Wal.readDirectory(directory)) seen.push(lineOf(record));
          })(),
        );
        expect(error, `${what}, ${path}`).toMatchObject({ code: 'ERR_WAL_CORRUPT' });
        const isNamed = what !== 'missing' || number === 1;
        if (isNamed) expect(error).toMatchObject({ path });
        expect(seen).toEqual(putLines((number - 1) * 7, 1, 500));
      }
    },
  );

  test('the last segment may be a spare; two of them are no damage either', async () => {
    const directory = await fiveSegments(name);
    for (const number of [6, 7]) writeFileSync(segmentPath(directory, number), Buffer.alloc(9000));
    expect(await linesOf(Wal.readDirectory(directory))).toEqual(putLines(35, 1, 500));
  });

  test.each(['missing', 'empty', 'a record short', 'a byte short'])(
    'a last segment that is %s, and the manifest knows of more: damage',
    async (what) => {
      const directory = await fiveSegments(name);
      const path = segmentPath(directory, 5);
      const size = readFileSync(path).length;
      const left = { 'a record short': size - size / 7, 'a byte short': size - 1 }[what] ?? 0;
      if (what === 'missing') rmSync(path);
      else truncateSync(path, left);
      for (const from of [0n, 33n, 100n]) {
        const read = linesOf(Wal.readDirectory(directory, { from }));
        const { message } = await expectRejection(read, 'ERR_WAL_CORRUPT');
        expect(message).toContain('and 35 was there');
      }
      // Who wants no more than there is gets it.
      const some = Wal.readDirectory(directory, { from: 20n, to: 27n });
      expect(await linesOf(some)).toEqual(putLines(8, 20, 500));
    },
  );

  test('a checkpoint that removes what was read already does not disturb it', async () => {
    const directory = freshDirectory();
    const wal = await open(directory);
    await fillFiveSegments(wal);
    const reader = Wal.readDirectory(directory);
    for (let count = 0; count < 7; count++) await reader.next();
    expect((await wal.truncateBefore(8n)).removed).toEqual([1]);
    expect(await linesOf(reader)).toEqual(putLines(28, 8, 500));
    expect(openDescriptors(directory).filter((path) => path.includes('wal_00000001'))).toEqual([]);
  });

  test('a cut meanwhile ends it where the log ends now', async () => {
    const directory = await fiveSegments(name);
    const wal = await open(directory);
    const reader = Wal.readDirectory(directory);
    for (let count = 0; count < 3; count++) await reader.next();
    await wal.truncateAfter(9n);
    expect(await linesOf(reader)).toEqual(putLines(6, 4, 500));
  });

  test('a spare that is gone when it is looked at ends it', async () => {
    const directory = freshDirectory();
    const wal = await open(directory);
    await wal.appendMany(puts(12, 1, 500));
    const spare = segmentPath(directory, 3);
    await expect.poll(() => existsSync(spare)).toBe(true);
    const reader = Wal.readDirectory(directory);
    await reader.next();
    await wal.close();
    expect(existsSync(spare)).toBe(false);
    expect(await linesOf(reader)).toEqual(putLines(11, 2, 500));
  });

  test('a record that is half written when it is read is read again', async () => {
    const directory = freshDirectory();
    const path = writeSegment(directory, 1, 11, 10);
    const good = readFileSync(path);
    const half = Buffer.from(good);
    half.fill(1, 67 * 4 + 30, 67 * 5);
    writeFileSync(path, half);
    expect(await rejectionOf(linesOf(Wal.readDirectory(directory)))).toMatchObject({
      code: 'ERR_WAL_CORRUPT',
      offset: 67 * 4,
    });
    const driver = newFaultyDriver(name);
    driver.next('read', async (operation) => {
      const count = await operation.perform();
      writeFileSync(path, good);
      return count;
    });
    expect(await linesOf(Wal.readDirectory(directory, { driver }))).toEqual(putLines(10, 11));
  });
});
