// What a LOG or DIR on the command line turns out to be.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stats } from 'node:fs';
import { errnoOf } from '../errors.js';
import { createThreadpoolDriver } from '../io/threadpool.js';
import { MANIFEST_NAME } from '../manifest.js';
import { listSegments, segmentName } from '../segments.js';

/** A log that is there: one file, or a directory of segments. */
export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'directory'; readonly path: string };

/** There is something, but no log. */
export class NoLogError extends Error {}

/** The system's error in words for a person, its errno kept. */
export class PathError extends Error {
  readonly code: string;

  constructor(path: string, errno: string, cause: unknown, words = PATH_WORDS[errno]) {
    super(`${words ?? 'it cannot be looked at'}: '${path}' (${errno})`, { cause });
    this.code = errno;
  }
}

const PATH_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is nothing of that name',
  ENOTDIR: 'something on the way there is no directory',
  EACCES: 'this user may not look there',
};

/** What stat(2) says of `path`. Rejects with PathError. */
export async function statPath(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    const errno = errnoOf(error);
    throw errno === undefined ? error : new PathError(path, errno, error);
  }
}

/** Looks what stands at `path`. Rejects with PathError, the system's error, or NoLogError. */
export async function findTarget(path: string): Promise<Target> {
  const stats = await statPath(path);
  if (!stats.isDirectory()) return { kind: 'file', path };
  const { numbers } = await listSegments(createThreadpoolDriver(), path);
  if (numbers.length === 0 && !(await exists(join(path, MANIFEST_NAME)))) {
    throw new NoLogError(
      `there is no log in '${path}': no ${segmentName(1)} or the like, and no ${MANIFEST_NAME}`,
    );
  }
  return { kind: 'directory', path };
}

/** The same where only a directory will do. */
export async function findDirectory(path: string): Promise<string> {
  const target = await findTarget(path);
  if (target.kind === 'directory') return target.path;
  throw new NoLogError(`'${path}' is a file: this command works on a directory of segments`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
