// Writes a range to its last byte: the rest of a short write is resubmitted, an interrupted write
// is tried again, a bounded number of times. Everything else is the caller's to judge.

import { directUnit, isDirect } from './direct-io.js';
import { errnoOf } from './errors.js';
import type { IoFile, IoMemory } from './io/driver.js';
import { IoError } from './io/driver.js';
import { askAlone, isWriteHalf, syncAlone } from './sync-alone.js';

/** How often in a row a write that was interrupted (EINTR, EAGAIN) is resubmitted. */
export const RESUBMITS_MAX = 16;
/** What a disk writes as one, in bytes; assumed to be atomic. */
const SECTOR_BYTES = 512;

/** What to write where, and what became of it. */
export interface WriteJob {
  readonly memory: IoMemory;
  /** First byte in `memory`. */
  readonly start: number;
  readonly length: number;
  /** Where in the file the first byte goes. */
  readonly position: number;
  readonly dsync: boolean;
  /** Bytes known to be written, in order from `start`; kept up to date, also when the write fails. */
  done: number;
  /** Short writes and interruptions met on the way. */
  resubmits: number;
  /** A sync that had to come between two parts of the write failed. */
  syncFailed: boolean;
}

/** A job of which nothing is done yet. */
export function writeJob(
  memory: IoMemory,
  start: number,
  length: number,
  position: number,
  dsync = false,
): WriteJob {
  return { memory, start, length, position, dsync, done: 0, resubmits: 0, syncFailed: false };
}

/** Settles when all of the job is written. Rejects with the IoError that stopped it. */
export async function writeFully(file: IoFile, job: WriteJob): Promise<void> {
  const unit = directUnit(file);
  let interruptions = 0;
  let limit = job.length;
  let isGuarded = false;
  while (job.done < job.length) {
    const { start, position, done, dsync } = job;
    let count: number;
    try {
      const length = limit - done;
      const write = (): Promise<number> =>
        file.write(job.memory, start + done, length, position + done, { dsync });
      count = await (dsync && !isDirect(file) ? askAlone(file, write) : write());
    } catch (error) {
      // A dsync write may have been interrupted in its sync half; that is the caller's to judge.
      const again = isInterruption(error) && (!dsync || isWriteHalf(error));
      if (!again || ++interruptions > RESUBMITS_MAX) throw error;
      job.resubmits++;
      continue;
    }
    if (count === 0) {
      const detail = 'zero bytes were written';
      throw new IoError('EIO', 'write', file.path, { detail, writeHalf: true });
    }
    const progress = count - (count % unit);
    job.done += progress;
    interruptions = progress === 0 ? interruptions + 1 : 0;
    if (interruptions > RESUBMITS_MAX) {
      const detail = `writes of less than ${String(unit)} bytes`;
      throw new IoError('EIO', 'write', file.path, { detail, writeHalf: true });
    }
    if (job.done < limit) {
      job.resubmits++;
      const end = sectorEnd(position + job.done, position, job.length);
      isGuarded ||= end !== undefined;
      limit = end ?? job.length;
    } else if (isGuarded) {
      await syncBetween(file, job);
      isGuarded = false;
      limit = job.length;
    }
  }
}

async function syncBetween(file: IoFile, job: WriteJob): Promise<void> {
  try {
    await syncAlone(file);
  } catch (error) {
    job.syncFailed = true;
    throw error;
  }
}

/**
 * After a short write that ended inside a sector, that sector must be whole on disk before anything
 * behind it is written, by this job or the next: half a record in one sector with others behind it
 * could not be told from damage. Returns where the sector (or the job) ends, counted in the job.
 */
function sectorEnd(reached: number, position: number, length: number): number | undefined {
  const inside = reached % SECTOR_BYTES;
  if (inside === 0) return undefined;
  return Math.min(length, reached - inside + SECTOR_BYTES - position);
}

/** EINTR or EAGAIN: nothing happened, try again. */
export function isInterruption(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'EINTR' || errno === 'EAGAIN';
}
