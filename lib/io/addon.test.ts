// The addon itself: its records and checksums against the portable twins, what it does with
// arguments that are none, and how its absence is told.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { test as property, fc } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, test, type TestContext } from 'vitest';

import { crc32Portable } from '../checksum.js';
import * as record from '../record.js';
import { type Addon, addonProblem, loadAddon } from './addon.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';
import { requireUring } from './test-uring.js';

/** The addon; where it is not built, the test is skipped and says so. */
function requireAddon(context: TestContext): Addon {
  const addon = loadAddon();
  if (addon === undefined) context.skip(addonProblem());
  return addon;
}

/** A run of records, perhaps damaged, as plain data. */
const bytesOfRecords = fc
  .record({
    records: fc.array(
      fc.record({
        typeByte: fc.constantFrom(1, 2, 3),
        sequence: fc.bigInt(0n, 2n ** 64n - 1n),
        key: fc.uint8Array({ maxLength: 40 }),
        value: fc.uint8Array({ maxLength: 80 }),
      }),
      { maxLength: 6 },
    ),
    seal: fc.boolean(),
    damage: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2, 3, 24, 25, 128, 255)), {
      maxLength: 3,
    }),
    cut: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ records, seal, damage, cut }) => {
    const sizes = records.map(({ key, value }) => record.recordBytes(key.length, value.length));
    const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const each of records) at += record.encodeUnsealed(bytes, view, at, each);
    if (seal) record.sealRecordsPortable(bytes, 0, bytes.length);
    for (const [where, value] of damage) {
      if (bytes.length > 0) bytes[where % bytes.length] = value;
    }
    return cut === undefined ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
  });

describe('native records and checksums equal the portable ones', () => {
  let addon: Addon;
  beforeEach((context) => {
    addon = requireAddon(context);
  });

  property.prop([fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(), fc.nat(0xffffffff)])(
    'crc32 of any range from any seed',
    (bytes, one, other, seed) => {
      const [start, end] = [one, other].map((n) => n % (bytes.length + 1)).sort((a, b) => a - b);
      expect(addon.crc32(bytes, start ?? 0, end ?? 0, seed)).toBe(
        crc32Portable(bytes, start ?? 0, end ?? 0, seed),
      );
    },
  );

  property.prop([bytesOfRecords, fc.nat(7)])('scanRecords of any bytes', (bytes, rows) => {
    const length = record.TABLE_HEADER + rows * record.TABLE_STRIDE;
    const [native, portable] = [new Uint32Array(length), new Uint32Array(length)];
    const count = addon.scanRecords(bytes, 0, bytes.length, native);
    expect(record.scanRecordsPortable(bytes, 0, bytes.length, portable)).toBe(count);
    expect(native).toEqual(portable);
  });

  property.prop([bytesOfRecords])('sealRecords: the same crcs', (bytes) => {
    const [native, portable] = [bytes.slice(), bytes.slice()];
    try {
      addon.sealRecords(native, 0, native.length);
    } catch (error) {
      // What is no run of whole records; the portable one is less strict about it.
      expect(error).toBeInstanceOf(RangeError);
      return;
    }
    record.sealRecordsPortable(portable, 0, portable.length);
    expect(native).toEqual(portable);
  });

  test('the method is known', () => {
    expect(addon.crc32Method).toMatch(/^(pclmulqdq|armv8-crc|portable)$/);
  });
});

describe('arguments that are none throw, and touch nothing', () => {
  let addon: Addon;
  beforeEach((context) => {
    addon = requireAddon(context);
  });

  const bytes = new Uint8Array(100);
  const calls: [string, (native: Addon) => unknown][] = [
    ['an end beyond the bytes', (native) => native.crc32(bytes, 0, 101, 0)],
    ['a start beyond the end', (native) => native.crc32(bytes, 51, 50, 0)],
    ['a negative start', (native) => native.crc32(bytes, -1, 50, 0)],
    ['a fraction', (native) => native.crc32(bytes, 0.5, 50, 0)],
    ['NaN', (native) => native.crc32(bytes, 0, Number.NaN, 0)],
    ['infinity', (native) => native.crc32(bytes, 0, Infinity, 0)],
    ['another array', (native) => native.crc32(new Int8Array(9) as never, 0, 9, 0)],
    ['no array', (native) => native.crc32(undefined as never, 0, 9, 0)],
    ['no number', (native) => native.crc32(bytes, '0' as never, 9, 0)],
    ['no arguments', (native) => (native.crc32 as unknown as () => void)()],
    ['a table too short', (native) => native.scanRecords(bytes, 0, 9, new Uint32Array(3))],
    ['a table of another kind', (native) => native.scanRecords(bytes, 0, 9, bytes as never)],
    ['a ring that is none', (native) => native.ringSync(255, 1, 1)],
    ['a ring beyond all', (native) => native.ringSync(1e9, 1, 1)],
    ['no callback', (native) => native.ringOpen(8, undefined as never)],
    ['a descriptor that is none', (native) => native.flock(-1)],
    ['memory that is none', (native) => native.memoryRelease(999_999, new ArrayBuffer(8))],
  ];
  test.each(calls)('%s', (_, call) => {
    expect(() => call(addon)).toThrow(TypeError);
  });

  test('memory: a range beyond it, after its release, by another buffer', (context) => {
    requireUring(context);
    const native = requireAddon(context);
    const ring = native.ringOpen(4, () => undefined);
    if (typeof ring === 'number') throw new Error(`ringOpen: ${ring}`);
    const memory = native.memoryCreate(ring.number, 4096);
    if (typeof memory === 'number') throw new Error(`memoryCreate: ${memory}`);
    const write = (start: number, length: number): number =>
      native.ringWrite(ring.number, 1, memory.number, start, length, 0, 0, 0);
    expect(() => write(0, 4097)).toThrow(TypeError);
    expect(() => write(4096, 1)).toThrow(TypeError);
    expect(() => write(-1, 1)).toThrow(TypeError);
    expect(() => native.memoryRelease(memory.number, new ArrayBuffer(4096))).toThrow(TypeError);
    expect(native.memoryRelease(memory.number, memory.buffer)).toBe(0);
    expect(memory.buffer.byteLength).toBe(0);
    expect(() => native.memoryRelease(memory.number, memory.buffer)).toThrow(TypeError);
    expect(() => write(0, 1)).toThrow(TypeError);
    native.ringClose(ring.number);
    expect(() => {
      native.ringClose(ring.number);
    }).toThrow(TypeError);
  });

  test('sealRecords of no run of whole records is a RangeError', (context) => {
    const native = requireAddon(context);
    expect(() => {
      native.sealRecords(bytes, 0, 100);
    }).toThrow(RangeError);
  });
});

describe('the system calls that node:fs lacks', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(() => removeDirectory(directory));

  test('flock: of one descriptor at a time', (context) => {
    const native = requireAddon(context);
    const [one, other] = [0, 0].map(() => fs.openSync(`${directory}/log`, 'w'));
    expect(native.flock(one ?? -1)).toBe(0);
    expect(native.flock(one ?? -1)).toBe(0);
    // EWOULDBLOCK
    expect(native.flock(other ?? -1)).toBe(11);
    fs.closeSync(one ?? -1);
    expect(native.flock(other ?? -1)).toBe(0);
    fs.closeSync(other ?? -1);
    // EBADF
    expect(native.flock(other ?? -1)).toBe(9);
  });

  test('directAlignment: powers of two, or nothing known', (context) => {
    const native = requireAddon(context);
    const fd = fs.openSync(`${directory}/log`, 'w');
    const found = native.directAlignment(fd);
    if (typeof found === 'number') throw new Error(`directAlignment: ${found}`);
    const { known, memory, offset } = found;
    expect(known ? Math.log2(memory) % 1 : 0).toBe(0);
    expect(known ? Math.log2(offset) % 1 : 0).toBe(0);
    fs.closeSync(fd);
    expect(native.directAlignment(fd)).toBe(-9);
  });
});

describe('an addon that cannot be had', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    fs.mkdirSync(`${directory}/dist/lib/io`, { recursive: true });
    fs.mkdirSync(`${directory}/native/build/Release`, { recursive: true });
    fs.writeFileSync(`${directory}/package.json`, '{"type":"module"}');
    for (const name of ['addon.js', 'addon-file.js']) {
      const built = fileURLToPath(new URL(`./${name}`, import.meta.url));
      fs.copyFileSync(built, `${directory}/dist/lib/io/${name}`);
    }
  });
  afterEach(() => removeDirectory(directory));

  /** What a process that has this as its addon tells of it. */
  async function problemOf(content: Uint8Array | undefined, args: string[] = []): Promise<string> {
    const path = `${directory}/native/build/Release/uring_wal.node`;
    if (content !== undefined) fs.writeFileSync(path, content);
    const url = pathToFileURL(`${directory}/dist/lib/io/addon.js`).href;
    const script =
      `import { addonProblem, loadAddon } from '${url}';` +
      'if (loadAddon() !== undefined) throw new Error("it is there");' +
      'process.stdout.write(addonProblem());';
    // The sanitizer run redirects the addon's path, which is what is being tested here.
    const env = { ...process.env, URING_WAL_TEST_ADDON: undefined };
    const all = [...args, '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, all, { env });
    return stdout;
  }

  test('missing', async () => {
    expect(await problemOf(undefined)).toMatch(/^the native addon is not there: Cannot find/);
  });

  test('no library, an empty file', async () => {
    expect(await problemOf(new Uint8Array(5000).fill(65))).toMatch(/invalid ELF header/);
    expect(await problemOf(new Uint8Array(0))).toMatch(/is not whole/);
  });

  test('cut short', async (context) => {
    requireAddon(context);
    const built = fileURLToPath(
      new URL('../../../native/build/Release/uring_wal.node', import.meta.url),
    );
    const whole = fs.readFileSync(built);
    for (const part of [0.02, 0.3, 0.7, 0.99]) {
      const cut = whole.subarray(0, Math.floor(part * whole.length));
      expect(await problemOf(cut)).toMatch(/is not whole$/);
    }
    expect(await problemOf(whole.subarray(0, whole.length - 1))).toMatch(/is not whole$/);
  });

  test('forbidden by --no-addons', async (context) => {
    requireAddon(context);
    const built = fileURLToPath(
      new URL('../../../native/build/Release/uring_wal.node', import.meta.url),
    );
    const problem = await problemOf(fs.readFileSync(built), ['--no-addons']);
    expect(problem).toMatch(/^the native addon is not there: .*(addon|dlopen)/i);
  });
});
