// The manifest: what is written is read again, and nothing else is believed.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { Manifest } from './manifest.js';
import { growManifest, readManifest, removeManifest, writeManifest } from './manifest.js';
import type { Gap } from './segments.js';
import { newSegment } from './segments.js';
import { newDriver } from './test-tools/drivers.js';
import { FaultyDriver, fail, short } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';

function faulty(): FaultyDriver {
  const driver = new FaultyDriver(newDriver('threadpool'));
  onTestFinished(() => driver.close());
  return driver;
}

/** A manifest and two lines that it grew by; what it says after each. */
async function grown(directory: string, driver: FaultyDriver): Promise<Manifest[]> {
  const says = [sample(directory)];
  let standing = await writeManifest(driver, directory, sample(directory));
  for (const number of [5, 6]) {
    const { firstNumber, sealed, gaps } = says.at(-1) ?? sample(directory);
    const segment = newSegment(directory, number);
    segment.bytes = 100 * number;
    [segment.first, segment.last] = [BigInt(number * 10), BigInt(number * 10 + 9)];
    const change = { nextSequence: segment.last + 1n, active: newSegment(directory, number + 1) };
    standing = await growManifest(driver, directory, standing, { ...change, sealed: [segment] });
    says.push({ firstNumber, ...change, sealed: [...sealed, segment], gaps });
  }
  return says;
}

function sample(directory: string): Manifest {
  const sealed = [3, 4].map((number) => {
    const segment = newSegment(directory, number);
    segment.bytes = number * 1000;
    segment.first = 2n ** 63n + BigInt(number * 10);
    segment.last = segment.first + 9n;
    segment.index = [{ sequence: segment.first + 5n, offset: 512 }];
    return segment;
  });
  const gaps: Gap[] = [{ numbers: [3, 4], sequences: [2n ** 63n + 39n, 2n ** 63n + 40n] }];
  const active = newSegment(directory, 5);
  return { firstNumber: 3, nextSequence: 2n ** 64n - 1n, sealed, active, gaps };
}

describe('the manifest', () => {
  test('is read as it was written', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    expect(await readManifest(driver, directory)).toEqual({ kind: 'missing' });
    const samples: Manifest[] = [
      sample(directory),
      { firstNumber: 0, nextSequence: 0n, sealed: [], active: undefined, gaps: [] },
    ];
    for (const manifest of samples) {
      await writeManifest(driver, directory, manifest);
      expect(await readManifest(driver, directory)).toEqual({ kind: 'good', manifest });
    }
    expect(readdirSync(directory)).toEqual(['wal_manifest']);
    await removeManifest(driver, directory);
    await removeManifest(driver, directory);
    expect(await readManifest(driver, directory)).toEqual({ kind: 'missing' });
  });

  test('is synced before it takes the place of the one before', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    await writeManifest(driver, directory, sample(directory));
    const kinds = driver.operations.map(({ kind }) => kind);
    expect(kinds.indexOf('sync')).toBeGreaterThan(kinds.indexOf('write'));
    expect(kinds.indexOf('rename')).toBeGreaterThan(kinds.indexOf('sync'));
  });

  test('with any byte changed or missing is not believed', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    await writeManifest(driver, directory, sample(directory));
    const path = join(directory, 'wal_manifest');
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      writeFileSync(path, bytes);
      expect(await readManifest(driver, directory), `byte ${String(at)}`).toEqual({ kind: 'bad' });
    }
    for (let length = 0; length < good.length; length += 7) {
      writeFileSync(path, good.subarray(0, length));
      expect(await readManifest(driver, directory)).toEqual({ kind: 'bad' });
    }
  });

  test.each([
    ['another version', '{"version":2,"sealed":[]}'],
    ['no JSON', 'version 1'],
    ['JSON of something else', '[1]'],
    ['fields of other types', '{"version":1,"firstNumber":1,"nextSequence":"x","sealed":[]}'],
  ])('%s, though its checksum is right', async (_, body) => {
    const [directory, driver] = [freshDirectory(), faulty()];
    const crc = crc32(body).toString(16).padStart(8, '0');
    writeFileSync(join(directory, 'wal_manifest'), `${crc} ${body}\n`);
    expect(await readManifest(driver, directory)).toEqual({ kind: 'bad' });
  });

  test('grows by a line, synced, and says at each length what was whole by then', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    const path = join(directory, 'wal_manifest');
    const says = await grown(directory, driver);
    expect(await readManifest(driver, directory)).toEqual({ kind: 'good', manifest: says[2] });
    const kinds = driver.operations.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'rename').length).toBe(1);
    expect(kinds.slice(kinds.indexOf('rename'))).toEqual([
      'rename',
      ...['open', 'write', 'sync', 'close'],
      ...['open', 'write', 'sync', 'close'],
      ...['open', 'size', 'read', 'close'],
    ]);
    const text = readFileSync(path, 'utf8');
    for (let length = text.indexOf('\n') + 1; length < text.length; length++) {
      // A file system may say that the file is longer than what it has of it.
      writeFileSync(path, Buffer.concat([Buffer.from(text.slice(0, length)), Buffer.alloc(9)]));
      const whole = text.slice(0, length).split('\n').length - 2;
      const expected = { kind: 'good', manifest: says[whole] };
      expect(await readManifest(driver, directory), `${String(length)} bytes`).toEqual(expected);
    }
  });

  test('with damage before a whole line, lines in another order or missing, is not believed', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    const path = join(directory, 'wal_manifest');
    const says = await grown(directory, driver);
    const good = readFileSync(path);
    const lastLine = good.lastIndexOf('\n', good.length - 2) + 1;
    for (let at = 0; at < lastLine; at++) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      writeFileSync(path, bytes);
      // Without its end, a line and the next are one that may be half: the manifest says less.
      const isLess = at === lastLine - 1;
      const expected = isLess ? { kind: 'good', manifest: says[0] } : { kind: 'bad' };
      expect(await readManifest(driver, directory), `byte ${String(at)}`).toEqual(expected);
    }
    const [first = '', second = '', third = ''] = good.toString().split('\n');
    for (const lines of [
      [first, third],
      [first, third, second],
      [first, second, second],
      [second, third],
      [first, second, third, first],
    ]) {
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
      expect(await readManifest(driver, directory)).toEqual({ kind: 'bad' });
    }
  });

  test('is read in as many pieces as it takes, and told apart from one that cannot be', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    await writeManifest(driver, directory, sample(directory));
    driver.always('read', short(10));
    expect(await readManifest(driver, directory)).toMatchObject({ kind: 'good' });
    driver.heal();
    for (const kind of ['open', 'size', 'read'] as const) {
      driver.next(kind, fail('EIO'));
      await expect(readManifest(driver, directory)).rejects.toMatchObject({
        ...{ code: 'ERR_WAL_READ', errno: 'EIO', path: join(directory, 'wal_manifest') },
      });
    }
  });

  test.each(['open', 'write', 'sync', 'rename'] as const)(
    'a %s that fails leaves the one before',
    async (kind) => {
      const [directory, driver] = [freshDirectory(), faulty()];
      const before = sample(directory);
      await writeManifest(driver, directory, before);
      driver.next(kind, fail('ENOSPC'));
      const next = { ...before, firstNumber: 4 };
      await expect(writeManifest(driver, directory, next)).rejects.toMatchObject({
        code: 'ENOSPC',
      });
      expect(await readManifest(driver, directory)).toEqual({ kind: 'good', manifest: before });
      await writeManifest(driver, directory, next);
      expect(await readManifest(driver, directory)).toEqual({ kind: 'good', manifest: next });
      expect(readdirSync(directory)).toEqual(['wal_manifest']);
    },
  );

  test('a draft that cannot be removed is told', async () => {
    const [directory, driver] = [freshDirectory(), faulty()];
    mkdirSync(join(directory, 'wal_manifest.draft'));
    await expect(writeManifest(driver, directory, sample(directory))).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(existsSync(join(directory, 'wal_manifest'))).toBe(false);
  });
});
