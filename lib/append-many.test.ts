import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UringWalWriter, WalEntry, WalReader } from './index.js';

describe('appendMany', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wal-many-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  const entries = Array.from({ length: 2500 }, (_, index) =>
    WalEntry.put(index + 1, `key ${String(index)}`, 'x'.repeat(index % 50)),
  );

  test.each([true, false])('gives the place of every entry, sync %s', async (sync) => {
    const path = join(directory, 'log');
    const writer = await UringWalWriter.open(path, { channelCapacity: 1000 });
    const positions = await writer.appendMany(entries, { sync });
    if (sync) expect(writer.stats().durableEnd).toBe(writer.stats().end);
    await writer.close();
    const reader = await WalReader.open(path);
    let index = 0;
    for await (const record of reader) {
      expect(record.sequence).toBe(positions.sequences[index]);
      expect(record.offset).toBe(positions.offsets[index]);
      expect(record.length).toBe(positions.lengths[index]);
      expect(record.key).toEqual(entries[index]?.key);
      index++;
    }
    expect(index).toBe(entries.length);
    expect(positions.segments).toEqual([]);
    await reader.close();
  });

  test('no entries are appended at once', async () => {
    const writer = await UringWalWriter.open(join(directory, 'log'));
    expect((await writer.appendMany([])).offsets).toEqual([]);
    await writer.close();
  });

  test('what only looks like an array is refused, with nothing appended', async () => {
    const writer = await UringWalWriter.open(join(directory, 'log'));
    for (const none of ['entries', { length: 1, 0: entries[0] }, new Set(entries), undefined]) {
      const appended = writer.appendMany(none as unknown as WalEntry[]);
      await expect(appended).rejects.toThrow(new TypeError('entries must be an array'));
    }
    expect(writer.stats().end).toBe(0);
    await writer.close();
  });

  test('a bad entry rejects, and none behind it is tried', async () => {
    const writer = await UringWalWriter.open(join(directory, 'log'), { maxRecordBytes: 100 });
    const tooLarge = WalEntry.put(2, 'k', 'v'.repeat(100));
    const some = [WalEntry.put(1, 'a', ''), tooLarge, WalEntry.put(3, 'b', '')];
    await expect(writer.appendMany(some)).rejects.toThrow(RangeError);
    expect(writer.stats().acknowledged).toBe(1);
    await writer.close();
    await expect(writer.appendMany(some)).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
  });
});
