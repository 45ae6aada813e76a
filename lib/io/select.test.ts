import { describe, expect, test } from 'vitest';

import { WalError } from '../errors.js';
import { selectDriver } from './select.js';
import { createThreadpoolDriver } from './threadpool.js';

describe('selecting a driver', () => {
  test('a driver that was brought stays its owner’s', () => {
    const driver = createThreadpoolDriver();
    expect(selectDriver(driver, {})).toEqual({ driver, owned: false });
  });

  test('threadpool is what was asked for, so there is no reason', async () => {
    const { driver, owned } = selectDriver('threadpool', { ringSize: 8 });
    expect(owned).toBe(true);
    expect(driver.name).toBe('threadpool');
    expect(driver.fallbackReason).toBeUndefined();
    await driver.close();
  });

  test('auto always finds one, and says why where it is not io_uring', async () => {
    const { driver, owned } = selectDriver('auto', { ringSize: 8 });
    expect(owned).toBe(true);
    if (driver.name === 'uring') expect(driver.fallbackReason).toBeUndefined();
    else expect(driver.fallbackReason).not.toBe('');
    await driver.close();
  });

  test('uring is io_uring, or ERR_WAL_DRIVER with the reason that auto gives', async () => {
    const auto = selectDriver('auto', { ringSize: 8 });
    const { name, fallbackReason } = auto.driver;
    await auto.driver.close();
    if (name === 'uring') {
      const { driver } = selectDriver('uring', { ringSize: 8 });
      expect(driver.name).toBe('uring');
      await driver.close();
      return;
    }
    const refused = (): unknown => selectDriver('uring', { ringSize: 8 });
    expect(refused).toThrow(WalError);
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_WAL_DRIVER' }) as Error);
    expect(refused).toThrow(fallbackReason ?? '');
  });
});
