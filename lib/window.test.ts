import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { IoDriver, IoFile, IoMemory } from './io/driver.js';
import { IoError } from './io/driver.js';
import { FileWindow } from './window.js';

const POISON = 0xa5;

/** What stands in the file at an offset. */
function byteAt(offset: number): number {
  return (offset * 31 + (offset >> 8) * 17) & 0x7f;
}

/** Memory that may be released once. */
class Memory implements IoMemory {
  readonly bytes: Uint8Array;
  isReleased = false;

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
  }

  release(): void {
    expect(this.isReleased).toBe(false);
    this.isReleased = true;
  }
}

interface Read {
  readonly memory: IoMemory;
  readonly position: number;
  readonly length: number;
}

/** A file that only reads, each read in a turn of its own and as `how` says. */
class File {
  readonly memories: Memory[] = [];
  readonly reads: Read[] = [];
  readonly flying = new Set<Read>();
  /** What no read may do; thrown from a read, it could pass for the file's own failure. */
  readonly misuse: string[] = [];
  /** Memory can be had up to so many bytes at a time. */
  memoryMax = Infinity;
  size: number;
  readonly #unit: number;
  readonly #how: (read: Read) => number | Error;

  constructor(size: number, unit: number, how: (read: Read) => number | Error) {
    this.size = size;
    this.#unit = unit;
    this.#how = how;
  }

  /** The part of a driver that a window uses. */
  get driver(): IoDriver {
    const memory = (bytes: number): IoMemory => {
      if (bytes > this.memoryMax) throw new RangeError('no memory');
      const made = new Memory(Math.ceil(bytes / 4096) * 4096);
      this.memories.push(made);
      return made;
    };
    return { memory } as unknown as IoDriver;
  }

  /** The part of a file that a window uses. */
  get file(): IoFile {
    const { read } = this;
    return {
      path: '/file',
      direct: undefined,
      pastCache: { unit: this.#unit },
      read,
    } as unknown as IoFile;
  }

  get heldBytes(): number {
    const held = this.memories.filter(({ isReleased }) => !isReleased);
    return held.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  readonly read = async (
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> => {
    const isAligned = [start, length, position].every((number) => number % this.#unit === 0);
    if (!isAligned) this.misuse.push(`not aligned: ${String([start, length, position])}`);
    if (start + length > memory.bytes.length) this.misuse.push('more than the memory holds');
    if (options?.pastCache !== true) this.misuse.push('through the page cache');
    const read = { memory, position, length };
    this.reads.push(read);
    this.flying.add(read);
    memory.bytes.fill(POISON, start, start + length);
    await new Promise((resolve) => setImmediate(resolve));
    this.flying.delete(read);
    const outcome = this.#how(read);
    if (outcome instanceof Error) throw outcome;
    const count = Math.max(0, Math.min(outcome, length, this.size - position));
    for (let at = 0; at < count; at++) memory.bytes[start + at] = byteAt(position + at);
    return count;
  };
}

/** A window of all of the file, in parts of 4 KiB. */
function readAheadWindow({ driver, file, size }: File): FileWindow {
  const options = { size, pastCache: true, bytesMax: 4096, readsAhead: true };
  return new FileWindow(driver, file, options);
}

function expectFile(window: FileWindow, index: number, position: number, length: number): void {
  expect(index + length).toBeLessThanOrEqual(window.filled);
  for (let at = 0; at < length; at++) {
    if (window.bytes[index + at] !== byteAt(position + at)) {
      expect.fail(`wrong byte at ${String(position + at)}`);
    }
  }
}

function interrupted(): IoError {
  return new IoError('EINTR', 'read', '/file');
}

const steps = fc.array(
  fc.record({
    /** Where to go on: behind what was loaded, or anywhere. */
    jump: fc.oneof(
      { arbitrary: fc.constant(undefined), weight: 30 },
      { arbitrary: fc.double({ min: 0, max: 1, noNaN: true }), weight: 1 },
    ),
    wanted: fc.oneof(
      { arbitrary: fc.integer({ min: 1, max: 600 }), weight: 20 },
      { arbitrary: fc.integer({ min: 1, max: 12_000 }), weight: 1 },
    ),
    /** How much of it is passed by. */
    share: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  }),
  { minLength: 1, maxLength: 200, size: 'max' },
);

test('whatever is loaded is what the file has, read ahead or not', async () => {
  let ahead = 0;
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.integer({ min: 1, max: 60_000 }),
      fc.constantFrom(1, 512, 4096),
      fc.boolean(),
      fc.infiniteStream(fc.nat({ max: 20 })),
      async (walk, size, unit, readsAhead, faults) => {
        let interruptions = 0;
        const file = new File(size, unit, ({ length }) => {
          const fault = faults.next().value as number;
          if (fault === 0 && ++interruptions < 8) return interrupted();
          return fault === 1 ? unit + 7 : length;
        });
        const options = { size, pastCache: true, bytesMax: 1500, readsAhead };
        const window = new FileWindow(file.driver, file.file, options);
        // Nothing behind the size that the window was given is there for it.
        file.size += 5000;
        let position = 0;
        for (const { jump, wanted, share } of walk) {
          if (jump !== undefined) position = Math.floor(jump * size);
          if (position >= size) break;
          const index = await window.load(position, wanted);
          const length = Math.min(wanted, size - position);
          expectFile(window, index, position, length);
          expect(window.position + window.filled).toBeLessThanOrEqual(size);
          for (const { memory } of file.flying) {
            expect(memory.bytes).not.toBe(window.bytes);
            ahead++;
          }
          await new Promise((resolve) => setImmediate(resolve));
          expectFile(window, index, position, length);
          position += Math.floor(share * length);
        }
        window.release();
        await new Promise((resolve) => setImmediate(resolve));
        expect(file.heldBytes).toBe(0);
        expect(file.misuse).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
  expect(ahead).toBeGreaterThan(200);
});

test('the next part is on its way while the first is looked at, and none behind the end', async () => {
  const file = new File(10_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  await window.load(0, 100);
  expect(file.reads.map(({ position }) => position)).toEqual([0, 4096]);
  await window.load(4000, 200);
  expect(file.reads.map(({ position }) => position)).toEqual([0, 4096, 8192]);
  expect(file.reads[2]?.length).toBe(10_000 - 8192);
  await window.load(8190, 1810);
  expect(file.reads).toHaveLength(3);
  window.release();
});

test('a part that comes short, inside of a unit, is read on from its last whole one', async () => {
  const file = new File(10_000, 512, ({ position, length }) => (position === 4096 ? 519 : length));
  const window = readAheadWindow(file);
  await window.load(0, 100);
  expectFile(window, await window.load(4090, 1000), 4090, 1000);
  expect(file.reads[2]?.position).toBe(4096 + 512);
  window.release();
});

test('whoever looks somewhere else has nothing read ahead there', async () => {
  const file = new File(100_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  await window.load(0, 100);
  for (const position of [50_000, 20_000, 80_000]) await window.load(position, 100);
  expect(file.reads.map(({ position }) => position)).toEqual([0, 4096, 50_000, 20_000, 80_000]);
  window.release();
});

test('a part that cannot be read fails whoever needs it, nobody before', async () => {
  const fault = new IoError('EIO', 'read', '/file');
  const file = new File(10_000, 1, ({ position, length }) => (position >= 4096 ? fault : length));
  const window = readAheadWindow(file);
  await window.load(0, 4000);
  await new Promise((resolve) => setImmediate(resolve));
  await window.load(4000, 96);
  await expect(window.load(4000, 97)).rejects.toMatchObject({
    code: 'ERR_WAL_READ',
    offset: 4096,
    cause: fault,
  });
  expect(file.reads).toHaveLength(2);
  window.release();
  expect(file.heldBytes).toBe(0);
});

test('where every record is too long for it, reading ahead ends', async () => {
  const file = new File(100_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  for (let position = 0; position < 100_000; position += 10_000)
    await window.load(position, 10_000);
  const useless = file.reads.filter(({ position }) => position % 10_000 !== 0);
  expect(useless).toHaveLength(2);
  window.release();
});

test('where there is no memory to read ahead, it reads on without', async () => {
  const file = new File(100_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  file.memoryMax = 4096;
  for (let position = 0; position < 100_000; position += 500) {
    expectFile(window, await window.load(position, 500), position, 500);
  }
  expect(file.memories).toHaveLength(1);
  window.release();
});

test('memory that cannot be had is an error, and what there was is given back once', async () => {
  const file = new File(100_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  await window.load(0, 100);
  file.memoryMax = 8192;
  await expect(window.load(0, 50_000)).rejects.toMatchObject({ code: 'ERR_WAL_READ' });
  expectFile(window, await window.load(200, 300), 200, 300);
  window.release();
  expect(file.heldBytes).toBe(0);
});

test('memory that one large record needed is not kept for the next', async () => {
  const file = new File(1_000_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  let position = 0;
  for (const length of [100, 300_000, ...new Array<number>(800).fill(500)]) {
    await window.load(position, 29);
    await window.load(position, length);
    position += length;
  }
  expect(file.heldBytes).toBeLessThanOrEqual(2 * 8192);
  window.release();
});

test('settle: what is read ahead has ended, and nothing more begins', async () => {
  const file = new File(100_000, 1, ({ length }) => length);
  const window = readAheadWindow(file);
  await window.load(0, 100);
  expect(file.flying.size).toBe(1);
  await window.settle();
  expect(file.flying.size).toBe(0);
  await window.load(4000, 500);
  expect(file.flying.size).toBe(0);
  window.release();
});
