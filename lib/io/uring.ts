// The io_uring driver: writes, reads and syncs go through a ring of the native addon, without a
// thread of our own; directory work and the lock go through node:fs, as in every driver.

import type { RingStats } from './addon.js';
import * as clock from './clock.js';
import { openDirect } from './direct.js';
import type { IoDriver, IoFile, IoOpenOptions } from './driver.js';
import * as files from './files.js';
import { acquireLock } from './lock-file.js';
import { UringFile } from './uring-file.js';
import { SharedRing, type UringFeatures } from './uring-ring.js';

/** Entries of the submission ring, unless told otherwise. */
export const RING_SIZE_DEFAULT = 128;

/** Options of {@link createUringDriver}. */
export interface UringOptions {
  /** Entries of the submission ring: a power of two, 1 … 32768. */
  readonly ringSize?: number | undefined;
}

/** An {@link IoDriver} that also tells what it stands on. */
export interface UringDriver extends IoDriver {
  readonly name: 'uring';
  features(): UringFeatures;
  stats(): RingStats;
}

/**
 * A driver over io_uring. All drivers of a thread with the same ring size share one ring. Throws
 * `WalError` `ERR_WAL_DRIVER` with the reason where the addon is missing or io_uring is refused.
 */
export function createUringDriver(options: UringOptions = {}): UringDriver {
  const ring = SharedRing.take(options.ringSize ?? RING_SIZE_DEFAULT);
  let closed = false;
  return {
    name: 'uring',
    fallbackReason: undefined,
    open: (path, opening) => openFile(ring, path, opening),
    lock: (path, mode = 0o600) => acquireLock(path, { mode }),
    list: files.listDirectory,
    makeDirectory: files.makeDirectory,
    remove: files.removeFile,
    rename: files.renameFile,
    syncDirectory: files.syncDirectory,
    memory: (bytes) => ring.memory(bytes),
    now: clock.now,
    delay: clock.delay,
    defer: clock.defer,
    features: () => ring.features(),
    stats: () => ring.stats(),
    close: () => {
      if (!closed) ring.leave();
      closed = true;
      return Promise.resolve();
    },
  };
}

async function openFile(ring: SharedRing, path: string, options: IoOpenOptions): Promise<IoFile> {
  const { fd, created } = await files.openDescriptor(path, options);
  try {
    // Also without `options.direct`: reads past the cache need it.
    const access = options.direct ? options.access : 'read';
    const past = await openDirect(fd, path, access);
    const facts = await files.fileSystemFacts(fd, options.access);
    return new UringFile(ring, { path, created, fd, past, direct: options.direct, ...facts });
  } catch (error) {
    await files.closeDescriptor(fd, path);
    throw error;
  }
}
