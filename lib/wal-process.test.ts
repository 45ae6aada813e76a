// A log and several processes: who may write to it, who may read it, and what is left of it when
// its writer is killed at any moment.

import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { describe, expect, onTestFinished, test } from 'vitest';

import { forEachDriver } from './test-tools/drivers.js';
import { expectNothingHeld, freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import type { ToldByWal } from './test-tools/wal-kills.js';
import { BATCH_ENTRIES, WalProcess, walKillEntry } from './test-tools/wal-kills.js';
import type { EntryLine } from './test-tools/wals.js';
import { directoryLines, lineOf, readLines, readSegments } from './test-tools/wals.js';
import type { WalOptions } from './wal-options.js';
import type { WalRecord } from './wal-record.js';
import { Wal } from './wal.js';

const KIB = 1024;
/** Kills of each log, one after the other; 4 modes of 2 drivers make 24 of them. */
const ROUNDS = 3;
const CALLERS = 12;

const MODES: readonly WalOptions[] = [
  {},
  { sync: 'manual', batchSize: 4 * KIB },
  { sync: { intervalMs: 5 }, preallocateBytes: 0 },
  { directIo: true },
];

forEachDriver((driver) => {
  describe('killed at any moment', () => {
    test.for(MODES.map((mode) => [JSON.stringify(mode), mode] as const))('%s', async ([, mode]) => {
      const directory = freshDirectory();
      const options = { ...mode, driver, maxFileSize: 24 * KIB };
      let before: readonly EntryLine[] = [];
      let checkpoint = 0n;
      for (let round = 0; round < ROUNDS; round++) {
        const child = new WalProcess(directory, options, CALLERS);
        // Chance chooses the moment; whatever it is, the same must hold.
        await child.lines(1 + Math.floor(Math.random() * 400));
        const told = await child.kill();
        if (told.checkpoint > checkpoint) ({ checkpoint } = told);

        const wal = await Wal.open(directory, options);
        const records: WalRecord[] = [];
        for await (const record of wal.read()) records.push(record);
        checkEntries(records, told, checkpoint);
        const lines = records.map(lineOf);
        expectKept(lines, before, checkpoint);
        const next = await wal.put('last', 'word');
        expect(next.sequence).toBe((records.at(-1)?.sequence ?? 0n) + 1n);
        await wal.close();
        before = directoryLines(directory);
        expect(before.slice(0, -1)).toEqual(lines);
        const again = await Wal.open(directory, { ...options, verifyAll: true });
        expect(await readLines(again)).toEqual(before);
        await again.close();
      }
      expectNothingHeld(join(directory, 'x'), expectedNames(directory));
    });
  });

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

/** What was acknowledged is there, in order, without gaps; batches are whole. */
function checkEntries(records: readonly WalRecord[], told: ToldByWal, checkpoint: bigint): void {
  const first = records[0]?.sequence ?? 1n;
  expect(first).toBeLessThanOrEqual(checkpoint > 1n ? checkpoint : 1n);
  const keys = new Map<bigint, string>();
  for (const [index, record] of records.entries()) {
    expect(record.sequence).toBe(first + BigInt(index));
    keys.set(record.sequence, Buffer.from(record.key).toString());
    expectSubmitted(record);
  }
  for (const [sequence, key] of told.acknowledged) {
    if (sequence < first) continue;
    if (keys.get(sequence) !== key) throw new Error(`${String(sequence)} (${key}) is lost`);
  }
  const batched = records.filter(({ inBatch }) => inBatch).length;
  const isCut = records[0]?.inBatch === true && keys.get(first)?.endsWith('/0') !== true;
  expect(batched % BATCH_ENTRIES === 0 || isCut, 'all of a batch or none').toBe(true);
}

function expectSubmitted(record: WalRecord): void {
  const key = Buffer.from(record.key).toString();
  if (key === 'last') return;
  const [id = '', index] = key.split('/');
  const { value } = walKillEntry(id, Number(index));
  expect(Buffer.from(record.value).equals(value), key).toBe(true);
}

/** What an earlier recovery returned is still there, but for what a checkpoint covers. */
function expectKept(
  lines: readonly EntryLine[],
  before: readonly EntryLine[],
  checkpoint: bigint,
): void {
  const there = new Set(lines);
  for (const line of before) {
    const sequence = BigInt(line.slice(0, line.indexOf(' ')));
    if (sequence >= checkpoint && !there.has(line)) throw new Error(`${line} is gone`);
  }
}

function expectedNames(directory: string): string[] {
  return [...readSegments(directory).map(({ name }) => name), 'wal_manifest'];
}
