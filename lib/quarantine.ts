// Before recovery cuts off bytes that could have been records, it copies them to a file of their
// own beside the log, durable before the cut. Nothing is lost silently.

import { dirname } from 'node:path';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { WalEnd } from './tail.js';
import type { FileWindow } from './window.js';
import { WINDOW_BYTES } from './window.js';
import { writeFully, writeJob } from './write-fully.js';

/** How many copies of one offset may stand side by side before recovery refuses. */
const COPIES_MAX = 1000;

/**
 * Copies [end.offset, end.size) to `<log>.discarded-<offset>` (with `-1`, `-2`, … where that is
 * taken: no copy is ever overwritten), syncs it and its directory, and returns its path. Rejects
 * with `ERR_WAL_OPEN` when that cannot be done; the log is untouched then.
 */
export async function quarantine(
  driver: IoDriver,
  log: IoFile,
  window: FileWindow,
  end: WalEnd,
): Promise<string> {
  const base = `${log.path}.discarded-${String(end.offset)}`;
  try {
    const file = await createCopy(driver, base);
    try {
      await fillCopy(driver, file, window, end);
      await driver.syncDirectory(dirname(log.path));
    } catch (cause) {
      // Half a copy is of no use, and whoever tries again and again would fill the disk with them.
      await driver.remove(file.path).catch(() => undefined);
      throw cause;
    }
    return file.path;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WalError(
      'ERR_WAL_OPEN',
      `cannot keep a copy of what recovery must cut off '${log.path}' at ${String(end.offset)}, ` +
        `so nothing was cut: ${why}`,
      { path: log.path, offset: end.offset, cause },
    );
  }
}

async function createCopy(driver: IoDriver, base: string): Promise<IoFile> {
  const options = { access: 'write', create: 'exclusive', direct: false, mode: 0o600 } as const;
  for (let copy = 0; ; copy++) {
    try {
      return await driver.open(copy === 0 ? base : `${base}-${String(copy)}`, options);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || copy >= COPIES_MAX) throw error;
    }
  }
}

async function fillCopy(
  driver: IoDriver,
  copy: IoFile,
  window: FileWindow,
  end: WalEnd,
): Promise<void> {
  try {
    await copyTail(driver, copy, window, end);
    await copy.sync();
  } finally {
    await copy.close();
  }
}

async function copyTail(
  driver: IoDriver,
  copy: IoFile,
  window: FileWindow,
  end: WalEnd,
): Promise<void> {
  const memory = driver.memory(Math.min(WINDOW_BYTES, end.size - end.offset));
  try {
    for (let at = end.offset; at < end.size;) {
      const index = await window.load(at, 1);
      const length = Math.min(window.filled - index, memory.bytes.length);
      memory.bytes.set(window.bytes.subarray(index, index + length));
      await writeFully(copy, writeJob(memory, 0, length, at - end.offset));
      at += length;
    }
  } finally {
    memory.release();
  }
}
