// Whether a file's writes and reads go past the page cache, and in which unit.

import type { IoFile } from './io/driver.js';

/** O_DIRECT was asked for and granted. */
export function isDirect({ direct }: Pick<IoFile, 'direct'>): boolean {
  return direct !== undefined && 'blockBytes' in direct;
}

/** What offsets and lengths must be multiples of, in bytes: 1 through the page cache. */
export function directUnit({ direct }: Pick<IoFile, 'direct'>): number {
  return direct !== undefined && 'blockBytes' in direct ? direct.blockBytes : 1;
}
