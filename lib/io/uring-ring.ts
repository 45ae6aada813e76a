// One ring of the addon, as all drivers of this thread share it: 100 open logs need no more locked
// memory than one. Hands completions to the operations that wait for them.

import { constants } from 'node:os';

import { assert, WalError } from '../errors.js';
import { type Addon, addonProblem, loadAddon, type RingHandle, type RingStats } from './addon.js';
import * as clock from './clock.js';
import { UringMemory } from './uring-memory.js';
import { describeErrno, refusalReason } from './uring-reason.js';

/** The kernel's own limit for a submission ring (IORING_MAX_ENTRIES). */
export const RING_SIZE_MAX = 32768;

/** What one memory can be at most, in bytes (kMemoryBytesMax of native/memory.h). */
const MEMORY_BYTES_MAX = 2 ** 32;

/** Waits for one operation; called once, with the result or a negated errno. */
export type Completion = (result: number) => void;

/** What this kernel and these limits gave. */
export interface UringFeatures {
  readonly ringSize: number;
  /** Operations in flight at a time; more wait their turn. */
  readonly inFlightMax: number;
  /** IORING_SETUP_ flags that the kernel granted. */
  readonly setupFlags: number;
  /** Memories that are registered, and that are not: by the memory limit, or for their size. */
  readonly memoriesRegistered: number;
  readonly memoriesPlain: number;
}

/** Where {@link SharedRing.table} has what, see `RingHandle.table`. */
const COUNT = 0;
const STARTED = 1;
const HEADER_LENGTH = 2;

/** Rings of this thread, by their size. */
const rings = new Map<number, SharedRing>();

export class SharedRing {
  readonly addon: Addon;
  readonly number: number;
  readonly #size: number;
  readonly #handle: RingHandle;
  readonly #waiting: (Completion | undefined)[] = [];
  #users = 1;
  #closed = false;
  #registered = 0;
  #plain = 0;

  private constructor(addon: Addon, size: number) {
    const opened = openRing(addon, size, () => {
      this.#collect();
    });
    this.addon = addon;
    this.number = opened.number;
    this.#size = size;
    this.#handle = opened;
  }

  /**
   * The thread's ring of `size` entries, a power of two. Throws RangeError when it is none, and
   * `WalError` `ERR_WAL_DRIVER`, with the reason, when this system refuses.
   */
  static take(size: number): SharedRing {
    if (!Number.isInteger(Math.log2(size)) || size < 1 || size > RING_SIZE_MAX) {
      throw new RangeError(`ringSize must be a power of two from 1 to ${RING_SIZE_MAX}`);
    }
    const shared = rings.get(size);
    if (shared !== undefined) {
      shared.#users += 1;
      return shared;
    }
    const ring = new SharedRing(usableAddon(), size);
    rings.set(size, ring);
    return ring;
  }

  /** Whether its last user has left: it takes no more operations. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Gives up one use; with the last, the ring goes once its operations have completed. */
  leave(): void {
    this.#users -= 1;
    assert(this.#users >= 0, 'a ring is left as often as it was taken');
    if (this.#users > 0) return;
    this.#closed = true;
    rings.delete(this.#size);
    this.addon.ringClose(this.number);
  }

  /**
   * To be called with what a call of the addon returned that starts an operation. True: it has
   * completed with that result. False: `completion` will be called.
   */
  completed(started: number, completion: Completion): boolean {
    const pending = started === this.addon.pending;
    const { table } = this.#handle;
    if (pending) this.#waiting[table[STARTED] ?? 0] = completion;
    // Others may have completed on the way.
    if (table[COUNT] !== 0) this.#collect();
    return !pending;
  }

  /** Zeroed memory of at least `bytes` bytes. Throws RangeError when there is none. */
  memory(bytes: number): UringMemory {
    assert(Number.isSafeInteger(bytes) && bytes > 0, 'memory of a positive number of bytes');
    if (bytes > MEMORY_BYTES_MAX) throw new RangeError(`no memory of ${bytes} bytes at a time`);
    const created = this.addon.memoryCreate(this.number, bytes);
    if (typeof created === 'number') {
      throw new RangeError(`no memory of ${bytes} bytes: ${describeErrno(-created).detail}`);
    }
    if (created.registered) this.#registered += 1;
    else this.#plain += 1;
    return new UringMemory(this.addon, created, () => {
      if (created.registered) this.#registered -= 1;
      else this.#plain -= 1;
    });
  }

  features(): UringFeatures {
    return {
      ringSize: this.#size,
      inFlightMax: this.#handle.inFlightMax,
      setupFlags: this.#handle.setupFlags,
      memoriesRegistered: this.#registered,
      memoriesPlain: this.#plain,
    };
  }

  stats(): RingStats {
    return this.addon.ringStats(this.number);
  }

  /** Takes every completion out of the table. */
  #collect(): void {
    const { table } = this.#handle;
    const end = HEADER_LENGTH + 2 * (table[COUNT] ?? 0);
    for (let at = HEADER_LENGTH; at < end; at += 2) {
      const operation = table[at] ?? 0;
      const completion = this.#waiting[operation];
      assert(completion !== undefined, 'an operation that completes was waited for');
      this.#waiting[operation] = undefined;
      completion(table[at + 1] ?? 0);
    }
    table[COUNT] = 0;
  }
}

/** Opens a ring and sees to it that the kernel has every operation that is needed. */
function openRing(addon: Addon, size: number, onCompletions: () => void): RingHandle {
  const opened = openPatiently(addon, size, onCompletions);
  if (typeof opened === 'number') throw refused(-opened, size);
  if (opened.missingOpcode < 0) return opened;
  addon.ringClose(opened.number);
  throw refused(constants.errno.ENOSYS, size, opened.missingOpcode);
}

/** The kernel gives a closed ring's locked memory back a moment later; that long it is waited for. */
const PATIENCE_MS = 300;
const ATTEMPT_MS = 10;
/** Where waiting was of no use it is not tried again for so long: it blocks the thread. */
const DESPAIR_MS = 10_000;

let despairedAt = -Infinity;

function openPatiently(addon: Addon, size: number, onCompletions: () => void): RingHandle | number {
  const start = clock.now();
  for (;;) {
    const opened = addon.ringOpen(size, onCompletions);
    if (opened !== -constants.errno.ENOMEM) {
      despairedAt = -Infinity;
      return opened;
    }
    if (clock.now() - despairedAt < DESPAIR_MS) return opened;
    if (clock.now() - start > PATIENCE_MS) {
      despairedAt = clock.now();
      return opened;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ATTEMPT_MS);
  }
}

function usableAddon(): Addon {
  const addon = loadAddon();
  if (addon !== undefined) return addon;
  throw new WalError('ERR_WAL_DRIVER', addonProblem() ?? 'the native addon is not there');
}

function refused(errno: number, size: number, missingOpcode = -1): WalError {
  return new WalError('ERR_WAL_DRIVER', refusalReason(errno, size, missingOpcode), {
    errno: describeErrno(errno).code,
  });
}
