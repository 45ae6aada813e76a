// Which driver moves the bytes, and what happens where io_uring is refused: the writer works all the
// same and says why. Plus what the ring itself must bear: any size, many writers, no descriptor left.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

import type { TestContext } from 'vitest';
import { describe, expect, test } from 'vitest';

import { ringDescriptors } from './io/test-uring.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { withLockedMemory, withoutIoUring } from './test-tools/launchers.js';
import { appendAll, expectLog, freshLog } from './test-tools/logs.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { samplePuts } from './test-tools/records.js';
import { RemoteWriter } from './test-tools/remote-writer.js';
import { UringWalWriter } from './writer.js';

const KIB = 1024;

describe('io_uring refused by a seccomp filter', () => {
  async function filtered(context: TestContext, errno = 'EPERM'): Promise<RemoteWriter> {
    const [python, ...args] = withoutIoUring(errno);
    try {
      execFileSync(python, [...args, 'true'], { stdio: 'pipe' });
    } catch (error) {
      context.skip(`no seccomp filter can be set here: ${String(error).split('\n')[0] ?? ''}`);
    }
    return RemoteWriter.start([python, ...args]);
  }

  test.for([{}, { directIo: true }, { ringSize: 32768 }])(
    'auto: the thread pool does it, and the reason is told: %o',
    async (options, context) => {
      const remote = await filtered(context);
      const path = freshLog();
      const { driver } = await remote.open(path, { ...options, driver: 'auto' });
      expect(driver.name).toBe('threadpool');
      expect(driver.fallbackReason).toMatch(/EPERM/);
      expect(driver.fallbackReason).toMatch(/seccomp|io_uring_disabled|container/i);
      const outcomes = await remote.append(100, { sync: true });
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      await remote.close();
      expectLog(path, samplePuts(100));
    },
  );

  test('uring: refused with ERR_WAL_DRIVER, errno and advice, nothing created', async (context) => {
    const remote = await filtered(context);
    const path = freshLog();
    const error = await rejectionOf(remote.open(path, { driver: 'uring' }));
    expect(error).toMatchObject({ facts: { code: 'ERR_WAL_DRIVER', errno: 'EPERM' } });
    expect(readdirSync(path.slice(0, path.lastIndexOf('/')))).toEqual([]);
  });

  test('by a kernel that knows none of it: the same', async (context) => {
    const remote = await filtered(context, 'ENOSYS');
    const path = freshLog();
    const { driver } = await remote.open(path, { driver: 'auto' });
    expect(driver.name).toBe('threadpool');
    expect(driver.fallbackReason).toMatch(/ENOSYS/);
    await remote.append(10, { sync: true });
    await remote.close();
    expectLog(path, samplePuts(10));
  });

  test('threadpool: no fallback, so no reason', async (context) => {
    const remote = await filtered(context);
    const { driver } = await remote.open(freshLog(), { driver: 'threadpool' });
    expect(driver).toMatchObject({ name: 'threadpool', fallbackReason: undefined });
    await remote.close();
  });
});

describe('little memory that may be locked', () => {
  /** Without rights: those who have them may lock what they like. */
  async function limited(bytes: number): Promise<RemoteWriter> {
    const remote = await RemoteWriter.start(withLockedMemory(bytes));
    await remote.dropRights();
    return remote;
  }

  test.each([0, 64 * KIB])('%i bytes: auto works, by one driver or the other', async (bytes) => {
    for (const ringSize of [1, 128, 32768]) {
      const path = freshLog();
      execFileSync('chmod', ['777', path.slice(0, path.lastIndexOf('/'))]);
      const remote = await limited(bytes);
      const { driver } = await remote.open(path, { driver: 'auto', ringSize });
      if (driver.name === 'threadpool') expect(driver.fallbackReason).toMatch(/E[A-Z]+/);
      const outcomes = await remote.append(50, { sync: true, valueBytes: 1000 });
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      await remote.close();
      expectLog(path, samplePuts(50, 1, 1000));
      await remote.kill();
    }
  });
});

forEachDriver((driver) => {
  test('auto takes the best there is, and a driver of the caller stays the caller’s', async () => {
    const own = newDriver(driver);
    for (let round = 0; round < 2; round++) {
      const path = freshLog();
      const writer = await UringWalWriter.open(path, { driver: own });
      expect(writer.driver.name).toBe(driver);
      await appendAll(writer, samplePuts(3));
      await writer.close();
      expectLog(path, samplePuts(3));
    }
    await own.close();
    const auto = await UringWalWriter.open(freshLog());
    if (driver === 'uring') expect(auto.driver).toMatchObject({ name: 'uring' });
    else expect(['uring', 'threadpool']).toContain(auto.driver.name);
    await auto.close();
  });

  test('twenty writers at once, each with a log of its own', async () => {
    const paths = Array.from({ length: 20 }, freshLog);
    const writers = await Promise.all(paths.map((path) => UringWalWriter.open(path, { driver })));
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        writers.map((writer) => appendAll(writer, samplePuts(20, 1 + round * 20), { sync: true })),
      );
    }
    await Promise.all(writers.map((writer) => writer.close()));
    for (const path of paths) expectLog(path, samplePuts(60));
  });

  test('opened and closed a hundred times: no descriptor is left, nor a ring', async () => {
    const rings = ringDescriptors();
    const path = freshLog();
    const open = async (): Promise<void> => {
      // A ring of a size that no other test has, so that none is shared.
      const writer = await UringWalWriter.open(path, { driver, ringSize: 2 });
      await writer.close();
    };
    await open();
    const before = readdirSync('/proc/self/fd').length;
    expect(ringDescriptors()).toBe(rings);
    for (let round = 0; round < 100; round++) await open();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});
