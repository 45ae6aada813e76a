// O_DIRECT by way of node:fs: a second descriptor of an open file that goes past the page cache,
// and the alignment it needs.

import * as fs from 'node:fs';

import { loadAddon } from './addon.js';
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
 * Opens the file behind `fd` once more, past the page cache. The unit is what the kernel tells
 * (STATX_DIOALIGN, by way of the addon), and else MEMORY_ALIGNMENT, of which every smaller one is a
 * divisor. Rejects with `IoError` when the system fails otherwise, for example EMFILE.
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
  const unit = unitToldByKernel(direct) ?? MEMORY_ALIGNMENT;
  const problem = unitProblem(unit) ?? (await readProblem(direct, path, unit));
  if (problem === undefined) return { fd: direct, unit };
  await closeDescriptor(direct, path);
  return { refused: problem };
}

/** In bytes, 0 for no O_DIRECT; undefined where nobody tells. */
function unitToldByKernel(fd: number): number | undefined {
  const alignment = loadAddon()?.directAlignment(fd);
  if (typeof alignment !== 'object' || !alignment.known) return undefined;
  return Math.max(alignment.memory, alignment.offset);
}

function unitProblem(unit: number): string | undefined {
  if (unit === 0) return 'the kernel has no O_DIRECT for this file';
  if (unit <= MEMORY_ALIGNMENT) return undefined;
  return `O_DIRECT needs units of ${String(unit)} bytes here, more than a page`;
}

/** Why a read of one unit does not work, if so; an empty file cannot tell. */
async function readProblem(fd: number, path: string, unit: number): Promise<string | undefined> {
  const memory = takeMemory(unit);
  try {
    await call<number>('read', path, (done) => {
      fs.read(fd, memory.bytes, 0, unit, 0, done);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    // Any other error is one of the medium, and for whoever reads in earnest.
    if (error.code !== 'EINVAL') return undefined;
    return `O_DIRECT is granted, but not reads of ${String(unit)} bytes: ${error.message}`;
  } finally {
    memory.release();
  }
}
