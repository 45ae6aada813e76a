// What a segmented log says about a path, a directory or an option that it cannot use.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { judge } from './wal-judge.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { freshDirectory } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { expectRejection } from './test-tools/rejections.js';
import { newFaultyDriver } from './test-tools/wal-set-up.js';
import { linesOf, writeSegment } from './test-tools/wals.js';
import type { WalDirectoryOptions } from './wal-directory.js';
import type { WalReadOptions } from './wal-read-options.js';
import { surveyDirectory } from './wal-survey.js';
import { Wal } from './wal.js';

forEachDriver((name) => {
  describe('a path that is no directory', () => {
    test('a file, one in it, and a parent that is missing', async () => {
      const parent = freshDirectory();
      const file = join(parent, 'file');
      writeFileSync(file, 'precious');
      const cases: [path: string, errno: string, words: string][] = [
        [file, 'EEXIST', 'it is a file, or below one: a Wal is a directory'],
        [join(file, 'log'), 'ENOTDIR', 'it is a file, or below one: a Wal is a directory'],
        [join(parent, 'no', 'log'), 'ENOENT', 'create the directory that it is to stand in first'],
      ];
      for (const [path, errno, words] of cases) {
        const error = await expectRejection(
          Wal.open(path, { driver: name }),
          'ERR_WAL_OPEN',
          errno,
        );
        expect(error.message).toContain(`cannot open the log in '${path}': `);
        expect(error.message).toContain(words);
        expect(error.path).toBe(path);
      }
      expect(readdirSync(parent)).toEqual(['file']);
    });

    test('to read from: a file, and nothing', async () => {
      const parent = freshDirectory();
      const file = join(parent, 'file');
      writeFileSync(file, 'precious');
      const cases: [path: string, errno: string, words: string][] = [
        [file, 'ENOTDIR', 'it is a file'],
        [join(parent, 'no'), 'ENOENT', 'there is no such directory'],
      ];
      for (const [path, errno, words] of cases) {
        const reading = linesOf(Wal.readDirectory(path, { driver: name }));
        const error = await expectRejection(reading, 'ERR_WAL_READ', errno);
        expect(error.message).toBe(`cannot read the log in '${path}': ${words}`);
      }
    });
  });

  test('a directory with the name of a segment', async () => {
    const directory = freshDirectory();
    const path = join(directory, 'wal_00000001.log');
    mkdirSync(path);
    const opening = Wal.open(directory, { driver: name });
    const error = await expectRejection(opening, 'ERR_WAL_OPEN', 'EISDIR');
    expect(error.message).toContain(`cannot read the segment '${path}'`);
    expect(error.message).toContain("a directory has a segment's name: move it away");
    expect(readdirSync(directory)).toEqual(['wal_00000001.log']);
  });

  test('a log that is locked is named by its directory', async () => {
    const directory = freshDirectory();
    const wal = await Wal.open(directory, { driver: name });
    const error = await expectRejection(Wal.open(directory, { driver: name }), 'ERR_WAL_LOCKED');
    expect(error.message).toMatch(`'${directory}' is locked by this very thread since `);
    expect(error.path).toBe(directory);
    await wal.close();
  });

  test.each(['missing', 'cut'] as const)(
    'a middle segment that is %s is told once',
    async (what) => {
      const directory = freshDirectory();
      const paths = [1, 2, 3].map((number) => writeSegment(directory, number, number * 10, 10));
      if (what === 'missing') rmSync(paths[1] ?? '');
      else writeFileSync(paths[1] ?? '', 'rubbish');
      const driver = newDriver(name);
      onTestFinished(() => driver.close());
      const options = { verifyAll: false, onProgress: () => undefined };
      const { damages, lost } = judge(await surveyDirectory(driver, directory, options), directory);
      expect(damages.map(({ path }) => path)).toEqual([paths[1]]);
      expect(lost).toBe(10n);
    },
  );

  describe('options of a reading', () => {
    const BAD: [options: unknown, type: typeof TypeError | typeof RangeError, words: string][] = [
      [null, TypeError, 'options must be an object'],
      [5, TypeError, 'options must be an object'],
      [{ form: 1 }, TypeError, "unknown option 'form'; there are: from, to,"],
      [{ from: '1' }, TypeError, 'from must be a bigint or a number, not string'],
      [{ from: -1 }, RangeError, 'from is -1: an integer from 0 to 2^64 - 1 is allowed'],
      [{ from: 1.5 }, RangeError, 'from is 1.5'],
      [{ to: 2n ** 64n }, RangeError, 'to is 18446744073709551616'],
      [{ to: null }, TypeError, 'to must be'],
      [{ signal: {} }, TypeError, 'signal must be an AbortSignal'],
    ];

    test.each(BAD)('%o', async (options, type, words) => {
      const directory = freshDirectory();
      const driver = newFaultyDriver(name);
      const wal = await Wal.open(directory, { driver });
      driver.forget();
      const failures = [
        await rejectionOf(linesOf(wal.read(options as WalReadOptions))),
        await rejectionOf(linesOf(Wal.readDirectory(directory, options as WalDirectoryOptions))),
      ];
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(type);
        expect((failure as Error).message).toContain(words);
      }
      expect(driver.operations, 'nothing was read').toEqual([]);
      await wal.close();
    });

    test('follow is true or false, and is for an open log only', async () => {
      const directory = freshDirectory();
      const wal = await Wal.open(directory, { driver: name });
      for (const follow of [1, 'true', null]) {
        const failure = await rejectionOf(
          linesOf(wal.read({ follow } as unknown as WalReadOptions)),
        );
        expect(failure).toEqual(new TypeError('follow must be true or false'));
      }
      const options = { follow: true } as WalDirectoryOptions;
      const failure = await rejectionOf(linesOf(Wal.readDirectory(directory, options)));
      expect((failure as Error).message).toContain("unknown option 'follow'");
      await wal.close();
    });
  });
});
