// Syncs of one file, one at a time.

import { expect, test } from 'vitest';

import type { IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';
import { askAlone, syncAlone } from './sync-alone.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { writeFully, writeJob } from './write-fully.js';

/** A file of which only `sync` is there; each waits for `end`. */
class SyncedFile {
  readonly #ends: ((error?: Error) => void)[] = [];
  started = 0;

  sync(): Promise<void> {
    this.started++;
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  end(error?: Error): void {
    this.#ends.shift()?.(error);
  }
}

function syncedFile(): { file: IoFile; syncs: SyncedFile } {
  const syncs = new SyncedFile();
  return { file: syncs as unknown as IoFile, syncs };
}

test('the second starts when the first has ended', async () => {
  const { file, syncs } = syncedFile();
  const first = syncAlone(file);
  const second = syncAlone(file);
  await Promise.resolve();
  expect(syncs.started).toBe(1);
  syncs.end();
  await first;
  await Promise.resolve();
  expect(syncs.started).toBe(2);
  syncs.end();
  await second;
  void syncAlone(file);
  expect(syncs.started, 'nothing is waited for that has ended').toBe(3);
});

test('after a failure nobody asks again: whoever waits, and whoever comes, is told of it', async () => {
  const { file, syncs } = syncedFile();
  const failure = new IoError('EIO', 'fdatasync', 'log');
  const all = [syncAlone(file), syncAlone(file), syncAlone(file)].map(rejectionOf);
  syncs.end(failure);
  expect(await Promise.all(all)).toEqual([failure, failure, failure]);
  expect(await rejectionOf(syncAlone(file))).toBe(failure);
  expect(syncs.started).toBe(1);
});

test('files do not wait for one another', () => {
  const [one, other] = [syncedFile(), syncedFile()];
  void syncAlone(one.file);
  void syncAlone(other.file);
  expect([one.syncs.started, other.syncs.started]).toEqual([1, 1]);
});

test('a write that failed before its sync stands in nobody’s way; one that failed in it does', async () => {
  for (const writeHalf of [true, false]) {
    const { file, syncs } = syncedFile();
    const failure = new IoError('ENOSPC', 'write', 'a', { writeHalf });
    let fail: (error: Error) => void = () => undefined;
    const write = askAlone(file, () => new Promise((_, reject) => (fail = reject)));
    const sync = syncAlone(file);
    await Promise.resolve();
    expect(syncs.started).toBe(0);
    fail(failure);
    expect(await rejectionOf(write)).toBe(failure);
    if (!writeHalf) {
      expect(await rejectionOf(sync)).toBe(failure);
      expect(syncs.started).toBe(0);
      continue;
    }
    expect(syncs.started).toBe(1);
    syncs.end();
    await sync;
  }
});

test.each([
  ['through the page cache waits for the sync under way', undefined, 0],
  ['past it does not: its errors are its own', { blockBytes: 512 }, 1],
])('a dsync write %s', async (_words, direct, startedAtOnce) => {
  const { file, syncs } = syncedFile();
  let writes = 0;
  const write = (): Promise<number> => Promise.resolve(512 * ++writes);
  const target = Object.assign(file, { direct, write });
  const sync = syncAlone(target);
  const memory = { bytes: new Uint8Array(512), release: () => undefined };
  const written = writeFully(target, writeJob(memory, 0, 512, 0, true));
  await Promise.resolve();
  expect(writes).toBe(startedAtOnce);
  syncs.end();
  await Promise.all([sync, written]);
  expect(writes).toBe(1);
});
