// Syncs of one file, one at a time.

import { expect, test } from 'vitest';

import type { IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';
import { syncAlone } from './sync-alone.js';
import { rejectionOf } from './test-tools/outcomes.js';

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
