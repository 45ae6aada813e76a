// The lock of a log, one protocol for every driver: `<log>.lock` tells other processes and
// threads, a registry tells this thread. See lock-claim.ts for how a stale lock is taken over.

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { WalError } from '../errors.js';
import * as clock from './clock.js';
import type { IoLock } from './driver.js';
import { call, closeDescriptor, CREATE_FLAGS, removeFile, toIoError } from './files.js';
import {
  type LockSystem,
  placeLock,
  type PreparedLock,
  type Refusal,
  removeLitter,
  removeLock,
} from './lock-claim.js';
import { nativeFlock } from './lock-flock.js';
import { describeSelf } from './lock-holder.js';

const RETRY_MS = 10;

/**
 * A live holder may be on its way out; a dead one may leave its flock to the kernel for a moment
 * (axboe/liburing#1627); of an unknown one, either may hold.
 */
const PATIENCE_MS = { alive: 100, dying: 2000, gone: 2000, unknown: 1000 } as const;

/** How often the lock may change under our eyes before that is taken for a fault. */
const PLACEMENTS_MAX = 1000;

/** Logs locked by this thread: canonical path to what an error tells of it. */
const held = new Map<string, { readonly since: string }>();

/**
 * Locks the log at `path` (which need not exist; its directory must) against every other writer.
 * A symlink is followed: the lock stands beside the file itself. Rejects with `WalError`
 * `ERR_WAL_LOCKED` when another holds it, with `IoError` when the lock file cannot be made.
 */
export async function acquireLock(
  path: string,
  replaced: Partial<LockSystem> = {},
): Promise<IoLock> {
  const system = {
    tryFlock: nativeFlock(),
    link: fs.linkSync,
    patienceMs: PATIENCE_MS,
    mode: 0o600,
    ...replaced,
  };
  const log = await canonicalPath(path);
  const other = heldHere(log);
  if (other !== undefined) {
    throw new WalError(
      'ERR_WAL_LOCKED',
      `'${path}' is locked by this very thread since ${other.since}; ` +
        'use that writer, or close it first',
      { path },
    );
  }
  held.set(log, { since: new Date().toISOString() });
  try {
    return await lockFile(log, system);
  } catch (error) {
    held.delete(log);
    throw error;
  }
}

async function lockFile(log: string, system: LockSystem): Promise<IoLock> {
  const lockPath = `${log}.lock`;
  const { prepared, fd } = await prepare(lockPath, system);
  try {
    await placeWithPatience(log, lockPath, prepared, system);
    tidy(lockPath, prepared);
    await removeFile(prepared.path);
  } catch (error) {
    fs.closeSync(fd);
    fs.rmSync(prepared.path, { force: true });
    throw toIoOrWalError(error, lockPath);
  }
  return heldLock(log, lockPath, prepared, fd);
}

function heldLock(log: string, lockPath: string, prepared: PreparedLock, fd: number): IoLock {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    try {
      removeLock(lockPath, prepared.holder.nonce);
    } catch (error) {
      throw toIoError(error, 'unlink', lockPath);
    } finally {
      held.delete(log);
      await closeDescriptor(fd, lockPath);
    }
  };
  return { release: () => (released ??= release()) };
}

/** Writes and syncs the record of a lock: a power loss must not leave a name without content. */
async function prepare(
  lockPath: string,
  system: LockSystem,
): Promise<{ prepared: PreparedLock; fd: number }> {
  const draft = describeSelf(false);
  const path = `${lockPath}.${draft.nonce}.new`;
  const fd = createRecord(path, system.mode);
  try {
    const holder = { ...draft, flock: takeFlock(fd, system) };
    const bytes = Buffer.from(JSON.stringify(holder));
    if (fs.writeSync(fd, bytes, 0, bytes.length, 0) !== bytes.length) {
      throw toIoError({ code: 'ENOSPC' }, 'write', path);
    }
    await call<void>('fsync', path, (done) => {
      fs.fsync(fd, done);
    });
    return { prepared: { path, holder }, fd };
  } catch (error) {
    fs.closeSync(fd);
    fs.rmSync(path, { force: true });
    throw toIoError(error, 'write', path);
  }
}

/**
 * Without a trip through the thread pool, during which a worker may be terminated: a record without
 * content tells nobody whose it was, and so stays for ever.
 */
function createRecord(path: string, mode: number): number {
  try {
    return fs.openSync(path, fs.constants.O_WRONLY | CREATE_FLAGS, mode);
  } catch (error) {
    throw toIoError(error, 'open', path);
  }
}

function takeFlock(fd: number, system: LockSystem): boolean {
  try {
    return system.tryFlock?.(fd) ?? false;
  } catch {
    return false;
  }
}

async function placeWithPatience(
  log: string,
  lockPath: string,
  prepared: PreparedLock,
  system: LockSystem,
): Promise<void> {
  const start = clock.now();
  for (let attempt = 0; attempt < PLACEMENTS_MAX; attempt += 1) {
    const placement = placeLock(lockPath, prepared, system);
    if (placement.kind === 'placed') return;
    if (placement.kind === 'refused') {
      const waited = clock.now() - start;
      if (waited >= system.patienceMs[placement.refusal.life])
        throw refused(log, placement.refusal);
      await new Promise<void>((resolve) => clock.delay(RETRY_MS, resolve));
    }
  }
  throw refused(log, { file: lockPath, holder: undefined, life: 'unknown' });
}

function refused(log: string, { file, holder, life }: Refusal): WalError {
  const who =
    holder === undefined
      ? `by '${file}', whose content tells no holder`
      : `by process ${String(holder.pid)}` +
        (holder.thread === 0 || holder.thread === holder.pid
          ? ''
          : ` (thread ${String(holder.thread)})`) +
        (life === 'unknown' ? ` of another container or machine, '${holder.host}',` : '') +
        ` since ${holder.since}`;
  const advice =
    life === 'unknown'
      ? `once you are sure that no process writes to this log, delete '${file}'`
      : 'close that writer or end that process first';
  return new WalError('ERR_WAL_LOCKED', `'${log}' is locked ${who}; ${advice}`, { path: log });
}

/** Litter is no reason to refuse a lock that is ours already. */
function tidy(lockPath: string, prepared: PreparedLock): void {
  try {
    removeLitter(lockPath, prepared.holder);
  } catch {
    // It stays, and harms nobody: its names are never used again.
  }
}

function toIoOrWalError(error: unknown, path: string): Error {
  return error instanceof WalError ? error : toIoError(error, 'link', path);
}

/** The path that every name of a file leads to by symlinks; the file need not be there. */
async function canonicalPath(path: string): Promise<string> {
  try {
    return await realPath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return join(await realPath(dirname(path)), basename(path));
  }
}

function realPath(path: string): Promise<string> {
  return call<string>('realpath', path, (done) => {
    fs.realpath(path, done);
  });
}

/** The lock of this thread on the same file, by path or, for one of several hard links, by inode. */
function heldHere(log: string): { readonly since: string } | undefined {
  const byPath = held.get(log);
  if (byPath !== undefined) return byPath;
  const stats = fs.statSync(log, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined || stats.nlink < 2n) return undefined;
  for (const [path, lock] of held) {
    const other = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
    if (other?.dev === stats.dev && other.ino === stats.ino) return lock;
  }
  return undefined;
}
