// Opening a log: what a clean shutdown saves, what a crash leaves, and what no crash can have left.
// Segments are damaged with plain file calls; what remains is read by the independent implementation.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { independentEncode } from './fixtures/independent.js';
import { CrashDriver } from './test-tools/crash-driver.js';
import { flipBitIn } from './test-tools/damage.js';
import { openDescriptors } from './test-tools/descriptors.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { FaultyDriver, fail } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import { fiveSegments, newFaultyDriver, walOpener } from './test-tools/wal-set-up.js';
import {
  copyOf,
  directoryLines,
  plainBatchRecord,
  plainBatchValue,
  put,
  putLines,
  puts,
  readLines,
  readSegments,
  segmentPath,
  writeSegment,
} from './test-tools/wals.js';
import type { RecoveryProgress, WalOptions, WalRecoveryMode } from './wal-options.js';
import { Wal } from './wal.js';

const KIB = 1024;
/** Of {@link fiveSegments}. */
const [COUNT, VALUE_BYTES] = [35, 500];

function snapshot(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name)).toString('base64')]),
  );
}

forEachDriver((name) => {
  const open = walOpener({ driver: name, maxFileSize: 4 * KIB });

  /** Refused, and not a byte in the directory has changed. */
  async function expectRefused(
    directory: string,
    number: number,
    offset: number | undefined,
    options: WalOptions = {},
  ): Promise<void> {
    const before = snapshot(directory);
    const error = await expectRejection(open(directory, options), 'ERR_WAL_CORRUPT');
    const path = segmentPath(directory, number);
    expect(error).toMatchObject({ path, offset });
    expect(error.message).toContain(`'${path}'`);
    expect(snapshot(directory)).toEqual(before);
    expect(openDescriptors(directory)).toEqual([]);
  }

  test.each([
    ['is new', [], 1],
    ['another program made', ['readme.txt'], 1],
    ['holds the log', ['wal_00000001.log'], 0],
  ])("a directory that %s: is its parent's entry of it durable?", async (_, names, syncs) => {
    const parent = freshDirectory();
    const directory = join(parent, 'log');
    const driver = newFaultyDriver(name);
    if (names.length > 0) mkdirSync(directory);
    for (const file of names) writeFileSync(join(directory, file), '');
    await open(directory, { driver });
    const synced = driver.operations.findIndex(
      ({ kind, path }) => kind === 'syncDirectory' && path === parent,
    );
    const isMade = driver.operations.findIndex(({ kind }) => kind === 'lock');
    expect([synced >= 0 ? 1 : 0, synced < isMade]).toEqual([syncs, true]);
  });

  describe('a clean shutdown', () => {
    test('is opened without reading a byte of records', async () => {
      const directory = await fiveSegments(name);
      const wal = await open(directory);
      expect(wal.recovery).toMatchObject({
        ...{ segments: 5, entriesRecovered: 35n, entriesCorrupted: 0n, bytesRead: 0 },
        ...{ bytesDiscarded: 0, quarantined: [], foreign: [], reason: undefined },
      });
      expect(wal.recovery.bytesRecovered).toBe(wal.stats().bytes);
      expect(await readLines(wal, { from: 20n, to: 23n })).toEqual(putLines(4, 20, VALUE_BYTES));
    });

    test('verifyAll reads it all, and tells how far it is', async () => {
      const directory = await fiveSegments(name);
      const told: RecoveryProgress[] = [];
      const onProgress = (progress: RecoveryProgress): void => void told.push(progress);
      const wal = await open(directory, { verifyAll: true, onProgress });
      const { bytes } = wal.stats();
      expect(wal.recovery.bytesRead).toBe(bytes);
      expect(told.at(-1)).toEqual({ bytesRead: bytes, bytesTotal: bytes });
      expect(told.length).toBeGreaterThanOrEqual(5);
      expect(await readLines(wal)).toEqual(putLines(COUNT, 1, VALUE_BYTES));
    });

    test('reads some segments at the same time, and tells how long that took', async () => {
      const directory = await fiveSegments(name);
      const driver = newFaultyDriver(name);
      // Nothing of the first one comes in before three others are read.
      const read = new Set<string>();
      let goOn: () => void = () => undefined;
      const others = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      driver.always('read', async (operation) => {
        const { path } = operation;
        if (path.endsWith('wal_00000001.log')) await others;
        else if (path.endsWith('.log') && read.add(path).size === 3) goOn();
        return operation.perform();
      });
      let now = driver.now();
      driver.now = () => (now += 40);
      const wal = await open(directory, { verifyAll: true, driver });
      expect(wal.recovery).toMatchObject({ entriesRecovered: 35n, durationMs: 40 });
    });

    test.each(['missing', 'damaged', 'empty', 'of another version'])(
      'with a manifest that is %s, everything is read',
      async (what) => {
        const directory = await fiveSegments(name);
        const path = join(directory, 'wal_manifest');
        if (what === 'damaged') flipBitIn(path, 40 * 8 + 4);
        else rmSync(path);
        if (what === 'empty') writeFileSync(path, '');
        if (what === 'of another version') writeFileSync(path, '00000000 {"version":2}\n');
        const wal = await open(directory);
        expect(wal.recovery.bytesRead).toBe(wal.recovery.bytesRecovered);
        expect(wal.recovery).toMatchObject({ segments: 5, entriesRecovered: 35n });
        expect(await readLines(wal)).toEqual(putLines(COUNT, 1, VALUE_BYTES));
        expect(await wal.put('x', '')).toMatchObject({ sequence: 36n });
      },
    );

    test('with a manifest that cannot be read, nothing is done: it may be the next time', async () => {
      const directory = await fiveSegments(name);
      const path = join(directory, 'wal_manifest');
      rmSync(path);
      mkdirSync(path);
      const error = await expectRejection(open(directory), 'ERR_WAL_READ', 'EISDIR');
      expect(error.path).toBe(path);
      expect(openDescriptors(directory)).toEqual([]);
    });

    test('with an older manifest, what it does not know is read', async () => {
      const directory = freshDirectory();
      let wal = await open(directory);
      await wal.appendMany(puts(10, 1, VALUE_BYTES));
      await wal.close();
      const manifest = readFileSync(join(directory, 'wal_manifest'));
      wal = await open(directory);
      await wal.appendMany(puts(25, 11, VALUE_BYTES));
      await wal.close();
      writeFileSync(join(directory, 'wal_manifest'), manifest);
      wal = await open(directory);
      expect(wal.recovery.bytesRead).toBeGreaterThan(0);
      expect(wal.recovery.bytesRead).toBeLessThan(wal.recovery.bytesRecovered);
      expect(await readLines(wal)).toEqual(putLines(COUNT, 1, VALUE_BYTES));
    });

    test('when nothing but the manifest knew the next sequence, it must be there', async () => {
      const directory = await fiveSegments(name);
      let wal = await open(directory);
      await wal.rotate();
      await wal.truncateBefore(36n);
      await wal.close();
      const path = join(directory, 'wal_manifest');
      const manifest = readFileSync(path);
      for (const damage of ['gone', 'damaged']) {
        if (damage === 'gone') rmSync(path);
        else writeFileSync(path, 'rubbish');
        const error = await expectRejection(open(directory), 'ERR_WAL_CORRUPT');
        expect(error).toMatchObject({ path, offset: undefined });
        expect(error.message).toContain('no record is left to tell which sequence comes next');
      }
      writeFileSync(path, manifest);
      wal = await open(directory);
      expect(await wal.put('x', '')).toMatchObject({ sequence: 36n });
    });
  });

  describe('a directory of AmateRS', () => {
    test.each([0, 1])('its segments from number %s on, without a manifest', async (number) => {
      const directory = freshDirectory();
      writeSegment(directory, number, 1, 20);
      writeSegment(directory, number + 1, 21, 5);
      const wal = await open(directory);
      expect(wal.recovery).toMatchObject({ segments: 2, entriesRecovered: 25n });
      expect(await readLines(wal)).toEqual(putLines(25));
      expect(await wal.append(put(26))).toMatchObject({ sequence: 26n, segment: number + 1 });
      await wal.close();
      expect(directoryLines(directory)).toEqual(putLines(26));
      expect((await open(directory)).recovery.bytesRead).toBe(0);
    });

    test('an empty last segment', async () => {
      const directory = freshDirectory();
      writeSegment(directory, 1, 1, 20);
      writeFileSync(segmentPath(directory, 2), '');
      const wal = await open(directory);
      expect(await wal.append(put(21))).toMatchObject({ sequence: 21n });
      expect(await readLines(wal)).toEqual(putLines(21));
    });
  });

  describe('a torn tail', () => {
    test('of the last segment is cut, wherever it was torn, an atomic batch as a whole', async () => {
      const directory = freshDirectory();
      const batch = plainBatchRecord(4n, plainBatchValue(puts(5, 4)));
      writeSegment(directory, 1, 1, 2);
      const [third] = puts(1, 3).map((entry) => independentEncode({ sequence: 3n, ...entry }));
      const last = Buffer.concat([third ?? Buffer.alloc(0), batch]);
      const path = segmentPath(directory, 2);
      for (let length = 1; length <= last.length; length++) {
        const copy = copyOf(directory);
        writeFileSync(path.replace(directory, copy), last.subarray(0, length));
        const wal = await open(copy, { preallocateBytes: 0 });
        const whole = length === last.length ? 8 : length >= (third?.length ?? 0) ? 3 : 2;
        expect(await readLines(wal), `${String(length)} bytes`).toEqual(putLines(whole));
        expect(wal.recovery.quarantined).toEqual([]);
        const next = await wal.append(put(whole + 1));
        expect(next.sequence).toBe(BigInt(whole + 1));
        await wal.close();
        expect(directoryLines(copy)).toEqual(putLines(whole + 1));
      }
    });

    test('a sector of zeros before whole records is a tear: kept aside, and cut', async () => {
      const directory = await fiveSegments(name);
      rmSync(join(directory, 'wal_manifest'));
      const path = segmentPath(directory, 5);
      const bytes = readFileSync(path);
      bytes.fill(0, 1024, 1536);
      writeFileSync(path, bytes);
      const wal = await open(directory);
      expect(wal.recovery.quarantined).toEqual([`${path}.discarded-535`]);
      expect(wal.recovery).toMatchObject({ entriesRecovered: 29n, segments: 5 });
      expect(readFileSync(`${path}.discarded-535`)).toEqual(bytes.subarray(535));
      expect(await wal.put('x', '')).toMatchObject({ sequence: 30n, segment: 5, offset: 535 });
    });

    test('what was durable at the last close is no torn tail', async () => {
      const directory = await fiveSegments(name);
      const path = segmentPath(directory, 5);
      const { length } = readFileSync(path);
      truncateSync(path, length - 1);
      await expectRefused(directory, 5, length - 535);
      truncateSync(path, 0);
      await expectRefused(directory, 5, 0);
    });

    test('zeros that were made ahead are none', async () => {
      const directory = await fiveSegments(name);
      const path = segmentPath(directory, 5);
      const { length } = readFileSync(path);
      truncateSync(path, length + 10_000);
      writeFileSync(segmentPath(directory, 6), Buffer.alloc(8192));
      writeFileSync(segmentPath(directory, 7), '');
      const wal = await open(directory);
      expect(wal.recovery).toMatchObject({ bytesRead: 0, bytesDiscarded: 0, segments: 5 });
      expect(readFileSync(path).length).toBe(length);
      expect(existsSync(segmentPath(directory, 6))).toBe(false);
      expect(existsSync(segmentPath(directory, 7))).toBe(false);
    });
  });

  describe('damage that no crash explains', () => {
    const damages: [
      string,
      (directory: string) => void,
      { at: [number, number | undefined]; trim: number; salvage: number[] },
    ][] = [
      [
        'a segment is missing',
        (directory) => rmSync(segmentPath(directory, 3)),
        { at: [3, undefined], trim: 14, salvage: [14, 22, 35] },
      ],
      [
        'the first segment is missing',
        (directory) => rmSync(segmentPath(directory, 1)),
        { at: [1, undefined], trim: 0, salvage: [0, 8, 35] },
      ],
      [
        'the last segment is missing',
        (directory) => rmSync(segmentPath(directory, 5)),
        { at: [5, undefined], trim: 28, salvage: [28] },
      ],
      [
        'a middle segment is truncated inside a record',
        (directory) => truncateSync(segmentPath(directory, 2), 3000),
        { at: [2, 2673], trim: 12, salvage: [12, 15, 35] },
      ],
      [
        'a middle segment is truncated between two records',
        (directory) => truncateSync(segmentPath(directory, 2), 2673),
        { at: [2, 2673], trim: 12, salvage: [12, 15, 35] },
      ],
      [
        'a middle segment is empty',
        (directory) => truncateSync(segmentPath(directory, 2), 0),
        { at: [2, 0], trim: 7, salvage: [7, 15, 35] },
      ],
      [
        'a middle segment is nothing but zeros',
        (directory) => writeFileSync(segmentPath(directory, 2), Buffer.alloc(5000)),
        { at: [2, 0], trim: 7, salvage: [7, 15, 35] },
      ],
    ];

    describe.each(damages)('%s', (_, damage, { at, trim, salvage }) => {
      test.each([true, false])('with a manifest: %s', async (hasManifest) => {
        const directory = await fiveSegments(name);
        damage(directory);
        if (!hasManifest) rmSync(join(directory, 'wal_manifest'));
        // Without one, nobody knows of what is missing at either end.
        const isEnd = at[1] === undefined && at[0] !== 3;
        if (!hasManifest && isEnd) {
          await expectKept(directory, 'strict', salvage);
          return;
        }
        await expectRefused(directory, ...at);
        await expectKept(directory, 'trim', [trim]);
        await expectKept(directory, 'salvage', salvage);
      });
    });

    test('a salvage goes on only once its gap is on record, and keeps it there', async () => {
      const directory = await fiveSegments(name);
      rmSync(segmentPath(directory, 3));
      const driver = newFaultyDriver(name);
      const salvage = { driver, maxFileSize: 4 * KIB, recovery: 'salvage' } as const;
      driver.always('rename', fail('ENOSPC'));
      await expectRejection(Wal.open(directory, salvage), 'ERR_WAL_WRITE');
      driver.heal();
      const wal = await Wal.open(directory, salvage);
      driver.always('rename', fail('ENOSPC'));
      await expectRejection(wal.truncateBefore(8n), 'ERR_WAL_WRITE');
      driver.heal();
      await wal.append(put(36, VALUE_BYTES));
      const lines = await readLines(wal);
      expect(lines.length).toBe(35 - 7 + 1);
      await wal.close();
      // Nobody need salvage it again.
      const again = await open(directory);
      expect(await readLines(again)).toEqual(lines);
    });

    /** `kept`: the log is 1 … kept[0], then kept[1] … kept[2]. A strict open finds nothing wrong. */
    async function expectKept(
      directory: string,
      recovery: WalRecoveryMode,
      kept: readonly number[],
    ): Promise<void> {
      const copy = copyOf(directory);
      const [to = 0, from = 0, last = 0] = kept;
      const behind = last === 0 ? [] : putLines(last - from + 1, from, VALUE_BYTES);
      const lines = [...putLines(to, 1, VALUE_BYTES), ...behind];
      const wal = await open(copy, { recovery });
      expect(wal.recovery.reason === undefined).toBe(recovery === 'strict');
      expect(await readLines(wal)).toEqual(lines);
      const { entriesRecovered, entriesCorrupted, quarantined, bytesDiscarded } = wal.recovery;
      expect(entriesRecovered).toBe(BigInt(lines.length));
      if (recovery === 'salvage' && to > 0 && last > 0) {
        expect(entriesCorrupted).toBe(BigInt(from - to - 1));
      }
      // All that went is in a copy, but for files of nothing.
      const sizes = quarantined.map((path) => statSync(path).size);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(bytesDiscarded);
      const nextSequence = lines.length === 0 ? 36n : BigInt(Math.max(to, last)) + 1n;
      const next = await wal.append(put(nextSequence));
      expect(next.sequence).toBe(nextSequence);
      await wal.close();
      // Every entry that was there before is there still, in the log or beside it.
      const files = readdirSync(copy).filter((file) => file.includes('.discarded-'));
      expect(files.length).toBe(quarantined.length);
      // Later opens find nothing wrong, read or unread.
      for (const options of [{}, { verifyAll: true }]) {
        const again = await open(copy, options);
        const all = [...lines, ...putLines(1, Number(nextSequence))];
        expect(await readLines(again)).toEqual(all);
        expect(again.recovery).toMatchObject({ reason: undefined, quarantined: [] });
        expect(again.recovery.entriesRecovered).toBe(BigInt(lines.length + 1));
        await again.close();
      }
    }

    test('a flipped bit in a middle segment is found when it is read', async () => {
      const directory = await fiveSegments(name);
      const path = segmentPath(directory, 2);
      flipBitIn(path, 2000 * 8 + 4);
      const wal = await open(directory);
      expect(wal.recovery.bytesRead).toBe(0);
      const error = await expectRejection(readLines(wal), 'ERR_WAL_CORRUPT');
      expect(error).toMatchObject({ path, offset: 1603, sequence: 11n });
      expect(await readLines(wal, { from: 15n })).toEqual(putLines(21, 15, VALUE_BYTES));
      await wal.close();
      await expectRefused(directory, 2, 1603, { verifyAll: true });
      const salvaged = await open(directory, { verifyAll: true, recovery: 'salvage' });
      expect(await readLines(salvaged)).toEqual([
        ...putLines(10, 1, VALUE_BYTES),
        ...putLines(21, 15, VALUE_BYTES),
      ]);
      expect(salvaged.recovery).toMatchObject({
        ...{ entriesRecovered: 31n, entriesCorrupted: 4n },
        quarantined: [`${path}.discarded-1603`],
      });
      expect(await readLines(salvaged, { from: 12n, to: 16n })).toEqual(
        putLines(2, 15, VALUE_BYTES),
      );
    });

    test('a flipped bit in the last segment, with whole records behind it', async () => {
      const directory = await fiveSegments(name);
      rmSync(join(directory, 'wal_manifest'));
      flipBitIn(segmentPath(directory, 5), 2000 * 8 + 4);
      await expectRefused(directory, 5, 1605);
      const wal = await open(directory, { recovery: 'trim' });
      expect(await readLines(wal)).toEqual(putLines(31, 1, VALUE_BYTES));
      expect(wal.recovery.quarantined).toEqual([`${segmentPath(directory, 5)}.discarded-1605`]);
    });

    test.each([
      ['more', true],
      ['more', false],
      ['\0'.repeat(600), true],
    ])('a segment that grew by %j, with a manifest: %s', async (more, hasManifest) => {
      const directory = await fiveSegments(name);
      if (!hasManifest) rmSync(join(directory, 'wal_manifest'));
      const path = segmentPath(directory, 2);
      const { length } = readFileSync(path);
      writeFileSync(path, more, { flag: 'a' });
      await expectRefused(directory, 2, length);
      const wal = await open(directory, { recovery: 'salvage' });
      expect(await readLines(wal)).toEqual(putLines(COUNT, 1, VALUE_BYTES));
      expect(statSync(path).size).toBe(length);
      if (more !== 'more') return;
      expect(readFileSync(`${path}.discarded-${String(length)}`, 'utf8')).toBe('more');
    });

    test('sequences that come twice, or jump inside a segment', async () => {
      const directory = freshDirectory();
      writeSegment(directory, 1, 1, 10);
      writeSegment(directory, 2, 11, 5);
      writeSegment(directory, 3, 6, 4);
      await expectRefused(directory, 3, 0);
      const wal = await open(copyOf(directory), { recovery: 'salvage' });
      expect(await readLines(wal)).toEqual(putLines(15));
      const jump = independentEncode({ sequence: 18n, ...put(18) });
      const path = writeSegment(directory, 3, 16, 1);
      const { length } = readFileSync(path);
      writeFileSync(path, jump, { flag: 'a' });
      await expectRefused(directory, 3, length);
      rmSync(path);
      writeFileSync(path, Buffer.concat([jump, jump]));
      await expectRefused(directory, 2, readFileSync(segmentPath(directory, 2)).length);
    });

    test('a batch whose inside is not well formed, though its checksum is right', async () => {
      const directory = freshDirectory();
      const path = writeSegment(directory, 1, 1, 3);
      const { length } = readFileSync(path);
      const bad = plainBatchRecord(4n, Buffer.from([1, 0xff, 0xff, 0, 0, 0, 0, 0, 0]));
      writeFileSync(path, Buffer.concat([bad, independentEncode({ sequence: 5n, ...put(5) })]), {
        flag: 'a',
      });
      await expectRefused(directory, 1, length);
    });

    test('nothing that was quarantined is ever overwritten', async () => {
      const directory = await fiveSegments(name);
      truncateSync(segmentPath(directory, 2), 3000);
      for (let round = 0; round < 3; round++) {
        const bytes = `taken-${String(round)}`;
        writeFileSync(`${segmentPath(directory, 2)}.discarded-2673${suffix(round)}`, bytes);
        writeFileSync(`${segmentPath(directory, 3)}.discarded-0${suffix(round)}`, bytes);
      }
      const wal = await open(directory, { recovery: 'trim' });
      expect([...wal.recovery.quarantined].sort()).toEqual([
        `${segmentPath(directory, 2)}.discarded-2673-3`,
        `${segmentPath(directory, 3)}.discarded-0-3`,
        `${segmentPath(directory, 4)}.discarded-0`,
        `${segmentPath(directory, 5)}.discarded-0`,
      ]);
      expect(readFileSync(`${segmentPath(directory, 3)}.discarded-0-1`, 'utf8')).toBe('taken-1');
    });

    test.each(['trim', 'salvage'] as const)(
      '%s: after a crash at any step, doing it again comes to the same',
      async (recovery) => {
        const directory = await fiveSegments(name);
        truncateSync(segmentPath(directory, 2), 3000);
        rmSync(segmentPath(directory, 4));
        const expected = await open(copyOf(directory), { recovery });
        const lines = await readLines(expected);
        let steps = 0;
        for (let hasCrashed = true; hasCrashed; steps++) {
          const copy = copyOf(directory);
          const driver = new CrashDriver(newDriver(name), steps);
          const dying = await Wal.open(copy, { driver, recovery }).catch(() => undefined);
          await dying?.close().catch(() => undefined);
          hasCrashed = driver.hasCrashed;
          await driver.bury();
          const again = await open(copy, { recovery });
          expect(await readLines(again), `step ${String(steps)}`).toEqual(lines);
          await again.close();
        }
        expect(steps).toBeGreaterThan(10);
      },
    );
  });

  describe('what else may stand in the directory', () => {
    test('foreign files are left alone, and told', async () => {
      const directory = await fiveSegments(name);
      const foreign = ['README', 'wal_.log', 'wal_3.log.bak', 'wal_00000003.log~', 'wal_x.log'];
      for (const file of foreign) writeFileSync(join(directory, file), file);
      mkdirSync(join(directory, 'folder'));
      const wal = await open(directory);
      expect([...wal.recovery.foreign].sort()).toEqual([...foreign, 'folder'].sort());
      await wal.close();
      for (const file of foreign) expect(readFileSync(join(directory, file), 'utf8')).toBe(file);
    });

    test('two files of one number', async () => {
      const directory = await fiveSegments(name);
      copyFileSync(segmentPath(directory, 3), join(directory, 'wal_0003.log'));
      const before = snapshot(directory);
      const error = await expectRejection(open(directory), 'ERR_WAL_CORRUPT');
      expect(error.message).toMatch(/'wal_00000003.log' and 'wal_0003.log' .* segment 3/);
      expect(snapshot(directory)).toEqual(before);
    });

    test('a segment under a name of another padding is not taken for ours', async () => {
      const directory = freshDirectory();
      renameSync(writeSegment(directory, 1, 1, 3), join(directory, 'wal_1.log'));
      const wal = await open(directory);
      expect(wal.recovery).toMatchObject({ entriesRecovered: 0n, foreign: ['wal_1.log'] });
    });

    test('what a checkpoint had dropped goes, and only when all else is well', async () => {
      const directory = await fiveSegments(name);
      const copy = copyOf(directory);
      const wal = await open(directory);
      await wal.truncateBefore(22n);
      await wal.close();
      for (const number of [1, 2, 3]) {
        copyFileSync(segmentPath(copy, number), segmentPath(directory, number));
      }
      const damaged = copyOf(directory);
      rmSync(segmentPath(damaged, 5));
      await expectRefused(damaged, 5, undefined);
      const again = await open(directory);
      expect(await readLines(again)).toEqual(putLines(14, 22, VALUE_BYTES));
      expect(readSegments(directory).length).toBe(2);
    });

    test('a path that is a file', async () => {
      const path = join(freshDirectory(), 'file');
      writeFileSync(path, 'mine');
      const error = await expectRejection(open(path), 'ERR_WAL_OPEN');
      expect(error.path).toBe(path);
      expect(readFileSync(path, 'utf8')).toBe('mine');
    });

    test('a missing parent directory', async () => {
      const path = join(freshDirectory(), 'missing', 'log');
      await expectRejection(open(path), 'ERR_WAL_OPEN', 'ENOENT');
    });

    test('a segment that is a directory', async () => {
      const directory = await fiveSegments(name);
      mkdirSync(segmentPath(directory, 6));
      const error = await expectRejection(open(directory), 'ERR_WAL_OPEN');
      expect(error.path).toBe(segmentPath(directory, 6));
    });
  });

  test('whatever fails while opening, nothing stays open or locked', async () => {
    const directory = await fiveSegments(name);
    rmSync(join(directory, 'wal_manifest'));
    truncateSync(segmentPath(directory, 5), 3000);
    const probe = new FaultyDriver(newDriver(name));
    const wal = await Wal.open(copyOf(directory), { driver: probe });
    const { length } = probe.operations;
    await wal.close();
    await probe.close();
    let failed = 0;
    for (let at = 0; at < length; at += 3) {
      const copy = copyOf(directory);
      const driver = new FaultyDriver(newDriver(name));
      let count = 0;
      for (const kind of new Set(probe.operations.map((operation) => operation.kind))) {
        const isTurn = (): boolean => count++ === at;
        if (kind !== 'close' && kind !== 'release') driver.next(kind, fail('EIO'), 1, isTurn);
      }
      const opened = await Wal.open(copy, { driver }).catch(() => undefined);
      if (opened === undefined) failed++;
      await opened?.close().catch(() => undefined);
      await driver.close();
      expect(openDescriptors(copy), `operation ${String(at)}`).toEqual([]);
      const again = await open(copy);
      expect((await readLines(again)).length).toBe(33);
      await again.close();
    }
    expect(failed).toBeGreaterThan(10);
  });
});

function suffix(round: number): string {
  return round === 0 ? '' : `-${String(round)}`;
}
