// What the io_uring driver relies on of a kernel, seen through the addon's ring itself. The driver
// never links operations and never drains, so what links do with failures (which differs from their
// manual) is none of its business. A fact that this kernel or disk does not show is skipped aloud.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { constants as system, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest';

import { projectFolder } from '../lib/fixtures/golden.js';
import { independentRead } from '../lib/fixtures/independent.js';
import { SharedRing } from '../lib/io/uring-ring.js';
import type { UringMemory } from '../lib/io/uring-memory.js';
import { refusal } from './harness/kernel.js';

const { EFBIG, EINVAL } = system.errno;
const BLOCK_BYTES = 4096;
const MEBIBYTE = 1024 * 1024;

let directory = '';
let ring: SharedRing | undefined;

beforeEach(async (context) => {
  const reason = await refusal('uring');
  if (reason !== undefined) context.skip(reason);
  directory = mkdtempSync(join(tmpdir(), 'uring-wal-'));
});

afterEach(() => {
  ring?.leave();
  ring = undefined;
  rmSync(directory, { recursive: true, force: true });
});

function take(size: number): SharedRing {
  return (ring = SharedRing.take(size));
}

/** The result of an operation once it has completed: bytes, or a negated errno. */
function completion(started: (ring: SharedRing) => number): Promise<number> {
  return new Promise((resolve) => {
    const taken = ring ?? take(8);
    const result = started(taken);
    if (taken.completed(result, resolve)) resolve(result);
  });
}

function write(fd: number, memory: UringMemory, length: number, position: number): Promise<number> {
  return completion(({ addon, number }) =>
    addon.ringWrite(number, fd, memory.number, 0, length, position, 0, 0),
  );
}

function sync(fd: number): Promise<number> {
  return completion(({ addon, number }) => addon.ringSync(number, fd, 1));
}

function open(flags = 0): number {
  return openSync(join(directory, 'file'), constants.O_RDWR | constants.O_CREAT | flags);
}

function openDirect(context: TestContext): number {
  try {
    return open(constants.O_DIRECT);
  } catch (error) {
    context.skip(`this file system refuses O_DIRECT: ${String(error)}`);
  }
}

describe('kernel facts', () => {
  test('3: a short count hides the errno; only the rest, submitted again, tells it', async () => {
    const fd = open();
    const memory = take(8).memory(BLOCK_BYTES);
    limitFileSize(1000);
    try {
      expect(await write(fd, memory, BLOCK_BYTES, 0)).toBe(1000);
      expect(await write(fd, memory, BLOCK_BYTES - 1000, 1000)).toBe(-EFBIG);
    } finally {
      limitFileSize('unlimited');
    }
    memory.release();
    closeSync(fd);
  });

  test('4: a sync in flight together with writes does not wait for them', async (context) => {
    const fd = openDirect(context);
    ftruncateSync(fd, 64 * MEBIBYTE);
    const memory = take(128).memory(MEBIBYTE);
    let overtaken = 0;
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      const order: string[] = [];
      const writes = Array.from({ length: 16 }, async (_, index) => {
        expect(await write(fd, memory, MEBIBYTE, index * MEBIBYTE)).toBe(MEBIBYTE);
        order.push('write');
      });
      const synced = sync(fd).then((result) => {
        expect(result).toBe(0);
        order.push('sync');
      });
      await Promise.all([...writes, synced]);
      if (order.at(-1) !== 'sync') overtaken += 1;
    }
    memory.release();
    closeSync(fd);
    if (overtaken === 0) context.skip(`no sync overtook a write in ${rounds} rounds here`);
    expect(overtaken).toBeGreaterThan(0);
  });

  // The driver enters the kernel without waiting there, so a signal hardly ever finds it inside:
  // strace(1) interrupts every third enter instead. A completion that is -EINTR itself cannot be
  // brought about from outside; the simulator's faults `write-eintr` and `sync-eintr` stand for it.
  test('7: an enter that is interrupted (EINTR) is repeated, and nothing is lost', (context) => {
    const { interrupted, appended, problem } = appendInterrupted(join(directory, 'log'));
    if (problem !== undefined) context.skip(`strace(1) cannot interrupt system calls: ${problem}`);
    expect(interrupted).toBeGreaterThan(20);
    expect(appended).toBe(APPENDS);
    const { records, end } = independentRead(readFileSync(join(directory, 'log')));
    expect(records).toHaveLength(APPENDS);
    expect(end).toBe(readFileSync(join(directory, 'log')).length);
  });

  test('7: signals while operations are in flight lose no completion', async () => {
    const fd = open();
    const memory = take(8).memory(BLOCK_BYTES);
    let seen = 0;
    const onSignal = (): void => void (seen += 1);
    process.on('SIGWINCH', onSignal);
    const results: number[] = [];
    for (let round = 0; round < 50; round++) {
      const writes = Array.from({ length: 20 }, (_, index) => {
        process.kill(process.pid, 'SIGWINCH');
        return write(fd, memory, BLOCK_BYTES, index * BLOCK_BYTES);
      });
      results.push(...(await Promise.all([...writes, sync(fd)])));
    }
    process.off('SIGWINCH', onSignal);
    expect(seen).toBeGreaterThan(0);
    expect(results.filter((result) => result !== BLOCK_BYTES && result !== 0)).toEqual([]);
    expect(results.filter((result) => result === BLOCK_BYTES)).toHaveLength(1000);
    memory.release();
    closeSync(fd);
  });

  test.each([1, 2, 16])(
    '8: a ring of %d entries loses no completion of thousands in flight',
    async (entries) => {
      const fd = open();
      const memory = take(entries).memory(BLOCK_BYTES);
      const count = 3000;
      const results = await Promise.all(
        Array.from({ length: count }, (_, index) => write(fd, memory, 16, index * 16)),
      );
      expect(results.every((result) => result === 16)).toBe(true);
      expect(readFileSync(join(directory, 'file'))).toHaveLength(count * 16);
      expect(ring?.stats().operations).toBe(0);
      memory.release();
      closeSync(fd);
    },
  );

  test('9: O_DIRECT takes multiples of what the kernel tells, and refuses what is odd', async (context) => {
    const fd = openDirect(context);
    const taken = take(8);
    const memory = taken.memory(4 * BLOCK_BYTES);
    const alignment = taken.addon.directAlignment(fd);
    const isTold = typeof alignment === 'object' && alignment.known;
    const unit = isTold ? Math.max(alignment.memory, alignment.offset) : BLOCK_BYTES;
    expect(await write(fd, memory, unit, unit)).toBe(unit);
    expect(await write(fd, memory, BLOCK_BYTES, 0)).toBe(BLOCK_BYTES);
    const odd = [await write(fd, memory, unit, 1), await write(fd, memory, unit + 1, 0)];
    memory.release();
    closeSync(fd);
    // As on tmpfs, which has no device to go to.
    if (!isTold && odd.every((count) => count > 0)) context.skip('O_DIRECT is ignored here');
    expect(odd).toEqual([-EINVAL, -EINVAL]);
    if (!isTold) context.skip('the kernel does not tell alignments here; 4096 was taken');
  });

  test('12: closing a descriptor does not cancel what is in flight', async (context) => {
    const fd = openDirect(context);
    const taken = take(128);
    const memory = taken.memory(MEBIBYTE);
    memory.bytes.fill(7);
    const writes = Array.from({ length: 16 }, (_, index) =>
      write(fd, memory, MEBIBYTE, index * MEBIBYTE),
    );
    const inFlight = taken.stats().inFlight;
    closeSync(fd);
    const results = await Promise.all(writes);
    expect(results.every((result) => result === MEBIBYTE)).toBe(true);
    expect(readFileSync(join(directory, 'file')).every((byte) => byte === 7)).toBe(true);
    memory.release();
    if (inFlight === 0) context.skip('every write had completed before the close');
  });
});

/** Appends durably in a process whose every third io_uring_enter(2) fails with EINTR. */
function appendInterrupted(log: string): {
  interrupted: number;
  appended: number;
  problem: string | undefined;
} {
  const trace = `${log}.strace`;
  const inject = 'inject=io_uring_enter:error=EINTR:when=2+3';
  const strace = ['-f', '-qq', '-e', 'trace=io_uring_enter', '-e', inject, '-o', trace];
  const node = [process.execPath, '--input-type=module', '-e', APPENDER];
  const env = { ...process.env, LOG: log, LIBRARY: join(projectFolder(), 'dist/lib/index.js') };
  const child = spawnSync('strace', [...strace, ...node], { env, encoding: 'utf8' });
  const isRefused = child.error !== undefined || /ptrace|invalid/i.test(child.stderr);
  if (isRefused) {
    const problem = child.error?.message ?? child.stderr.split('\n', 1)[0];
    return { interrupted: 0, appended: 0, problem };
  }
  expect(child.stderr).toBe('');
  const interrupted = readFileSync(trace, 'utf8').split('(INJECTED)').length - 1;
  return { interrupted, appended: Number(child.stdout), problem: undefined };
}

const APPENDS = 100;
const APPENDER = `
  const { UringWalWriter, WalEntry } = await import(process.env.LIBRARY);
  const options = { driver: 'uring', sync: true, preallocateBytes: 0 };
  const writer = await UringWalWriter.open(process.env.LOG, options);
  let appended = 0;
  for (let sequence = 1n; sequence <= ${String(APPENDS)}n; sequence++) {
    await writer.append(WalEntry.put(sequence, Buffer.from('key'), Buffer.from('value')));
    appended += 1;
  }
  await writer.close();
  console.log(appended);
`;

function limitFileSize(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${String(bytes)}:`]);
}
