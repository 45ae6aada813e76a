// The driver of last resort and of every other platform: node:fs, that is libuv's thread pool.
// It needs no addon; O_DIRECT works from the memory of wasm-memory.ts.

import * as clock from './clock.js';
import { openDirect } from './direct.js';
import type { IoDriver, IoFile, IoLock, IoMemory, IoOpenOptions } from './driver.js';
import * as files from './files.js';
import { acquireLock } from './lock-file.js';
import { ThreadpoolFile } from './threadpool-file.js';
import { takeMemory } from './wasm-memory.js';

/** Options of {@link createThreadpoolDriver}. */
export interface ThreadpoolOptions {
  /** Why this driver was taken and not io_uring; left out when it was asked for. */
  readonly fallbackReason?: string | undefined;
}

/** A driver over node:fs. It holds nothing between calls, so closing it costs nothing. */
export function createThreadpoolDriver(options: ThreadpoolOptions = {}): IoDriver {
  return {
    name: 'threadpool',
    fallbackReason: options.fallbackReason,
    open: openFile,
    lock: (path: string, mode = 0o600): Promise<IoLock> => acquireLock(path, { mode }),
    list: files.listDirectory,
    makeDirectory: files.makeDirectory,
    remove: files.removeFile,
    rename: files.renameFile,
    syncDirectory: files.syncDirectory,
    memory: (bytes: number): IoMemory => takeMemory(bytes),
    now: clock.now,
    delay: clock.delay,
    defer: clock.defer,
    close: () => Promise.resolve(),
  };
}

async function openFile(path: string, options: IoOpenOptions): Promise<IoFile> {
  const { fd, created } = await files.openDescriptor(path, options);
  try {
    // Also without `options.direct`: reads past the cache need it.
    const access = options.direct ? options.access : 'read';
    const past = await openDirect(fd, path, access);
    const { honoursDsync } = await files.fileSystemFacts(fd, options.access);
    return new ThreadpoolFile({
      path,
      created,
      fd,
      past,
      direct: options.direct,
      honoursDsync,
    });
  } catch (error) {
    await files.closeDescriptor(fd, path);
    throw error;
  }
}
