// Where the last N records of a log begin. Their places are kept, not their bytes.

import type { Target } from './target.js';
import type { Start } from './walk.js';
import { segmentNumbers, Walk } from './walk.js';

/** The place of a record; entries of an atomic batch stand at one offset, `skip` tells which it is. */
export interface TailStart extends Start {
  readonly skip: number;
}

/** Where the last `count` records begin. */
export async function findTailStart(target: Target, count: number): Promise<TailStart> {
  if (target.kind === 'file') return (await lastPlaces(target, 0, count)).start;
  const numbers = await segmentNumbers(target.path);
  let left = count;
  let start: TailStart = { segment: numbers[0] ?? 0, offset: 0, skip: 0 };
  for (const number of numbers.reverse()) {
    const found = await lastPlaces(target, number, left);
    start = found.start;
    left -= found.count;
    if (left <= 0) break;
  }
  return start;
}

/** The place of the last `count`th record of one file, or of its first; behind all for 0. */
async function lastPlaces(
  target: Target,
  segment: number,
  count: number,
): Promise<{ readonly start: TailStart; readonly count: number }> {
  const ring: TailStart[] = [];
  let seen = 0;
  let [lastOffset, skip] = [-1, 0];
  const walk = await Walk.open(target, { segment, offset: 0 });
  try {
    for await (const chunk of walk.ownChunks()) {
      for (const { offset } of chunk) {
        skip = offset === lastOffset ? skip + 1 : 0;
        lastOffset = offset;
        if (count > 0) ring[seen % count] = { segment, offset, skip };
        seen += 1;
      }
    }
    if (count === 0) return { start: { segment, offset: walk.offset, skip: 0 }, count: 0 };
    const first = seen <= count ? ring[0] : ring[seen % count];
    const start = first ?? { segment, offset: 0, skip: 0 };
    return { start, count: Math.min(seen, count) };
  } finally {
    await walk.close();
  }
}
