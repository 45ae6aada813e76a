// io_uring where it is forbidden or limited: the driver says why, `auto` falls back, and what can
// do without locked memory does.

import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, test, type TestContext } from 'vitest';

import { requireUring, ringDescriptors } from './test-uring.js';
import { permissionReason, refusalReason } from './uring-reason.js';
import { createUringDriver } from './uring.js';

const CHILD = fileURLToPath(new URL('./test-uring-limits-child.js', import.meta.url));
const WITHOUT_URING = fileURLToPath(
  new URL('../../../native/test-tools/without-io-uring.py', import.meta.url),
);

/** Looked at before this process has rings of ours. */
const LIBUV_HAS_RINGS = process.platform === 'linux' && ringDescriptors() > 0;

/** A process as nobody, with so many KiB of memory to lock. */
const LAUNCHER =
  'import os, resource, sys\n' +
  'bytes = int(sys.argv[1]) << 10\n' +
  'resource.setrlimit(resource.RLIMIT_MEMLOCK, (bytes, bytes))\n' +
  'if os.geteuid() == 0:\n' +
  '    os.setgid(65534)\n' +
  '    os.setuid(65534)\n' +
  'os.execv(sys.argv[2], sys.argv[2:])\n';

interface Report {
  /** Per ring size: its features, or the refusal. */
  readonly rings: Record<
    string,
    | { memoriesRegistered: number; memoriesPlain: number; written: number }
    | { code: string; errno: string; message: string }
    | { code: string; syscall: string }
  >;
  readonly auto: { name: string; fallbackReason: string | null; written: number };
}

async function report(command: string, args: readonly string[], what = 'all'): Promise<Report> {
  const all = [...args, process.execPath, CHILD, what];
  const { stdout } = await promisify(execFile)(command, all);
  return JSON.parse(stdout) as Report;
}

describe('io_uring refused by a seccomp filter', () => {
  test.each([
    ['EPERM', /^io_uring is refused \(EPERM\): .*seccomp/],
    ['ENOSYS', /^io_uring is refused \(ENOSYS\): the kernel has none .*or a sandbox hides it/],
  ])('%s: the driver says why, and auto falls back', async (errno, words) => {
    const { rings, auto } = await report('python3', [WITHOUT_URING, errno]);
    for (const size of ['1', '128', '32768']) {
      expect(rings[size]).toMatchObject({ code: 'ERR_WAL_DRIVER', errno });
      expect(rings[size]).toHaveProperty('message', expect.stringMatching(words) as string);
    }
    expect(auto).toMatchObject({ name: 'threadpool', written: 5 });
    expect(auto.fallbackReason).toMatch(words);
  });
});

describe('single calls refused', () => {
  const sizes = ['1', '128', '32768'];

  test('io_uring_register: a kernel that cannot be probed is too old', async (context) => {
    requireUring(context);
    const { rings, auto } = await report('python3', [WITHOUT_URING, 'EINVAL:register']);
    for (const size of sizes) expect(rings[size]).toMatchObject({ errno: 'ENOSYS' });
    expect(auto).toMatchObject({ name: 'threadpool', written: 5 });
  });

  test.for(['EAGAIN', 'EPERM'])(
    'io_uring_enter: operations reject with %s',
    async (errno, context) => {
      // As newer versions of Node.js do; refused, libuv aborts the process.
      if (LIBUV_HAS_RINGS) context.skip('libuv of this Node.js needs io_uring_enter for itself');
      // The set-up works here, and then nothing can be submitted: no hang, no crash.
      const { rings } = await report('python3', [WITHOUT_URING, `${errno}:enter`], 'rings');
      // The small write before it goes past the ring.
      for (const size of sizes)
        expect(rings[size]).toMatchObject({ code: errno, syscall: 'fdatasync' });
    },
  );
});

describe('a memory limit (RLIMIT_MEMLOCK)', () => {
  test('without any, a ring is refused with ENOMEM and the limit is named', async (context) => {
    requireUnprivileged(context);
    const { rings, auto } = await report('python3', ['-c', LAUNCHER, '0']);
    if ('written' in (rings['1'] ?? {})) context.skip('this kernel charges no ring to the limit');
    expect(rings['128']).toMatchObject({ code: 'ERR_WAL_DRIVER', errno: 'ENOMEM' });
    expect(auto).toMatchObject({ name: 'threadpool', written: 5 });
    expect(auto.fallbackReason).toContain('RLIMIT_MEMLOCK');
  });

  test('too small to register memory: the ring works with plain memory', async (context) => {
    requireUnprivileged(context);
    const { rings } = await report('python3', ['-c', LAUNCHER, '160']);
    for (const size of ['1', '128']) {
      expect(rings[size]).toEqual({ memoriesRegistered: 0, memoriesPlain: 1, written: 5 });
    }
  });

  test('large enough: memory is registered', async (context) => {
    requireUnprivileged(context);
    const hard = /Max locked memory +\S+ +(\S+)/.exec(
      readFileSync('/proc/self/limits', 'utf8'),
    )?.[1];
    if (Number(hard) < 8192 * 1024) context.skip(`the limit cannot be raised above ${hard} bytes`);
    const { rings } = await report('python3', ['-c', LAUNCHER, '8192']);
    const features = { memoriesRegistered: 1, memoriesPlain: 0, written: 5 };
    expect(rings['128']).toEqual(features);
    expect(rings['32768']).toEqual(features);
  });
});

/** The child runs as another user, who must be able to read the built files. */
function requireUnprivileged(context: TestContext): void {
  requireUring(context);
  if (process.geteuid?.() !== 0) return;
  for (let path = CHILD; path !== '/'; path = dirname(path)) {
    // Read and enter for others.
    const needed = path === CHILD ? 0o4 : 0o1;
    if ((statSync(path).mode & needed) === 0) context.skip('others cannot read the built files');
  }
}

describe('ring sizes', () => {
  test.each([0, 3, -1, 1.5, 65_536, Number.NaN, Infinity])('%d is a RangeError', (ringSize) => {
    expect(() => createUringDriver({ ringSize })).toThrow(RangeError);
  });

  test.each([1, 2, 128, 32_768])('%d works', async (ringSize) => {
    const driver = createUringDriver({ ringSize });
    try {
      expect(driver.features()).toMatchObject({ ringSize, inFlightMax: 2 * ringSize });
    } finally {
      await driver.close();
    }
  });
});

describe('the reason of a refusal', () => {
  test.each([
    ['2', 'kernel.io_uring_disabled = 2'],
    ['1', 'kernel.io_uring_group'],
    ['0', 'Docker'],
    [undefined, 'Docker'],
  ])('EPERM with kernel.io_uring_disabled = %s', (disabled, words) => {
    expect(permissionReason(disabled)).toContain(words);
  });

  test('a missing operation, other errnos', () => {
    expect(refusalReason(38, 8, 22)).toContain('lacks operation 22');
    expect(refusalReason(24, 8)).toBe('io_uring is refused (EMFILE): too many open files');
    expect(refusalReason(4000, 8)).toBe('io_uring is refused (E4000): system error 4000');
  });
});
