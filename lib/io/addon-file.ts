// Where the addon's binary may be, and whether what is there is whole. Node-API binaries for the
// common systems come with the package (native/prebuild.mjs); one built in place goes first.

import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Built in place, in a clone of the repository. Relative to dist/lib/io/, as all of these. */
const BUILT = '../../../native/build/Release/uring_wal.node';

/** In the package, by processor and C library; spelt out, so that bundlers see them. */
const PREBUILT: Readonly<Record<string, string>> = {
  'x64-glibc': '../../../native/prebuilds/linux-x64-glibc/uring_wal.node',
  'x64-musl': '../../../native/prebuilds/linux-x64-musl/uring_wal.node',
  'arm64-glibc': '../../../native/prebuilds/linux-arm64-glibc/uring_wal.node',
};

/** A binary that there may be. */
export interface AddonFile {
  /** Relative to dist/lib/io/. */
  readonly path: string;
  /** Ends with a seal, as all that are shipped do. */
  readonly sealed: boolean;
}

/** The binaries that fit this system, best first. */
export function addonFiles(): readonly AddonFile[] {
  const built = { path: BUILT, sealed: false };
  const path = PREBUILT[`${process.arch}-${libcName()}`];
  return path === undefined ? [built] : [built, { path, sealed: true }];
}

/** This system in the words of {@link addonFiles}, for messages. */
export function systemName(): string {
  return `${process.platform}-${process.arch}-${libcName()}`;
}

/** By the dynamic linker that is at work in this very process; see proc_pid_maps(5). */
function libcName(): 'glibc' | 'musl' {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-') ? 'musl' : 'glibc';
  } catch {
    return 'glibc';
  }
}

/** See elf(5). */
const ELF_MAGIC = 0x7f454c46;
const ELF64_HEADER_BYTES = 64;
/** Processors that binaries are made for, as ELF numbers them. */
const ELF_MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/** Ends a shipped binary, behind what ELF needs; the crc of all before it follows. */
const SEAL = Buffer.from('uring-wal sealed', 'latin1');
const CRC_BYTES = 4;

/**
 * What is wrong with a binary, or undefined. Loading one that was cut short or changed could kill
 * the process (SIGBUS) in the dynamic linker; of another processor's the linker says that it is
 * not there. Throws when the file cannot be read.
 */
export function faultOf(path: string, sealed: boolean): string | undefined {
  const bytes = readFileSync(path);
  if (sealed ? isUnsealed(bytes) : isCutShort(bytes)) return 'is not whole';
  return isForeign(bytes) ? `is for another processor than ${process.arch}` : undefined;
}

function isForeign(bytes: Buffer): boolean {
  const machine = ELF_MACHINES[process.arch];
  const isElf = bytes.length >= ELF64_HEADER_BYTES && bytes.readUInt32BE(0) === ELF_MAGIC;
  return isElf && machine !== undefined && bytes.readUInt16LE(0x12) !== machine;
}

function isUnsealed(bytes: Buffer): boolean {
  if (bytes.length < SEAL.length + CRC_BYTES) return true;
  const sealed = bytes.subarray(0, -CRC_BYTES);
  if (!sealed.subarray(-SEAL.length).equals(SEAL)) return true;
  return crc32(sealed) !== bytes.readUInt32LE(sealed.length);
}

/** Whether an ELF file ends before its section headers, which stand at its end. */
function isCutShort(bytes: Buffer): boolean {
  if (bytes.length < ELF64_HEADER_BYTES) return true;
  // Of another class or byte order: the linker refuses it by itself, or it is none of ours.
  if (bytes.readUInt32BE(0) !== ELF_MAGIC || bytes[4] !== 2 || bytes[5] !== 1) return false;
  const sectionsBytes = bytes.readUInt16LE(0x3a) * bytes.readUInt16LE(0x3c);
  return bytes.readBigUInt64LE(0x28) + BigInt(sectionsBytes) > BigInt(bytes.length);
}
