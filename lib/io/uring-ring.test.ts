// The ring that all drivers of a thread share, its memory, and what is told of them.

import * as fs from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { IoError, type IoFile, MEMORY_ALIGNMENT } from './driver.js';
import { openPipe } from './test-pipe.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';
import { requireUring, ringDescriptors } from './test-uring.js';
import { createUringDriver, type UringDriver } from './uring.js';
import { SharedRing } from './uring-ring.js';

const OPTIONS = { access: 'write', create: 'if-missing', direct: false, mode: 0o600 } as const;

let directory: string;
let drivers: UringDriver[];

beforeEach(async (context) => {
  requireUring(context);
  directory = await temporaryDirectory();
  drivers = [];
});

afterEach(async () => {
  for (const driver of drivers) await driver.close();
  await removeDirectory(directory);
});

function startDriver(ringSize?: number): UringDriver {
  const driver = createUringDriver({ ringSize });
  drivers.push(driver);
  return driver;
}

describe('one ring a thread and size', () => {
  test('a hundred drivers stand on one ring, which goes with the last', async () => {
    const before = ringDescriptors();
    const many = Array.from({ length: 100 }, () => startDriver(64));
    expect(ringDescriptors()).toBe(before + 1);
    startDriver(32);
    expect(ringDescriptors()).toBe(before + 2);
    for (const driver of many.slice(1)) await driver.close();
    const file = await many[0]?.open(`${directory}/log`, OPTIONS);
    await file?.sync();
    await file?.close();
    await many[0]?.close();
    expect(ringDescriptors()).toBe(before + 1);
  });

  test('closed with an operation pending, the ring goes once that has completed', async () => {
    const before = ringDescriptors();
    const driver = startDriver(16);
    const file = await driver.open(`${directory}/log`, OPTIONS);
    const sync = file.sync();
    await driver.close();
    // Another driver of that size gets a ring of its own meanwhile.
    const other = startDriver(16);
    await sync;
    const detail = /the file or its driver is closed/;
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.read(other.memory(1), 0, 1, 0)).rejects.toThrow(detail);
    await file.dropCache();
    await file.close();
    expect(ringDescriptors()).toBe(before + 1);
  });
});

describe('more operations than the ring holds', () => {
  test('wait their turn; all complete', async () => {
    const driver = startDriver(1);
    const file = await driver.open(`${directory}/log`, OPTIONS);
    const memory = driver.memory(4096);
    memory.bytes.forEach((_, index) => (memory.bytes[index] = index));
    const writes = Array.from({ length: 4096 }, (_, index) => file.write(memory, index, 1, index));
    const syncs = Array.from({ length: 40 }, () => file.sync());
    const { operations, inFlight, waiting } = driver.stats();
    expect(inFlight).toBeLessThanOrEqual(2);
    expect(inFlight + waiting).toBeGreaterThanOrEqual(operations);
    expect(await Promise.all(writes)).toEqual(Array.from({ length: 4096 }, () => 1));
    await Promise.all(syncs);
    expect(driver.stats()).toMatchObject({ operations: 0, inFlight: 0, waiting: 0 });
    expect(fs.readFileSync(`${directory}/log`).equals(Buffer.from(memory.bytes))).toBe(true);
    await file.close();
  });

  test('beyond 65536 pending ones, an operation is EAGAIN and the others go on', async () => {
    // Reads of an empty pipe stay pending until it is written to; it holds 65536 bytes.
    const ring = SharedRing.take(1);
    const { file, fd } = openPipe(ring, directory);
    const memory = ring.memory(1);
    const reads = Array.from({ length: 65_536 }, () => file.read(memory, 0, 1, 0));
    await expect(file.read(memory, 0, 1, 0)).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(ring.stats().operations).toBe(65_536);
    fs.writeSync(fd, new Uint8Array(65_536));
    expect((await Promise.all(reads)).every((count) => count === 1)).toBe(true);
    expect(ring.stats().operations).toBe(0);
    await file.close();
    ring.leave();
  });
});

describe('memory', () => {
  test('is counted as registered or plain, and given back', () => {
    const driver = startDriver();
    const { memoriesRegistered, memoriesPlain } = driver.features();
    const small = driver.memory(1);
    // Pinning as much as this would cost more than it saves.
    const large = driver.memory(17 * 1024 * 1024);
    const now = driver.features();
    expect(now.memoriesRegistered + now.memoriesPlain).toBe(memoriesRegistered + memoriesPlain + 2);
    expect(now.memoriesPlain).toBeGreaterThan(memoriesPlain);
    small.release();
    large.release();
    expect(driver.features()).toMatchObject({ memoriesRegistered, memoriesPlain });
  });

  test('beyond the buffer table it is plain, and serves all the same', async () => {
    const driver = startDriver();
    const memories = Array.from({ length: 300 }, () => driver.memory(1));
    expect(driver.features().memoriesPlain).toBeGreaterThanOrEqual(44);
    const file = await driver.open(`${directory}/log`, OPTIONS);
    memories.forEach((memory, index) => memory.bytes.fill(index % 251));
    const writes = memories.map((memory, index) => file.write(memory, 0, 16, 16 * index));
    await Promise.all(writes);
    const bytes = fs.readFileSync(`${directory}/log`);
    expect(memories.every((_, index) => bytes[16 * index + 15] === index % 251)).toBe(true);
    for (const memory of memories) memory.release();
    await file.close();
  });

  test('the bytes are detached by release; what is released cannot be used', async () => {
    const driver = startDriver();
    const file = await driver.open(`${directory}/log`, OPTIONS);
    const memory = driver.memory(100);
    expect(memory.bytes.length).toBe(MEMORY_ALIGNMENT);
    memory.release();
    expect(memory.bytes.length).toBe(0);
    expect(() => file.write(memory, 0, 0, 0)).toThrow(/after its release/);
    await file.close();
  });

  test('of another driver of the thread is fine, of another kind is refused', async () => {
    const [one, other] = [startDriver(8), startDriver(16)];
    const file = await one.open(`${directory}/log`, OPTIONS);
    const memory = other.memory(10);
    memory.bytes.set(Buffer.from('hello'));
    expect(await file.write(memory, 0, 5, 0)).toBe(5);
    const foreign = { bytes: new Uint8Array(10), release: () => undefined };
    expect(() => file.write(foreign, 0, 5, 0)).toThrow(/one of this driver/);
    await other.close();
    // Its ring is gone, the memory is not.
    expect(await file.read(memory, 5, 5, 0)).toBe(5);
    expect(Buffer.from(memory.bytes.subarray(5, 10)).toString()).toBe('hello');
    memory.release();
    await file.close();
  });

  test('none left is a RangeError', () => {
    const driver = startDriver();
    expect(() => driver.memory(2 ** 32 + 1)).toThrow(RangeError);
  });
});

describe('results', () => {
  let file: IoFile;

  async function openFile(): Promise<UringDriver> {
    const driver = startDriver(8);
    file = await driver.open(`${directory}/log`, OPTIONS);
    return driver;
  }

  test('that are there at once settle without a turn of the event loop', async () => {
    const driver = await openFile();
    const memory = driver.memory(4096);
    await file.write(memory, 0, 4096, 0);
    await file.sync();
    let turns = 0;
    const counting = setImmediate(() => (turns += 1));
    // A cached read completes as it is submitted.
    expect(await file.read(memory, 0, 4096, 0)).toBe(4096);
    expect(turns).toBe(0);
    clearImmediate(counting);
    await file.close();
  });

  test('errors carry errno, words, system call and path', async () => {
    const driver = await openFile();
    const memory = driver.memory(4096);
    const reading = await driver.open(`${directory}/log`, { ...OPTIONS, access: 'read' });
    const error: unknown = await reading.write(memory, 0, 5, 0).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(IoError);
    expect(error).toMatchObject({
      code: 'EBADF',
      syscall: 'write',
      path: `${directory}/log`,
      writeHalf: true,
      message: `EBADF: bad file descriptor, write '${directory}/log'`,
    });
    const dsync = await reading
      .write(memory, 0, 5, 0, { dsync: true })
      .catch((reason: unknown) => reason);
    expect(dsync).toMatchObject({ code: 'EBADF' });
    await reading.close();
    await file.close();
  });
});
