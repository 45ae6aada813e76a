// What only the manifest can explain: a gap that a salvage has left, and the cut that is asked for
// inside it; an empty log of which a trim has left nothing else.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { lookAt } from './cli/look.js';
import { flipBitIn } from './test-tools/damage.js';
import { forEachDriver } from './test-tools/drivers.js';
import { fail } from './test-tools/faulty-driver.js';
import { freshDirectory } from './test-tools/logs.js';
import { expectRejection } from './test-tools/rejections.js';
import { fiveSegments, newFaultyDriver } from './test-tools/wal-set-up.js';
import { lineOf, putLines, puts, readLines } from './test-tools/wals.js';
import { Wal } from './wal.js';

forEachDriver((driver) => {
  const options = { driver, maxFileSize: 4096 } as const;

  /** Entries 1 … 7 and 15 … 35: the second segment was lost. */
  async function salvaged(): Promise<string> {
    const directory = await fiveSegments(driver);
    rmSync(join(directory, 'wal_00000002.log'));
    await (await Wal.open(directory, { ...options, recovery: 'salvage' })).close();
    return directory;
  }

  test.each([8n, 11n, 14n])('truncateAfter(%s) in it is refused', async (sequence) => {
    const directory = await salvaged();
    const wal = await Wal.open(directory, options);
    await expect(wal.truncateAfter(sequence)).rejects.toThrow(RangeError);
    await wal.close();
    const again = await Wal.open(directory, options);
    expect(await readLines(again)).toEqual([...putLines(7, 1, 500), ...putLines(21, 15, 500)]);
    await again.close();
  });

  test('truncateAfter at its edges cuts there, and the log opens again', async () => {
    const directory = await salvaged();
    const wal = await Wal.open(directory, options);
    await wal.truncateAfter(15n);
    await wal.truncateAfter(7n);
    await wal.close();
    const again = await Wal.open(directory, options);
    expect(await readLines(again)).toEqual(putLines(7, 1, 500));
    expect((await again.put('next', '')).sequence).toBe(8n);
    await again.close();
  });

  test.each(['wal_99999999.log', 'wal_9007199254740990.log'])(
    'a stray %s is refused, salvaged and explained in no time',
    async (name) => {
      const directory = await salvaged();
      writeFileSync(join(directory, name), '');
      const error = await expectRejection(Wal.open(directory, options), 'ERR_WAL_CORRUPT');
      expect(error.message).toMatch(/wal_0000000\d\.log': the file is missing/);
      const { survey } = await lookAt(directory);
      expect(survey.missing).toHaveLength(100);
      for (const recovery of ['salvage', 'strict'] as const) {
        const wal = await Wal.open(directory, { ...options, recovery });
        expect(await readLines(wal)).toEqual([...putLines(7, 1, 500), ...putLines(21, 15, 500)]);
        await wal.close();
      }
    },
  );

  test.each(['remove', 'truncate', 'open', 'syncDirectory'] as const)(
    'a cut that fails in %s can be opened again: the gap behind it may still be there',
    async (kind) => {
      const directory = await salvaged();
      const faulty = newFaultyDriver(driver);
      const wal = await Wal.open(directory, { ...options, driver: faulty });
      faulty.always(kind, fail('EIO'));
      await expect(wal.truncateAfter(5n)).rejects.toThrow('EIO');
      await wal.close().catch(() => undefined);
      faulty.heal();
      const { judgement } = await lookAt(directory);
      expect(judgement.damages).toEqual([]);
      const read: string[] = [];
      for await (const record of Wal.readDirectory(directory, { driver }))
        read.push(lineOf(record));
      expect(read.slice(0, 5)).toEqual(putLines(5, 1, 500));
      const again = await Wal.open(directory, options);
      expect((await readLines(again)).slice(0, 5)).toEqual(putLines(5, 1, 500));
      await again.close();
    },
  );

  test('the manifest stays while a file in front of the gap may still be there', async () => {
    const directory = await salvaged();
    const faulty = newFaultyDriver(driver);
    const wal = await Wal.open(directory, { ...options, driver: faulty });
    faulty.always('rename', fail('ENOSPC'));
    faulty.next('remove', fail('EIO'), 1, ({ path }) => path.endsWith('.log'));
    await expectRejection(wal.truncateBefore(22n), 'ERR_WAL_WRITE');
    await wal.close();
    const again = await Wal.open(directory, options);
    expect(await readLines(again)).toEqual([...putLines(7, 1, 500), ...putLines(21, 15, 500)]);
    await again.close();
  });

  test.each(['trim', 'salvage'] as const)(
    'a %s that fails before it has kept its copies still keeps them when it is tried again',
    async (recovery) => {
      const directory = freshDirectory();
      const wal = await Wal.open(directory, options);
      await wal.appendMany(puts(20, 1, 500));
      await wal.close();
      const bytes = flipBitIn(join(directory, 'wal_00000001.log'), 0);
      const faulty = newFaultyDriver(driver);
      const isSegment = ({ path: file }: { path: string }): boolean => file.endsWith('.log');
      const again = { ...options, recovery, verifyAll: true } as const;
      faulty.next('rename', fail('EIO'), 1, isSegment);
      await expect(Wal.open(directory, { ...again, driver: faulty })).rejects.toThrow('EIO');
      const recovered = await Wal.open(directory, again);
      await recovered.close();
      const copies = recovered.recovery.quarantined.map((name) => readFileSync(name));
      const second = bytes.readUInt32LE(0) ^ 1;
      expect(copies.some((copy) => copy.includes(bytes.subarray(second + 4)))).toBe(true);
    },
  );

  test('a trim that is tried again still knows the gap that was accepted before', async () => {
    const directory = await salvaged();
    flipBitIn(join(directory, 'wal_00000004.log'), 0);
    const faulty = newFaultyDriver(driver);
    const trim = { ...options, recovery: 'trim', verifyAll: true } as const;
    faulty.next('rename', fail('EIO'), 1, ({ path }) => path.endsWith('.log'));
    await expect(Wal.open(directory, { ...trim, driver: faulty })).rejects.toThrow('EIO');
    const again = await Wal.open(directory, trim);
    expect(await readLines(again)).toEqual([...putLines(7, 1, 500), ...putLines(7, 15, 500)]);
    await again.close();
  });

  test('a trim that leaves no record goes on only once a manifest says what comes next', async () => {
    const directory = freshDirectory();
    const wal = await Wal.open(directory, options);
    await wal.appendMany(puts(20, 1, 500));
    await wal.truncateBefore(15n);
    await wal.close();
    rmSync(join(directory, 'wal_manifest'));
    flipBitIn(join(directory, 'wal_00000003.log'), 0);
    const faulty = newFaultyDriver(driver);
    const trim = { ...options, recovery: 'trim' } as const;
    faulty.always('rename', fail('ENOSPC'));
    await expectRejection(Wal.open(directory, { ...trim, driver: faulty }), 'ERR_WAL_WRITE');
    await (await Wal.open(directory, trim)).close();
    const again = await Wal.open(directory, options);
    expect(await readLines(again)).toEqual([]);
    await again.close();
  });
});
