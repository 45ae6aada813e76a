// The contract of a driver's time. Nothing here asserts how long anything takes.

import { describe, expect, test } from 'vitest';

import type { CurrentWorld } from './contract-world.js';
import type { IoDriver } from './driver.js';

const CALLERS = 64;

export function timeContract(current: CurrentWorld): void {
  describe('time', () => {
    test('now never goes back', () => {
      const { driver } = current();
      let last = driver.now();
      for (let round = 0; round < 1000; round += 1) {
        const next = driver.now();
        expect(next).toBeGreaterThanOrEqual(last);
        last = next;
      }
    });

    test('delay calls back once, later and in order', async () => {
      const { driver } = current();
      const order: string[] = [];
      const long = elapsed(driver, 40).then(() => order.push('long'));
      const short = elapsed(driver, 1).then(() => order.push('short'));
      order.push('now');
      await Promise.all([long, short]);
      expect(order).toEqual(['now', 'short', 'long']);
    });

    test('a cancelled delay never calls back; cancelling late or twice is fine', async () => {
      const { driver } = current();
      let called = 0;
      const cancel = driver.delay(1, () => {
        called += 1;
      });
      cancel();
      cancel();
      await elapsed(driver, 20);
      expect(called).toBe(0);
      const cancelLate = driver.delay(0, () => {
        called += 1;
      });
      await elapsed(driver, 20);
      cancelLate();
      expect(called).toBe(1);
    });

    test('defer comes after the callers of a promise callback, however deep', async () => {
      const { driver } = current();
      await Promise.resolve();
      expect(await callersBefore(driver)).toBe(CALLERS);
    });

    test('defer comes after the callers of an I/O or timer callback too', async () => {
      const { driver } = current();
      const before = await new Promise<number>((resolve) => {
        driver.delay(1, () => {
          resolve(callersBefore(driver));
        });
      });
      expect(before).toBe(CALLERS);
    });
  });
}

/** How many callers, half of them some awaits deeper, came before the first one's defer. */
function callersBefore(driver: IoDriver): Promise<number> {
  return new Promise((resolve) => {
    let arrived = 0;
    const caller = async (awaits: number): Promise<void> => {
      for (let index = 0; index < awaits; index += 1) await Promise.resolve();
      arrived += 1;
      if (arrived > 1) return;
      driver.defer(() => {
        resolve(arrived);
      });
    };
    for (let index = 0; index < CALLERS; index += 1) void caller(index % 4);
  });
}

function elapsed(driver: IoDriver, ms: number): Promise<void> {
  return new Promise((resolve) => {
    driver.delay(ms, resolve);
  });
}
