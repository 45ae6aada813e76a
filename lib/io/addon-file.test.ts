// Telling a whole binary from a damaged one, before the dynamic linker sees it.

import * as fs from 'node:fs';
import { crc32 } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { addonFiles, isDamaged, systemName } from './addon-file.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

let directory: string;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => removeDirectory(directory));

function damaged(bytes: Uint8Array, sealed: boolean): boolean {
  fs.writeFileSync(`${directory}/addon`, bytes);
  return isDamaged(`${directory}/addon`, sealed);
}

/** Some bytes, the seal, and the crc of both, as native/prebuild.mjs makes them. */
function sealedBytes(): Buffer {
  const body = Buffer.concat([Buffer.alloc(200, 'ELF or not'), Buffer.from('uring-wal sealed')]);
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

describe('a binary built in place', () => {
  /** An ELF header whose section headers end at `end`. */
  function elf(end: number, bytes: number): Buffer {
    const file = Buffer.alloc(bytes);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    file.writeBigUInt64LE(BigInt(end - 128), 0x28);
    file.writeUInt16LE(64, 0x3a);
    file.writeUInt16LE(2, 0x3c);
    return file;
  }

  test('must reach to the end of its section headers', () => {
    expect(damaged(elf(500, 500), false)).toBe(false);
    expect(damaged(elf(500, 499), false)).toBe(true);
    expect(damaged(elf(500, 500).subarray(0, 63), false)).toBe(true);
  });

  test('of another kind is left to the linker', () => {
    expect(damaged(Buffer.alloc(100), false)).toBe(false);
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
  expect(() => isDamaged(`${directory}/none`, true)).toThrow(/ENOENT/);
});
