// A folder of a command's own, inside a directory that it measures.

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import { PathError, statPath } from './target.js';

/** That a directory is one. Rejects with PathError. */
export async function checkIsDirectory(directory: string): Promise<void> {
  if ((await statPath(directory)).isDirectory()) return;
  throw new PathError(directory, 'ENOTDIR', undefined, 'it is a file; a directory is wanted');
}

/** Creates `directory`/uring-wal-`name`-…, and tells its path. Rejects with PathError. */
export async function makeOwnFolder(directory: string, name: string): Promise<string> {
  try {
    return await mkdtemp(join(directory, `uring-wal-${name}-`));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const words = WORDS[errno] ?? 'nothing can be created there';
    throw new PathError(directory, errno, error, words);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EROFS: 'it is on a file system that is mounted read-only',
  ENOSPC: 'there is no room left',
  EDQUOT: "there is no room left in this user's quota",
};
