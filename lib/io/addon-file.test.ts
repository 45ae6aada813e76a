// Telling a whole binary from a damaged one, before the dynamic linker sees it.

import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { addonFiles, faultOf, systemName } from './addon-file.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

let directory: string;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

function fault(bytes: Uint8Array, sealed: boolean): string | undefined {
  fs.writeFileSync(`${directory}/addon`, bytes);
  return faultOf(`${directory}/addon`, sealed);
}

function damaged(bytes: Uint8Array, sealed: boolean): boolean {
  return fault(bytes, sealed) === 'is not whole';
}

/** Some bytes, the seal, and the crc of both, as native/prebuild.mjs makes them. */
function sealedBytes(content: Buffer = Buffer.alloc(200, 'ELF or not')): Buffer {
  const body = Buffer.concat([content, Buffer.from('uring-wal sealed')]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(body));
  return Buffer.concat([body, crc]);
}

describe('a sealed binary', () => {
  test('is whole as it was made', () => {
    expect(damaged(sealedBytes(), true)).toBe(false);
  });

  test('is damaged by any flipped bit', () => {
    const whole = sealedBytes();
    for (let bit = 0; bit < whole.length * 8; bit += 5) {
      const copy = Buffer.from(whole);
      copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(damaged(copy, true), `bit ${bit}`).toBe(true);
    }
  });

  test('is damaged by any cut, and by what is added', () => {
    const whole = sealedBytes();
    for (let length = 0; length < whole.length; length++) {
      expect(damaged(whole.subarray(0, length), true), `${length} bytes`).toBe(true);
    }
    expect(damaged(Buffer.concat([whole, Buffer.alloc(1)]), true)).toBe(true);
  });
});

/** Processors, as elf.h numbers them. */
const X86_64 = 62;
const AARCH64 = 183;

/** An ELF header whose section headers end at `end`. */
function elf(end: number, bytes: number): Buffer {
  const file = Buffer.alloc(bytes);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  file.writeUInt16LE(process.arch === 'arm64' ? AARCH64 : X86_64, 0x12);
  file.writeBigUInt64LE(BigInt(end - 128), 0x28);
  file.writeUInt16LE(64, 0x3a);
  file.writeUInt16LE(2, 0x3c);
  return file;
}

describe('a binary built in place', () => {
  test('must reach to the end of its section headers', () => {
    expect(fault(elf(500, 500), false)).toBeUndefined();
    expect(damaged(elf(500, 499), false)).toBe(true);
    expect(damaged(elf(500, 500).subarray(0, 63), false)).toBe(true);
  });

  test('of another kind is left to the linker', () => {
    expect(fault(Buffer.alloc(100), false)).toBeUndefined();
  });
});

test('one built in place goes first, the shipped one of this system follows', () => {
  const [built, shipped] = addonFiles();
  expect(built).toEqual({ path: expect.stringContaining('/build/Release/'), sealed: false });
  const libc = systemName().split('-')[2] ?? '';
  expect(['glibc', 'musl']).toContain(libc);
  if (shipped !== undefined) expect(shipped.path).toContain(`/linux-${process.arch}-${libc}/`);
});

test('a file that is not there throws', () => {
  expect(() => faultOf(`${directory}/none`, true)).toThrow(/ENOENT/);
});

test.each([
  ['shipped', true],
  ['built in place', false],
])('a binary for another processor is told as such: %s', (_, sealed) => {
  const foreign = elf(500, 500);
  foreign.writeUInt16LE(process.arch === 'arm64' ? X86_64 : AARCH64, 0x12);
  const words = `is for another processor than ${process.arch}`;
  expect(fault(sealed ? sealedBytes(foreign) : foreign, sealed)).toBe(words);
});
