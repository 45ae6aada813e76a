// The format's promise: logs of the original implementation are read to exactly what they hold,
// and their entries are written again to exactly their bytes.

import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TestContext } from 'vitest';
import { inFolder, linesOf, runCommand } from './fixtures/command.js';
import { goldenLogs } from './fixtures/golden.js';
import { independentLine, independentRead } from './fixtures/independent.js';
import type { WalRecord } from './index.js';
import { UringWalWriter, WalEntry, WalError, WalReader } from './index.js';

const DRIVERS = ['uring', 'threadpool'] as const;
type Driver = (typeof DRIVERS)[number];

/** Why a driver cannot be used here; undefined when it can. */
async function refusal(driver: Driver): Promise<string | undefined> {
  return inFolder(async (folder) => {
    try {
      await (await UringWalWriter.open(join(folder, 'log'), { driver })).close();
      return undefined;
    } catch (error) {
      if (error instanceof WalError && error.code === 'ERR_WAL_DRIVER') return error.message;
      throw error;
    }
  });
}

/** Skips the test, saying why, where the driver cannot be used. */
async function skipWithout(driver: Driver, context: TestContext): Promise<void> {
  const reason = await refusal(driver);
  if (reason !== undefined) context.skip(reason);
}

/** The record as a dump line, made of the public API's fields alone. */
function lineOf(record: WalRecord): string {
  const { sequence, type, offset, length, crc, key, value } = record;
  return independentLine({ sequence, type, offset, length, crc, key, value });
}

describe.each(goldenLogs())('golden log $name', ({ wal, lines }) => {
  it('is read to exactly its lines by the command', async () => {
    const { code, stdout, stderr } = await runCommand(['dump', wal]);
    expect(linesOf(stdout)).toEqual(lines);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is decoded and encoded record by record', () => {
    const bytes = readFileSync(wal);
    const { records } = independentRead(bytes);
    expect(records).toHaveLength(lines.length);
    for (const { offset, length, crc } of records) {
      const record = bytes.subarray(offset, offset + length);
      const entry = WalEntry.decode(record);
      expect(entry.checksum).toBe(crc);
      expect(Buffer.from(entry.encode()).equals(record)).toBe(true);
    }
  });

  it('is written again to exactly its bytes by the command, from its own dump', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const { code, stdout } = await runCommand(['append', log], `${lines.join('\n')}\n`);
      expect(code).toBe(0);
      expect(linesOf(stdout)).toHaveLength(lines.length);
      expect(readFileSync(log).equals(readFileSync(wal))).toBe(true);
    });
  });

  describe.each(DRIVERS)('with the %s driver', (driver) => {
    it('is read to exactly its lines', async (context) => {
      await skipWithout(driver, context);
      const reader = await WalReader.open(wal, { driver });
      const read: string[] = [];
      for await (const record of reader) read.push(lineOf(record));
      expect(read).toEqual(lines);
      expect(reader.end?.kind).toBe('clean');
      await reader.close();
    });

    it('is read to exactly its lines chunk by chunk', async (context) => {
      await skipWithout(driver, context);
      const reader = await WalReader.open(wal, { driver });
      const read: string[] = [];
      for await (const chunk of reader.chunks())
        for (const record of chunk) read.push(lineOf(record));
      expect(read).toEqual(lines);
      await reader.close();
    });

    it.for([
      ['written', { sync: false, directIo: false }],
      ['durable', { sync: true, directIo: false }],
      ['durable, past the page cache', { sync: true, directIo: true }],
      ['in tiny batches', { sync: false, directIo: false, batchSize: 64 }],
    ] as const)('is written again to exactly its bytes: %s', async ([, options], context) => {
      await skipWithout(driver, context);
      await inFolder(async (folder) => {
        const log = join(folder, 'log');
        const { records } = independentRead(readFileSync(wal));
        const writer = await UringWalWriter.open(log, { ...options, driver });
        const places = await Promise.all(
          records.map(({ sequence, type, key, value }) =>
            writer.append(
              type === 'put' ? WalEntry.put(sequence, key, value) : WalEntry.delete(sequence, key),
            ),
          ),
        );
        await writer.close();
        const expected = records.map(({ sequence, offset, length }) => ({
          sequence,
          offset,
          length,
        }));
        expect(places).toEqual(expected);
        expect(readFileSync(log).equals(readFileSync(wal))).toBe(true);
      });
    });

    it('can be opened and appended to, and keeps its bytes', async (context) => {
      await skipWithout(driver, context);
      await inFolder(async (folder) => {
        const log = join(folder, 'log');
        copyFileSync(wal, log);
        const writer = await UringWalWriter.open(log, { driver });
        expect(writer.recovery.records).toBe(lines.length);
        const { offset } = await writer.append(WalEntry.put(1000n, 'key', 'value'));
        await writer.close();
        const bytes = readFileSync(wal);
        expect(offset).toBe(bytes.length);
        expect(readFileSync(log).subarray(0, bytes.length).equals(bytes)).toBe(true);
        expect(independentRead(readFileSync(log)).records).toHaveLength(lines.length + 1);
      });
    });
  });
});
