// The example application: what it was told is there, whenever its process dies.

import { readdirSync } from 'node:fs';

import { expect, onTestFinished, test } from 'vitest';

import { CrashDriver } from '../test-tools/crash-driver.js';
import { forEachDriver, newDriver } from '../test-tools/drivers.js';
import { freshDirectory } from '../test-tools/logs.js';
import { KvStore } from './kv-store.js';

forEachDriver((name) => {
  async function open(directory: string): Promise<KvStore> {
    const store = await KvStore.open(directory, { driver: name, maxFileSize: 16 * 1024 });
    onTestFinished(() => store.close().catch(() => undefined));
    return store;
  }

  test('sets, removes, and is the same when it is opened again', async () => {
    const directory = freshDirectory();
    let store = await open(directory);
    await store.set('a', '1');
    await Promise.all([store.set('b', '2'), store.set('a', '3'), store.set('c', 'ä€𝄞')]);
    await store.set('b', undefined);
    expect([...store.entries()]).toEqual([
      ['a', '3'],
      ['c', 'ä€𝄞'],
    ]);
    await store.close();
    store = await open(directory);
    expect([store.get('a'), store.get('b'), store.get('c')]).toEqual(['3', undefined, 'ä€𝄞']);
  });

  test('a log with as many files as it may have is freed by a checkpoint', async () => {
    const limits = { driver: name, maxFileSize: 4096, maxWalFilesHard: 3 };
    const store = await KvStore.open(freshDirectory(), limits);
    onTestFinished(() => store.close().catch(() => undefined));
    let fullCount = 0;
    for (let change = 0; change < 200; change++) {
      try {
        await store.set(`key-${String(change % 5)}`, 'x'.repeat(500));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_WAL_FULL' });
        fullCount++;
        await store.checkpoint();
      }
    }
    expect(fullCount).toBeGreaterThan(2);
    expect([...store.entries()].length).toBe(5);
  });

  test('a checkpoint bounds the log, while changes go on', async () => {
    const directory = freshDirectory();
    const store = await open(directory);
    await store.checkpoint();
    const changes: Promise<void>[] = [];
    for (let round = 0; round < 8; round++) {
      for (let key = 0; key < 30; key++) {
        const value = key % 7 === round ? undefined : `${'x'.repeat(50)} ${String(round)}`;
        changes.push(store.set(`key-${String(key)}`, value));
      }
      changes.push(store.checkpoint());
    }
    await Promise.all(changes);
    const before = [...store.entries()].sort();
    await store.close();
    expect(readdirSync(directory).length).toBeLessThan(4);
    const again = await open(directory);
    expect([...again.entries()].sort()).toEqual(before);
    for (const [key] of before) await again.set(key, undefined);
    await again.checkpoint();
    await again.close();
    expect([...(await open(directory)).entries()]).toEqual([]);
  });

  test('after a crash at any step, what was acknowledged is there', async () => {
    let steps = 0;
    for (let hasCrashed = true; hasCrashed; steps++) {
      const directory = freshDirectory();
      const driver = new CrashDriver(newDriver(name), steps);
      // What each key may be: as acknowledged, or as the change says that was under way.
      const possible = new Map<string, (string | undefined)[]>();
      try {
        const store = await KvStore.open(directory, { driver, maxFileSize: 4096 });
        for (let count = 0; count < 12; count++) {
          const key = `key-${String(count % 4)}`;
          const value = count % 5 === 4 ? undefined : `${String(count)}${'v'.repeat(600)}`;
          possible.set(key, [...(possible.get(key) ?? [undefined]), value]);
          await store.set(key, value);
          possible.set(key, [value]);
          if (count % 6 === 5) await store.checkpoint();
        }
        await store.close();
      } catch (error) {
        expect(driver.hasCrashed, String(error)).toBe(true);
      }
      hasCrashed = driver.hasCrashed;
      await driver.bury();
      const again = await open(directory);
      for (const [key, values] of possible) expect(values).toContain(again.get(key));
      const known = [...again.entries()].map(([key]) => key);
      expect(known.every((key) => possible.has(key))).toBe(true);
      await again.close();
    }
    expect(steps).toBeGreaterThan(40);
  });
});
