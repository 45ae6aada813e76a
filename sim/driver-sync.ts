// What a sync does to a file under each profile, when it works and when it fails. The one rule they
// share, and the reason why a failed sync must never be tried again: afterwards nobody can tell, by
// reading or by syncing, what the disk has.

import { IoError } from '../lib/io/driver.js';
import { LANE } from './choices.js';
import type { SimInode } from './disk-file.js';
import type { FaultName } from './faults.js';
import type { SimEnvironment } from './environment.js';

/** The descriptor through which a sync came. */
export interface SyncedFile {
  readonly path: string;
  readonly inode: SimInode;
  errorsSeen: number;
}

/** The part of a file that a dsync write covers. */
export interface SyncedRange {
  readonly position: number;
  readonly length: number;
}

/** Syncs, or fails to as the fault and the profile say; throws the {@link IoError} to report. */
export function syncFile(
  environment: SimEnvironment,
  file: SyncedFile,
  fault: FaultName | undefined,
): void {
  const { inode } = file;
  const { profile } = environment.fileSystem;
  if (fault === 'sync-eintr') {
    environment.fire(fault);
    throw new IoError('EINTR', 'fdatasync', file.path);
  }
  const wasTold = file.errorsSeen >= inode.errors;
  file.errorsSeen = inode.errors;
  inode.errorsTold = inode.errors;
  if (fault === undefined && wasTold) {
    inode.sync();
    return;
  }
  if (fault === 'sync-error') environment.fire(fault);
  if (fault === 'sync-error' && wasTold && profile === 'ext4-journal') {
    inode.sync();
    inode.errors += 1;
    return;
  }
  if (fault === undefined && profile !== 'ext4-journal') inode.sync();
  else failSyncOf(environment, inode);
  throw new IoError('EIO', 'fdatasync', file.path);
}

/** A writeback that failed is told once: to the next that syncs, be it a range. Throws, if so. */
export function tellFailedWriteback(file: SyncedFile): void {
  const { inode } = file;
  const wasTold = file.errorsSeen >= inode.errors;
  file.errorsSeen = inode.errors;
  inode.errorsTold = inode.errors;
  if (!wasTold) throw new IoError('EIO', 'write', file.path);
}

/** Background writeback of a file fails: pages are clean, the error waits for the next sync. */
export function failBackground(environment: SimEnvironment, inode: SimInode): void {
  const dirty = inode.dirtySectors();
  if (dirty.length === 0) return;
  environment.writebackFailures += 1;
  environment.fire('writeback-error');
  for (const sector of dirty) {
    if (environment.choices.chance(LANE.extent, 64)) inode.writeBack(sector);
    else inode.failSector(sector);
  }
  inode.errors += 1;
}

/**
 * What a sync (of a range, for a dsync write) that fails does to the data: on ext4 and XFS it is
 * marked clean and kept in the cache, on Btrfs it is gone.
 */
export function failSyncOf(
  environment: SimEnvironment,
  inode: SimInode,
  range?: SyncedRange,
): void {
  environment.writebackFailures += 1;
  if (environment.fileSystem.profile === 'btrfs') {
    inode.revert();
    return;
  }
  for (const sector of inode.dirtySectors(range?.position, range?.length)) {
    if (environment.choices.chance(LANE.extent, 64)) inode.writeBack(sector);
    else inode.failSector(sector);
  }
}
