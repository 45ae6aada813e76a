// Names of segments, what a directory holds, and the index that reading starts from.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import {
  INDEX_STEP_BYTES,
  addPoint,
  certainPart,
  listSegments,
  newSegment,
  pathAside,
  seek,
  segmentName,
} from './segments.js';
import type { SequencePoint } from './segments.js';
import { newDriver } from './test-tools/drivers.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';

describe('names', () => {
  test.each([
    [0, 'wal_00000000.log'],
    [1, 'wal_00000001.log'],
    [99_999_999, 'wal_99999999.log'],
    [100_000_000, 'wal_100000000.log'],
  ])('%d is %s', (number, name) => {
    expect(segmentName(number)).toBe(name);
    expect(newSegment('/logs', number).path).toBe(join('/logs', name));
  });

  test.each(['/logs', '/', '.'])(
    'in %s, none is taken twice for what is set aside',
    (directory) => {
      const segment = newSegment(directory, 3);
      const aside = join(directory, 'wal_00000003.log.discarded-0');
      const names = ['wal_00000003.log', 'wal_00000002.log.discarded-0'];
      for (const suffix of ['', '-1', '-2']) {
        expect(pathAside(segment, names)).toBe(`${aside}${suffix}`);
        names.push(`wal_00000003.log.discarded-0${suffix}`);
      }
    },
  );
});

describe('a listing', () => {
  async function list(names: readonly string[]): ReturnType<typeof listSegments> {
    const directory = freshDirectory();
    for (const name of names) writeFileSync(join(directory, name), '');
    const driver = newDriver('threadpool');
    onTestFinished(() => driver.close());
    return listSegments(driver, directory);
  }

  test('sorts by number, not by name', async () => {
    const names = ['wal_99999999.log', 'wal_100000000.log', 'wal_00000002.log'];
    expect((await list(names)).numbers).toEqual([2, 99_999_999, 100_000_000]);
  });

  test("knows the log's own files, and leaves all others alone", async () => {
    const own = [
      ...['wal_manifest', 'wal_manifest.draft', 'wal.lock', 'wal.lock.abc.new'],
      ...['wal_00000003.log.discarded-0', 'wal_00000003.log.discarded-7-1'],
    ];
    const foreign = ['README', 'wal', 'wal_', 'wal_1x.log', 'wal_00000001.log.gz', 'wal_-1.log'];
    const listing = await list([...own, ...foreign, 'wal_00000001.log']);
    expect(listing).toEqual({ numbers: [1], foreign: foreign.sort() });
  });

  test('a number too large to count with is foreign', async () => {
    const name = `wal_${'9'.repeat(30)}.log`;
    expect(await list([name])).toEqual({ numbers: [], foreign: [name] });
  });

  test('two names of one number are refused, whichever is ours', async () => {
    for (const other of ['wal_1.log', 'wal_000000001.log']) {
      const error = await expectRejection(list(['wal_00000001.log', other]), 'ERR_WAL_CORRUPT');
      expect(error.message).toContain('are both segment 1');
    }
    await expectRejection(list(['wal_1.log', 'wal_01.log']), 'ERR_WAL_CORRUPT');
  });

  test('a missing directory rejects', async () => {
    const directory = freshDirectory();
    mkdirSync(join(directory, 'there'));
    const driver = newDriver('threadpool');
    onTestFinished(() => driver.close());
    expect((await listSegments(driver, join(directory, 'there'))).numbers).toEqual([]);
    await expect(listSegments(driver, join(directory, 'missing'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe('the index', () => {
  test('has a point every so many bytes, and none at the beginning', () => {
    const index: SequencePoint[] = [];
    for (let record = 0; record < 1000; record++)
      addPoint(index, BigInt(record + 1), record * 1000);
    expect(index[0]?.offset).toBe(1000);
    for (const [at, { sequence, offset }] of index.entries()) {
      expect(offset).toBe((Number(sequence) - 1) * 1000);
      const before = index[at - 1];
      if (before !== undefined) {
        expect(offset - before.offset).toBeGreaterThanOrEqual(INDEX_STEP_BYTES);
        expect(offset - before.offset).toBeLessThan(INDEX_STEP_BYTES + 1000);
      }
    }
  });

  test('seek finds the last point at or before a sequence', () => {
    const index = [10n, 20n, 30n].map((sequence) => ({ sequence, offset: Number(sequence) * 100 }));
    const found = [0n, 9n, 10n, 11n, 19n, 20n, 29n, 30n, 31n, 2n ** 64n - 1n].map((sequence) =>
      seek(index, sequence),
    );
    expect(found).toEqual([0, 0, 1000, 1000, 1000, 2000, 2000, 3000, 3000, 3000]);
    expect(seek([], 5n)).toBe(0);
  });

  test('certainPart leaves out what is not certain', () => {
    const segment = newSegment('/logs', 3);
    Object.assign(segment, { bytes: 0, first: 7n, last: undefined });
    segment.index = [
      { sequence: 8n, offset: 100 },
      { sequence: 9n, offset: 200 },
    ];
    expect(certainPart(segment, 200, 8n)).toMatchObject({
      ...{ bytes: 200, first: 7n, last: 8n },
      index: [{ sequence: 8n, offset: 100 }],
    });
    expect(certainPart(segment, 0, 6n)).toMatchObject({
      ...{ bytes: 0, first: undefined, last: undefined, index: [] },
    });
    expect(segment.index.length).toBe(2);
  });
});
