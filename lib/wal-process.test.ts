// A log and several processes: who may write to it, and who may read it. (What is left of it when its
// writer is killed at any moment is a property: properties/killed-segmented-logs-keep-their-word.)

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { describe, expect, onTestFinished, test } from 'vitest';

import { forEachDriver } from './test-tools/drivers.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import { expectSubmitted } from './test-tools/wal-kill-checks.js';
import { WalProcess } from './test-tools/wal-kills.js';
import { Wal } from './wal.js';

const KIB = 1024;
forEachDriver((driver) => {
  describe('the lock', () => {
    test('one writer in a thread', async () => {
      const directory = freshDirectory();
      const wal = await Wal.open(directory, { driver });
      const error = await expectRejection(Wal.open(directory, { driver }), 'ERR_WAL_LOCKED');
      expect(error.message).toContain('by this very thread');
      await wal.close();
      await (await Wal.open(directory, { driver })).close();
    });

    test('one writer in a process', async () => {
      const directory = freshDirectory();
      const code = `
        const { parentPort, workerData } = require('node:worker_threads');
        import(workerData.url).then(({ Wal }) => Wal.open(workerData.directory)).then(
          () => parentPort.postMessage('open'), (error) => parentPort.postMessage(error.code));
        parentPort.once('message', () => process.exit());`;
      const url = new URL('./wal.js', import.meta.url).href;
      const start = (): Worker => new Worker(code, { eval: true, workerData: { url, directory } });
      const worker = start();
      onTestFinished(async () => {
        await worker.terminate();
      });
      expect(await once(worker, 'message')).toEqual(['open']);
      await expectRejection(Wal.open(directory, { driver }), 'ERR_WAL_LOCKED');
      const other = start();
      expect(await once(other, 'message')).toEqual(['ERR_WAL_LOCKED']);
      await other.terminate();
    });

    test('one writer among processes, named; a dead one holds nothing', async () => {
      const directory = freshDirectory();
      const child = new WalProcess(directory, {}, 1);
      await child.lines(1);
      const error = await expectRejection(Wal.open(directory, { driver }), 'ERR_WAL_LOCKED');
      expect(error.message).toContain(`by process ${String(child.pid)}`);
      await child.kill();
      await (await Wal.open(directory, { driver })).close();
    });
  });

  test('readers work beside a writer in another process', async () => {
    const directory = freshDirectory();
    const child = new WalProcess(directory, { maxFileSize: 16 * KIB }, 2, false);
    let before = 0n;
    for (let lines = 2; lines <= 102; lines += 20) {
      await child.lines(lines);
      let last = 0n;
      for await (const record of Wal.readDirectory(directory, { driver })) {
        expect(record.sequence).toBe(++last);
        expectSubmitted(record);
      }
      expect(last).toBeGreaterThanOrEqual(BigInt(lines - 1));
      expect(last).toBeGreaterThanOrEqual(before);
      before = last;
    }
    await child.kill();
  });
});
