// What becomes of one write: decided when it is issued, from the faults of the world and the space
// that is left.

import { IoError } from '../lib/io/driver.js';
import { LANE } from './choices.js';
import type { SimInode } from './disk-file.js';
import type { SimEnvironment } from './environment.js';
import { BLOCK_BYTES, SECTOR_BYTES } from './profile.js';

/** How a write ends, and how many of its bytes land. */
export type WriteFate =
  | { readonly kind: 'written'; readonly landed: number }
  /** A dsync write whose bytes reach the page cache, and whose sync then fails. */
  | { readonly kind: 'unsynced'; readonly landed: number; readonly error: MakeError }
  | { readonly kind: 'failed'; readonly landed: number; readonly error: MakeError };

type MakeError = (path: string) => IoError;

interface WriteRequest {
  readonly length: number;
  readonly position: number;
  readonly dsync: boolean;
}

/** A shortage of space ends by itself after at most this many steps. */
const SHORTAGE_STEPS_MAX = 60;

const SHORTAGES = { enospc: 'ENOSPC', edquot: 'EDQUOT', efbig: 'EFBIG' } as const;
const RETRIES = { 'write-eintr': 'EINTR', 'write-eagain': 'EAGAIN' } as const;

export function drawWriteFate(
  environment: SimEnvironment,
  file: { readonly inode: SimInode; readonly isDirect: boolean },
  request: WriteRequest,
): WriteFate {
  const { length, position, dsync } = request;
  const grows = position + length > file.inode.size;
  if (grows && environment.isShort()) return shortOfSpace(environment, request, file);
  const fault = environment.draw('write');
  switch (fault) {
    case 'enospc':
    case 'edquot':
    case 'efbig': {
      if (!grows) break;
      environment.fire(fault);
      const steps = 1 + environment.choices.below(LANE.extent, SHORTAGE_STEPS_MAX);
      environment.shortage = { errno: SHORTAGES[fault], untilStep: environment.step + steps };
      return shortOfSpace(environment, request, file);
    }
    case 'short-write': {
      const count = partOf(environment, request, file, 1);
      if (count === 0) break;
      environment.fire(fault, `${String(count)} of ${String(length)} B`);
      return { kind: 'written', landed: count };
    }
    case 'zero-write':
      environment.fire(fault);
      return { kind: 'written', landed: 0 };
    case 'write-eintr':
    case 'write-eagain':
      environment.fire(fault);
      return failed(environment, RETRIES[fault], request, 0);
    case 'write-eio': {
      environment.fire(fault);
      const landed = file.isDirect ? partOf(environment, request, file, 0) : 0;
      return failed(environment, 'EIO', request, landed);
    }
    default:
  }
  return dsync ? dsyncFate(environment, request) : { kind: 'written', landed: length };
}

function dsyncFate(environment: SimEnvironment, request: WriteRequest): WriteFate {
  const { length } = request;
  const fault = environment.draw('dsync');
  if (fault === undefined) return { kind: 'written', landed: length };
  environment.fire(fault);
  if (fault === 'dsync-write-half') return failed(environment, 'EIO', request, 0);
  const errno = fault === 'dsync-enospc' ? 'ENOSPC' : 'EIO';
  return {
    kind: 'unsynced',
    landed: length,
    error: (path) => new IoError(errno, 'write', path),
  };
}

/** Part of the write fits; how much is told by a short count, why not all only by the next. */
function shortOfSpace(
  environment: SimEnvironment,
  request: WriteRequest,
  file: { readonly inode: SimInode; readonly isDirect: boolean },
): WriteFate {
  const fits = Math.max(0, Math.min(request.length, file.inode.size - request.position));
  // What was there already is sure to land only up to its last whole page.
  const landed = Math.max(fits - (fits % BLOCK_BYTES), partOf(environment, request, file, 0));
  if (landed > 0) return { kind: 'written', landed };
  return failed(environment, environment.shortage?.errno ?? 'ENOSPC', request, 0);
}

/** A number of bytes smaller than the write; whole sectors where it goes past the page cache. */
function partOf(
  environment: SimEnvironment,
  request: WriteRequest,
  file: { readonly isDirect: boolean },
  least: 0 | 1,
): number {
  const { choices } = environment;
  const { length, position } = request;
  const unit = file.isDirect ? SECTOR_BYTES : 1;
  const range = length / unit - least;
  if (range <= 0) return 0;
  // Often in the last sector: what is left of it then is in the way of the next write.
  const inLast = Math.ceil(((position + length) % SECTOR_BYTES || SECTOR_BYTES) / unit);
  const from = choices.bias([1, 1]) === 1 ? Math.max(0, range - inLast) : 0;
  return (least + choices.below(LANE.extent, range, from)) * unit;
}

function failed(
  environment: SimEnvironment,
  errno: string,
  request: WriteRequest,
  landed: number,
): WriteFate {
  const writeHalf = request.dsync && environment.choices.chance(LANE.extent, 128);
  return {
    kind: 'failed',
    landed,
    error: (path) => new IoError(errno, 'write', path, { writeHalf }),
  };
}
