// What a failed write or sync means: the cut that keeps the log whole, and the words for callers.

import type { WalPosition } from './ack-queue.js';
import { BLOCK_BYTES } from './batch.js';
import { WalError, errnoOf } from './errors.js';
import { isDirect } from './direct-io.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { syncAlone } from './sync-alone.js';
import { RESUBMITS_MAX, isInterruption } from './write-fully.js';

/**
 * Cuts the log to `end` and makes the cut durable, so that what was rejected can never come back
 * behind a later record. Rejects with the IoError when either fails.
 */
export async function trimLog(file: IoFile, end: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await file.truncate(end);
      break;
    } catch (error) {
      if (!isInterruption(error) || attempt >= RESUBMITS_MAX) throw error;
    }
  }
  await syncAlone(file);
}

/** For O_DIRECT, the bytes of `position`'s block that come before it, read back from the file. */
export async function readCarry(
  driver: IoDriver,
  file: IoFile,
  position: number,
): Promise<Uint8Array> {
  const length = isDirect(file) ? position % BLOCK_BYTES : 0;
  if (length === 0) return new Uint8Array(0);
  const memory = driver.memory(BLOCK_BYTES);
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        const count = await file.read(memory, 0, BLOCK_BYTES, position - length);
        if (count >= length) return memory.bytes.slice(0, length);
        throw new WalError('ERR_WAL_READ', `'${file.path}' is shorter than it was`, {
          path: file.path,
          offset: position,
        });
      } catch (error) {
        if (!isInterruption(error) || attempt >= RESUBMITS_MAX) throw error;
      }
    }
  } finally {
    memory.release();
  }
}

/** The cut after a write that failed of `cause`: what the next batch carries over, or what befell. */
export async function cutLog(
  driver: IoDriver,
  file: IoFile,
  end: number,
  cause: unknown,
): Promise<Uint8Array | WalError> {
  try {
    await trimLog(file, end);
    return await readCarry(driver, file, end);
  } catch (error) {
    return trimFailed(file.path, end, cause, error);
  }
}

/** A record was not written, or is not known to be; `position` is the record's, if it had one. */
export function writeFailed(
  path: string,
  position: WalPosition | undefined,
  cause: unknown,
): WalError {
  const at = position === undefined ? '' : ` at offset ${String(position.offset)}`;
  return new WalError(
    'ERR_WAL_WRITE',
    `cannot write to '${path}'${at}: ${words(cause)}. The log was cut to its last whole record ` +
      'and goes on: append again once the cause is gone',
    { path, ...placeOf(position), cause },
  );
}

/** There is no memory to encode a record of so many bytes in: nothing of it was written. */
export function noMemory(path: string, bytes: number, cause: RangeError): WalError {
  return new WalError(
    'ERR_WAL_WRITE',
    `cannot append ${String(bytes)} bytes to '${path}': ${cause.message}. Nothing was written, and ` +
      'the log goes on: append again when memory is free',
    { path, errno: 'ENOMEM', cause },
  );
}

/** A sync failed: nobody knows what the disk has of what was not durable before. */
export function syncFailed(path: string, cause: unknown): WalError {
  return new WalError(
    'ERR_WAL_SYNC',
    `cannot make '${path}' durable: ${words(cause)}. What was not durable yet may or may not ` +
      'survive; close the log and open it again to see what did',
    { path, cause },
  );
}

/** A write failed, and so did the cut that would have kept the log whole. */
function trimFailed(path: string, end: number, cause: unknown, trim: unknown): WalError {
  return new WalError(
    'ERR_WAL_WRITE',
    `cannot write to '${path}': ${words(cause)}; then it could not be cut to its last whole ` +
      `record at ${String(end)}: ${words(trim)}. Close the log and open it again`,
    { path, offset: end, errno: errnoOf(cause), cause: trim },
  );
}

/** The same error for a caller of its own. */
export function forRecord(error: WalError, position: WalPosition): WalError {
  return new WalError(error.code, error.message, {
    path: error.path,
    ...placeOf(position),
    errno: error.errno,
    cause: error.cause,
  });
}

/** What later calls get once the log is poisoned. */
export function poisoned(path: string, first: WalError): WalError {
  return new WalError(
    'ERR_WAL_POISONED',
    `'${path}' takes nothing more since a failure left the disk's state unknown; close it and ` +
      `open it again. The failure: ${first.message}`,
    { path, errno: first.errno, cause: first },
  );
}

/** What `close` rejects with: all was released, but something went wrong on the way. */
export function closeFailed(path: string, cause: unknown): WalError {
  if (cause instanceof WalError) return cause;
  return new WalError(
    'ERR_WAL_SYNC',
    `'${path}' was closed, but not all of it could be made durable: ${words(cause)}. What was ` +
      'acknowledged as durable is; open it again to see what else is',
    { path, cause },
  );
}

function placeOf(position: WalPosition | undefined): { offset?: number; sequence?: bigint } {
  if (position === undefined) return {};
  const { offset, sequence, length } = position;
  return length === 0 ? { offset } : { offset, sequence };
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
