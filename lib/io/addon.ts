// Loads the native addon, once per thread, by static paths. Its absence is no failure here: the
// thread-pool driver and the portable checksum take over, and `addonProblem()` keeps the reason.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { addonFiles, faultOf, systemName } from './addon-file.js';

/** What a negative number stands for where a call of the addon says so: a negated errno. */
type NegatedErrno = number;

/** A ring just opened. */
export interface RingHandle {
  readonly number: number;
  /**
   * Shared with the addon. [0]: completions to take, set back to 0 by whoever took them; [1]: the
   * operation that the last call left pending; then, from [2] on, for each completion the
   * operation and its result, a negated errno on failure.
   */
  readonly table: Int32Array;
  /** Operations the kernel is given at a time; more wait their turn. */
  readonly inFlightMax: number;
  /** IORING_SETUP_ flags that the kernel granted. */
  readonly setupFlags: number;
  /** The first operation that is needed and that the kernel lacks, or -1. */
  readonly missingOpcode: number;
  /** Whether the ring can register memory, as far as the memory limit allows. */
  readonly bufferTable: boolean;
}

/** Figures of one ring. */
export interface RingStats {
  /** Not yet completed, those that wait their turn included. */
  readonly operations: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** io_uring_enter(2) calls since the ring was opened. */
  readonly enterCalls: number;
  /** Small writes into the page cache that were made at once, by pwrite(2), past the ring. */
  readonly writesAtOnce: number;
}

/** Memory just mapped. */
export interface MemoryHandle {
  readonly number: number;
  readonly buffer: ArrayBuffer;
  /** Registered with the ring, that is: pinned once and not for every operation. */
  readonly registered: boolean;
}

/** What the kernel offers, found out by a small ring of its own. */
export interface RingProbe {
  /** 0, or the errno of setting a ring up. */
  readonly errno: number;
  /** As in {@link RingHandle}. */
  readonly missingOpcode: number;
  readonly setupFlags: number;
  readonly bufferTable: boolean;
}

/** What O_DIRECT needs on a file, in bytes; zeros where it has none. */
export interface DirectAlignment {
  /** False where the kernel (before 6.1) or the file system does not say. */
  readonly known: boolean;
  readonly memory: number;
  readonly offset: number;
}

/**
 * native/addon.cc. The calls that start an operation return its result when it is known at once
 * (a negated errno on failure), or `pending`; afterwards `table` must be looked at.
 */
export interface Addon {
  readonly interfaceVersion: number;
  readonly pending: number;
  readonly crc32Method: string;

  ringOpen(entries: number, onCompletions: () => void): RingHandle | NegatedErrno;
  /** The ring goes once its last operation has completed. */
  ringClose(ring: number): void;
  ringStats(ring: number): RingStats;
  /**
   * `flags`: RWF_ flags of pwritev2(2). `quick`: a write into the page cache, which may be made at
   * once.
   */
  ringWrite(
    ring: number,
    fd: number,
    memory: number,
    start: number,
    length: number,
    position: number,
    flags: number,
    quick: 0 | 1,
  ): number;
  ringRead(
    ring: number,
    fd: number,
    memory: number,
    start: number,
    length: number,
    position: number,
    flags: number,
    quick: 0 | 1,
  ): number;
  ringSync(ring: number, fd: number, dataOnly: 0 | 1): number;
  ringAllocate(ring: number, fd: number, position: number, length: number): number;
  ringDropCache(ring: number, fd: number): number;

  memoryCreate(ring: number, bytes: number): MemoryHandle | NegatedErrno;
  /** Detaches the buffer; what the kernel still uses lives on. 0, or a negated errno. */
  memoryRelease(memory: number, buffer: ArrayBuffer): NegatedErrno;

  probe(): RingProbe;
  crc32(bytes: Uint8Array, start: number, end: number, seed: number): number;
  /** Throws RangeError when `bytes[start, end)` is no run of whole records. */
  sealRecords(bytes: Uint8Array, start: number, end: number): void;
  /** See `scanRecords` of lib/record.ts. */
  scanRecords(bytes: Uint8Array, start: number, end: number, table: Uint32Array): number;
  /** Exclusive flock(2) without waiting: 0 or an errno. */
  flock(fd: number): number;
  directAlignment(fd: number): DirectAlignment | NegatedErrno;
}

/** The interface above; raised together with kInterfaceVersion of native/addon.cc. */
const INTERFACE_VERSION = 3;

interface Outcome {
  readonly addon: Addon | undefined;
  readonly problem: string | undefined;
}

let outcome: Outcome | undefined;

/** The addon, or undefined where it cannot be had; never throws. */
export function loadAddon(): Addon | undefined {
  outcome ??= load();
  return outcome.addon;
}

/** Why {@link loadAddon} gives none; undefined when it does. */
export function addonProblem(): string | undefined {
  outcome ??= load();
  return outcome.problem;
}

function load(): Outcome {
  if (process.platform !== 'linux') {
    return { addon: undefined, problem: `io_uring is Linux only; this is ${process.platform}` };
  }
  const require = createRequire(import.meta.url);
  const problems: string[] = [];
  for (const { path, sealed } of addonFiles()) {
    try {
      const file = fileURLToPath(new URL(path, import.meta.url));
      const fault = faultOf(require.resolve(path), sealed);
      if (fault !== undefined) throw new Error(`'${file}' ${fault}`);
      const addon = require(path) as Addon;
      if (addon.interfaceVersion === INTERFACE_VERSION) return { addon, problem: undefined };
      problems.push(`'${file}' was built for another version of this library`);
    } catch (error) {
      // Of a file that is not there nothing is said where another one was.
      const problem = describe(error);
      if (!isMissing(error) && !problems.includes(problem)) problems.push(problem);
    }
  }
  if (problems.length === 0) {
    const isShipped = addonFiles().some(({ sealed }) => sealed);
    const though = isShipped ? ', though the package brings one' : '';
    problems.push(`Cannot find a binary for ${systemName()}${though}`);
  }
  return { addon: undefined, problem: `the native addon is not there: ${problems.join('; ')}` };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** The first line; the linker may say more. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}
