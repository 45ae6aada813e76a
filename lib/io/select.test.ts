import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

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
    const script =
      `import { selectDriver } from ${JSON.stringify(new URL('./select.js', import.meta.url).href)};` +
      'const results = [selectDriver("auto", {}).driver.name];' +
      'results.push(selectDriver("auto", {}).driver.fallbackReason);' +
      'try { selectDriver("uring", {}); }' +
      'catch (error) { results.push(error.name, error.code, error.message); }' +
      'console.log(JSON.stringify(results));';
    const command = ['--no-addons', '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, command);
    const [name, reason, ...refusal] = JSON.parse(stdout) as string[];
    expect(name).toBe('threadpool');
    expect(reason).toMatch(/addon/);
    expect(refusal).toEqual(['WalError', 'ERR_WAL_DRIVER', reason]);
  });

  test.each(['auto', 'uring'] as const)('%s: a ring size that is none is misuse', (choice) => {
    expect(() => selectDriver(choice, { ringSize: 3 })).toThrow(RangeError);
  });
});
