// Opening what cannot be opened: each refusal names its cause and leaves nothing behind. And who
// may not open at all, because another writer holds the log.

import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from 'vitest';

import { WalReader } from './reader.js';
import { forEachDriver } from './test-tools/drivers.js';
import { makeReadOnly, mountSmall } from './test-tools/file-systems.js';
import {
  appendAll,
  expectLog,
  expectNothingHeld,
  freshDirectory,
  freshLog,
  writeLog,
} from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { RemoteError, RemoteWriter } from './test-tools/remote-writer.js';
import { UringWalWriter } from './writer.js';
import { openDescriptors } from './test-tools/descriptors.js';
import { entryOf, samplePut, samplePuts } from './test-tools/records.js';
import { expectRejection } from './test-tools/rejections.js';

forEachDriver((driver) => {
  describe('a log that cannot be opened', () => {
    test('a missing directory', async () => {
      const directory = freshDirectory();
      const path = join(directory, 'missing', 'test.wal');
      const error = await expectRejection(
        UringWalWriter.open(path, { driver }),
        'ERR_WAL_OPEN',
        'ENOENT',
      );
      expect(error.path).toBe(path);
      expect(error.message).toContain(path);
      expect(error.message).toContain(`is there a directory '${join(directory, 'missing')}'?`);
      expectNothingHeld(join(directory, 'x'), []);
      const reading = await expectRejection(
        WalReader.open(path, { driver }),
        'ERR_WAL_OPEN',
        'ENOENT',
      );
      expect(reading.message).toContain(path);
    });

    test('a file where the directory should be', async () => {
      const path = freshLog();
      writeFileSync(path, '');
      const error = await expectRejection(
        UringWalWriter.open(join(path, 'test.wal'), { driver }),
        'ERR_WAL_OPEN',
        'ENOTDIR',
      );
      expect(error.message).toContain(path);
      expectNothingHeld(path, ['test.wal']);
    });

    test('a directory as path', async () => {
      const path = freshLog();
      mkdirSync(path);
      const error = await expectRejection(
        UringWalWriter.open(path, { driver }),
        'ERR_WAL_OPEN',
        'EISDIR',
      );
      expect(error.path).toBe(path);
      expect(error.message).toContain(path);
      expect(error.message).toMatch(/directory/);
      expectNothingHeld(path, ['test.wal']);
      expect(readdirSync(path)).toEqual([]);
      await expectRejection(WalReader.open(path, { driver }), 'ERR_WAL_OPEN', 'EISDIR');
      expectNothingHeld(path, ['test.wal']);
    });

    test('a dangling symlink', async () => {
      const path = freshLog();
      symlinkSync(join(dirname(path), 'nothing'), path);
      const error = await expectRejection(
        UringWalWriter.open(path, { driver }),
        'ERR_WAL_OPEN',
        'ELOOP',
      );
      expect(error.message).toContain(path);
      expectNothingHeld(path, ['test.wal']);
    });

    test.each(['/dev/full', '/dev/null'])('%s, which is no file', async (path) => {
      const before = readdirSync('/dev').sort();
      const openBefore = openDescriptors('/dev');
      const error = await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_OPEN');
      expect(error.message).toContain(path);
      // Without rights in /dev it is the lock file that cannot be made.
      expect(error.message).toMatch(/is it a regular file|EACCES/);
      expect(readdirSync('/dev').sort()).toEqual(before);
      expect(openDescriptors('/dev')).toEqual(openBefore);
    });

    test('a directory without permission', async () => {
      const path = freshLog();
      chmodSync(dirname(path), 0o555);
      const remote = await RemoteWriter.start();
      await remote.dropRights();
      const error = await rejectionOf(remote.open(path, { driver }));
      expect(error).toBeInstanceOf(RemoteError);
      if (!(error instanceof RemoteError)) return;
      expect(error.facts).toMatchObject({ code: 'ERR_WAL_OPEN', errno: 'EACCES', path });
      expect(error.message).toContain(path);
      expect(error.message).toContain(`a writer also writes in '${dirname(path)}'`);
      expect(await remote.descriptors(dirname(path))).toEqual([]);
      expectNothingHeld(path, []);
      chmodSync(dirname(path), 0o755);
    });

    test('a log without permission', async () => {
      const path = freshLog();
      const records = samplePuts(3);
      writeLog(path, records);
      chmodSync(dirname(path), 0o777);
      chmodSync(path, 0o444);
      const remote = await RemoteWriter.start();
      await remote.dropRights();
      const error = await rejectionOf(remote.open(path, { driver }));
      expect(error).toBeInstanceOf(RemoteError);
      if (!(error instanceof RemoteError)) return;
      expect(error.facts).toMatchObject({ code: 'ERR_WAL_OPEN', errno: 'EACCES', path });
      expect(error.message).toContain(path);
      expect(await remote.descriptors(dirname(path))).toEqual([]);
      expectNothingHeld(path, ['test.wal']);
      expectLog(path, records);
    });

    test('a read-only file system, with and without a log there', async (context) => {
      const point = mountSmall(context, 'tmpfs', 1024 * 1024);
      const [missing, path] = [join(point, 'missing.wal'), join(point, 'test.wal')] as const;
      const records = samplePuts(3);
      writeLog(path, records);
      makeReadOnly(point);
      for (const each of [missing, path]) {
        const error = await expectRejection(
          UringWalWriter.open(each, { driver }),
          'ERR_WAL_OPEN',
          'EROFS',
        );
        expect(error.path).toBe(each);
        expect(error.message).toMatch(/read-only/);
      }
      expectNothingHeld(path, ['test.wal']);
      expectLog(path, records);
      // Reading needs no lock.
      const reader = await WalReader.open(path, { driver });
      expect((await reader.read())?.sequence).toBe(1n);
      await reader.close();
    });

    test('a file size limit of nothing', async () => {
      const path = freshLog();
      const remote = await RemoteWriter.start();
      remote.limitFileSize(0);
      const error = await rejectionOf(remote.open(path, { driver }));
      expect(error).toBeInstanceOf(RemoteError);
      if (!(error instanceof RemoteError)) return;
      expect(error.facts).toMatchObject({ code: 'ERR_WAL_OPEN', errno: 'EFBIG' });
      expect(await remote.descriptors(dirname(path))).toEqual([]);
      expectNothingHeld(path, []);
      remote.limitFileSize('unlimited');
      await remote.open(path, { driver });
      await remote.close();
    });
  });

  describe('two writers on one log', () => {
    test('in one process: the second is refused until the first is closed', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      const error = await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_LOCKED');
      expect(error.path).toBe(path);
      await appendAll(writer, samplePuts(3));
      await writer.close();
      const second = await UringWalWriter.open(path, { driver });
      expect(second.recovery.records).toBe(3);
      await second.close();
      expectNothingHeld(path, ['test.wal']);
    });

    test('at the same moment: one wins', async () => {
      const path = freshLog();
      const opens = Array.from({ length: 8 }, () => UringWalWriter.open(path, { driver }));
      const results = await Promise.allSettled(opens);
      const won = results.filter((result) => result.status === 'fulfilled');
      expect(won.length).toBe(1);
      for (const result of results) {
        if (result.status === 'rejected') {
          expect(result.reason).toMatchObject({ code: 'ERR_WAL_LOCKED' });
        }
      }
      for (const { value } of won) await value.close();
      expectNothingHeld(path, ['test.wal']);
    });

    test.each(['symlink', 'hard link'])('by another name: a %s', async (kind) => {
      const path = freshLog();
      const other = join(dirname(path), 'other.wal');
      const writer = await UringWalWriter.open(path, { driver });
      if (kind === 'symlink') symlinkSync(path, other);
      else linkSync(path, other);
      await expectRejection(UringWalWriter.open(other, { driver }), 'ERR_WAL_LOCKED');
      await writer.close();
      expectNothingHeld(path, ['test.wal', 'other.wal']);
    });

    test('in two processes: refused, told who holds it; a killed holder is no obstacle', async () => {
      const path = freshLog();
      const remote = await RemoteWriter.start();
      await remote.open(path, { driver });
      await remote.append(5);
      const error = await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_LOCKED');
      expect(error.message).toContain(String(remote.pid));
      // The other way round, too: nothing of the refused open disturbed the holder.
      await remote.append(5, { first: 6, sync: true });
      await remote.kill();
      const writer = await UringWalWriter.open(path, { driver });
      expect(writer.recovery.records).toBe(10);
      const second = await RemoteWriter.start();
      const refused = await rejectionOf(second.open(path, { driver }));
      expect(refused).toMatchObject({ facts: { code: 'ERR_WAL_LOCKED' } });
      await writer.close();
      await second.open(path, { driver });
      await second.close();
      expectLog(path, samplePuts(10));
      expectNothingHeld(path, ['test.wal']);
    });

    test('in a worker thread: refused, and free again when the thread is gone', async () => {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver });
      await writer.append(entryOf(samplePut(1)));
      const url = new URL('./test-tools/worker-writer.js', import.meta.url);
      const worker = new Worker(url, { workerData: { path, driver } });
      try {
        const [refused] = (await once(worker, 'message')) as [unknown];
        expect(refused).toMatchObject({ code: 'ERR_WAL_LOCKED' });
        await writer.close();
        const opened = once(worker, 'message');
        worker.postMessage('again');
        expect(await opened).toEqual([{ records: 1 }]);
        await expectRejection(UringWalWriter.open(path, { driver }), 'ERR_WAL_LOCKED');
      } finally {
        await worker.terminate();
      }
      const last = await UringWalWriter.open(path, { driver });
      expect(last.recovery.records).toBe(2);
      await last.close();
      expect(existsSync(`${path}.lock`)).toBe(false);
      expectLog(path, samplePuts(2));
    });
  });

  test('a log that is written stays readable for everyone, lock or not', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver });
    await appendAll(writer, samplePuts(3));
    const reader = await WalReader.open(path, { driver });
    expect((await reader.read())?.sequence).toBe(1n);
    await reader.close();
    await writer.close();
    expect(readFileSync(path).length).toBeGreaterThan(0);
  });
});
