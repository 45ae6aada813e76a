// O_DIRECT by way of node:fs: a second descriptor of an open file that goes past the page cache,
// and the alignment it needs.

import * as fs from 'node:fs';

import { IoError, type IoOpenOptions, MEMORY_ALIGNMENT } from './driver.js';
import { accessFlags, call, closeDescriptor, DIRECT_FLAG, reopen } from './files.js';
import { takeMemory } from './wasm-memory.js';

/** Granted: a descriptor that its owner closes, and the alignment in bytes. Or why not. */
export type DirectDescriptor =
  { readonly fd: number; readonly unit: number } | { readonly refused: string };

/** How file systems and rights refuse O_DIRECT; what else fails has nothing to do with it. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EINVAL',
  'EOPNOTSUPP',
  'ENOTSUP',
  'EACCES',
  'EPERM',
  'ESTALE',
]);

/**
 * Opens the file behind `fd` once more, past the page cache. node:fs knows no STATX_DIOALIGN, so the
 * unit is MEMORY_ALIGNMENT, of which every unit up to it is a divisor. Rejects with
 * `IoError` when the system fails otherwise, for example EMFILE.
 */
export async function openDirect(
  fd: number,
  path: string,
  access: IoOpenOptions['access'],
): Promise<DirectDescriptor> {
  if (DIRECT_FLAG === undefined) return { refused: 'this platform has no O_DIRECT' };
  let direct: number;
  try {
    direct = await reopen(fd, path, accessFlags({ access }) | DIRECT_FLAG);
  } catch (error) {
    if (!(error instanceof IoError) || !REFUSALS.has(error.code)) throw error;
    return { refused: `O_DIRECT is refused: ${error.message}` };
  }
  const problem = await readProblem(direct, path);
  if (problem === undefined) return { fd: direct, unit: MEMORY_ALIGNMENT };
  await closeDescriptor(direct, path);
  return { refused: `O_DIRECT is granted, but not reads of 4096 bytes: ${problem}` };
}

/** Why a read at the largest unit allowed does not work; an empty file cannot tell. */
async function readProblem(fd: number, path: string): Promise<string | undefined> {
  const memory = takeMemory(MEMORY_ALIGNMENT);
  try {
    await call<number>('read', path, (done) => {
      fs.read(fd, memory.bytes, 0, MEMORY_ALIGNMENT, 0, done);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    // Any other error is one of the medium, and for whoever reads in earnest.
    return error.code === 'EINVAL' ? error.message : undefined;
  } finally {
    memory.release();
  }
}
