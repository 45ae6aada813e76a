// How a lock file is put in its place, also where a stale one stands, so that exactly one taker
// wins, and so that a slow one can never remove or replace a fresh lock:
//
//   <log>.lock                  the lock: a link to a file that was written and synced before
//   <log>.lock.<nonce>.new      that file, before it is linked
//   <log>.lock.<nonce>.claim    the sole right to replace the stale lock <nonce>
//
// A claim is created exclusively and is the taker's own lock record already. Its holder reads the
// stale lock again: if it is still <nonce>, nobody else may touch it (its owner is gone, others
// lack the claim), and renaming the claim over it hands the lock over in one step; if not, the
// claim is void and removed. A claim whose owner died is itself replaced by the same steps.
//
// All of it runs synchronously on the owner's thread, so that nothing of a thread or process that
// is gone can still be on its way through the thread pool.

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { type Life, lifeOf, type LockHolder, parseHolder } from './lock-holder.js';

/** What the protocol needs beyond node:fs; tests replace it. */
export interface LockSystem {
  /**
   * Tries flock(2), exclusive and without waiting, on a descriptor that keeps it until closed:
   * true when taken, false when another holds it. Undefined without the native addon. Throws
   * where the file system has no flock.
   */
  readonly tryFlock: ((fd: number) => boolean) | undefined;
  /** link(2). Throws EEXIST when `to` is there. */
  readonly link: (from: string, to: string) => void;
  /** How long to wait before refusing, by the holder's life, in milliseconds. */
  readonly patienceMs: Readonly<Record<Life, number>>;
  /**
   * Permission bits of lock files. Who may open one may flock it, and so keep a stale lock from being
   * taken over; who may not cannot tell whether its holder lives, and is refused.
   */
  readonly mode: number;
}

/** A written and synced lock record, ready to be linked. */
export interface PreparedLock {
  readonly path: string;
  readonly holder: LockHolder;
}

/** Why a lock could not be taken. */
export interface Refusal {
  readonly file: string;
  /** Undefined when the file cannot be read or understood. */
  readonly holder: LockHolder | undefined;
  readonly life: Life;
}

/** `again`: what stood there changed while it was looked at. */
export type Placement =
  { readonly kind: 'placed' | 'again' } | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Takers that died one after the other, each while it claimed the claim of the one before. */
const CLAIM_DEPTH_MAX = 8;

/** A lock file is some 300 bytes; what is longer is none. */
const LOCK_BYTES_MAX = 4096;

/** How file systems say that they have no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Tries once to put `prepared` at `<log>.lock`, over a stale lock if there is one. Throws what
 * node:fs throws.
 */
export function placeLock(lockPath: string, prepared: PreparedLock, system: LockSystem): Placement {
  return place(lockPath, lockPath, prepared, system, 0);
}

/** Removes the lock if it still is the one named `nonce`. */
export function removeLock(lockPath: string, nonce: string): void {
  if (inspect(lockPath, undefined)?.holder?.nonce === nonce) fs.unlinkSync(lockPath);
}

/** As its holder: removes what takers and holders that died left beside the lock. */
export function removeLitter(lockPath: string, self: LockHolder): void {
  const prefix = `${basename(lockPath)}.`;
  for (const name of fs.readdirSync(dirname(lockPath))) {
    const nonce = /^([0-9a-f]{32})\.(?:new|claim)$/.exec(name.slice(prefix.length))?.[1];
    if (!name.startsWith(prefix) || nonce === undefined || nonce === self.nonce) continue;
    const path = join(dirname(lockPath), name);
    const owner = inspect(path, undefined)?.holder;
    if (owner !== undefined && lifeOf(owner, self) === 'gone') removeIfThere(path);
  }
}

function place(
  target: string,
  lockPath: string,
  prepared: PreparedLock,
  system: LockSystem,
  depth: number,
): Placement {
  if (createExclusively(target, prepared, system)) return { kind: 'placed' };
  const found = inspect(target, system);
  if (found === undefined) return { kind: 'again' };
  const { holder } = found;
  const life = holder === undefined ? 'unknown' : lifeOf(holder, prepared.holder);
  if (holder === undefined || !isStale(life, found.flock) || depth === CLAIM_DEPTH_MAX) {
    return { kind: 'refused', refusal: { file: target, holder, life } };
  }

  const claim = `${lockPath}.${holder.nonce}.claim`;
  const claimed = place(claim, lockPath, prepared, system, depth + 1);
  if (claimed.kind !== 'placed') return claimed;
  // From here on only we may replace `target`, provided that it is still the one we judged.
  if (inspect(target, undefined)?.holder?.nonce !== holder.nonce) {
    removeIfThere(claim);
    return { kind: 'again' };
  }
  try {
    fs.renameSync(claim, target);
  } catch (error) {
    removeIfThere(claim);
    throw error;
  }
  return { kind: 'placed' };
}

/** False when something is there already. */
function createExclusively(target: string, prepared: PreparedLock, system: LockSystem): boolean {
  try {
    system.link(prepared.path, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === undefined || !NO_LINKS.has(code)) throw error;
  }
  return createWithoutLinks(target, prepared.holder, system.mode);
}

/** Its content comes after its name, and flock stays with another inode: good enough for FAT. */
function createWithoutLinks(target: string, holder: LockHolder, mode: number): boolean {
  let fd: number;
  try {
    fd = fs.openSync(target, 'wx', mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    fs.writeSync(fd, JSON.stringify({ ...holder, flock: false }));
    fs.fsyncSync(fd);
  } catch (error) {
    removeIfThere(target);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
  return true;
}

/** Whether flock is held on the file, where that can be told. */
type FlockState = 'held' | 'free' | 'untold';

/**
 * What two witnesses say together. /proc sees a process or thread end but not across containers;
 * flock sees across them, but only where both sides have the addon. To go on takes one that
 * says "gone" and none that says "alive".
 */
function isStale(life: Life, flock: FlockState): boolean {
  if (life === 'alive' || life === 'dying' || flock === 'held') return false;
  return life === 'gone' || flock === 'free';
}

interface Inspection {
  /** Undefined when the content is not understood. */
  readonly holder: LockHolder | undefined;
  readonly flock: FlockState;
}

/** Reads a lock file, and tries its flock when `system` is given; undefined when there is none. */
function inspect(path: string, system: LockSystem | undefined): Inspection | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants as Partial<typeof fs.constants>;
  let fd: number;
  try {
    // Without O_NONBLOCK a pipe of that name would stop the thread.
    fd = fs.openSync(path, (O_RDONLY ?? 0) | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { holder: undefined, flock: 'untold' };
  }
  try {
    const bytes = Buffer.alloc(LOCK_BYTES_MAX);
    const count = fs.readSync(fd, bytes, 0, LOCK_BYTES_MAX, 0);
    const holder = parseHolder(bytes.toString('utf8', 0, count));
    return { holder, flock: holder?.flock === true ? flockState(fd, system) : 'untold' };
  } catch {
    return { holder: undefined, flock: 'untold' };
  } finally {
    fs.closeSync(fd);
  }
}

function flockState(fd: number, system: LockSystem | undefined): FlockState {
  if (system?.tryFlock === undefined) return 'untold';
  try {
    return system.tryFlock(fd) ? 'free' : 'held';
  } catch {
    return 'untold';
  }
}

function removeIfThere(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
