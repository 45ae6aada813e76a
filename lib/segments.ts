// The files of a segmented log: their names, which of them are there, and what is known of each.

import { basename, join } from 'node:path';
import { WalError } from './errors.js';
import type { IoDriver } from './io/driver.js';

const NAME = /^wal_(\d+)\.log$/;
const NUMBER_DIGITS_MIN = 8;
/** What else the log keeps beside its segments: manifest, lock, and what recovery cut off. */
const OWN = /^wal_manifest(\.draft)?$|^wal\.lock($|\.)|^wal_\d+\.log\.discarded-/;

/** What is known of one file of the log. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  /** Size of its records, in bytes. */
  bytes: number;
  /** First and last sequence in it; undefined when it has no record. */
  first: bigint | undefined;
  last: bigint | undefined;
  /** Some records' sequences and offsets, ascending: where to start a search. */
  index: SequencePoint[];
}

/** A record of this sequence starts at this offset. */
export interface SequencePoint {
  readonly sequence: bigint;
  readonly offset: number;
}

/** How far apart, in bytes, the points of an index are at least. */
export const INDEX_STEP_BYTES = 256 * 1024;

/** Name of the file with this number: `wal_00000001.log`. */
export function segmentName(number: number): string {
  return `wal_${String(number).padStart(NUMBER_DIGITS_MIN, '0')}.log`;
}

/** A file of this name is a segment. */
export function isSegmentName(name: string): boolean {
  return NAME.test(name);
}

/** Where a segment is set aside to, as a whole; `names`, which stand beside it, are taken. */
export function pathAside({ path }: Segment, names: readonly string[]): string {
  const taken = new Set(names);
  const base = `${path}.discarded-0`;
  let to = base;
  for (let copy = 1; taken.has(basename(to)); copy++) to = `${base}-${String(copy)}`;
  return to;
}

/** What is certain of a segment when only its first `bytes` bytes are, up to sequence `last`. */
export function certainPart(segment: Segment, bytes: number, last: bigint | undefined): Segment {
  const index = segment.index.filter(({ offset }) => offset < bytes);
  const first = bytes === 0 ? undefined : segment.first;
  return { ...segment, bytes, first, last: bytes === 0 ? undefined : last, index };
}

/** A file of the log of which nothing is known yet. */
export function newSegment(directory: string, number: number): Segment {
  const path = join(directory, segmentName(number));
  return { number, path, bytes: 0, first: undefined, last: undefined, index: [] };
}

/** What stands in a log's directory. */
export interface DirectoryListing {
  /** Numbers of the segments, ascending. */
  readonly numbers: number[];
  /** Names that do not belong to the log; they are left alone. */
  readonly foreign: string[];
}

/**
 * The segments in a directory. Rejects with `ERR_WAL_CORRUPT` when two names stand for one number:
 * nobody can tell which of them is the log.
 */
export async function listSegments(driver: IoDriver, directory: string): Promise<DirectoryListing> {
  const names = await driver.list(directory);
  const byNumber = new Map<number, string>();
  const foreign: string[] = [];
  for (const name of names) {
    const digits = NAME.exec(name)?.[1];
    const number = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(number)) {
      if (!OWN.test(name)) foreign.push(name);
      continue;
    }
    const other = byNumber.get(number);
    if (other !== undefined) {
      throw new WalError(
        'ERR_WAL_CORRUPT',
        `'${other}' and '${name}' in '${directory}' are both segment ${String(number)}; move the ` +
          'wrong one away',
        { path: join(directory, name) },
      );
    }
    byNumber.set(number, name);
  }
  const numbers = [...byNumber.keys()].filter((number) => {
    const isOwn = byNumber.get(number) === segmentName(number);
    if (!isOwn) foreign.push(byNumber.get(number) ?? '');
    return isOwn;
  });
  return { numbers: numbers.sort((a, b) => a - b), foreign: foreign.sort() };
}

/** Notes where a record starts, if the last point of the index is far enough back. */
export function addPoint(index: SequencePoint[], sequence: bigint, offset: number): void {
  const last = index.at(-1);
  if (last === undefined ? offset === 0 : offset - last.offset < INDEX_STEP_BYTES) return;
  index.push({ sequence, offset });
}

/** Offset of a record at or before the one with this sequence. */
export function seek(index: readonly SequencePoint[], sequence: bigint): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const point = index[middle];
    if (point !== undefined && point.sequence <= sequence) low = middle + 1;
    else high = middle;
  }
  return index[low - 1]?.offset ?? 0;
}

/** What a salvage could not keep between two segments. */
export interface Gap {
  /** Number of the segment before it, and of the one behind it. */
  readonly numbers: readonly [number, number];
  /** Last sequence before it, and first one behind it; undefined where there is no record. */
  readonly sequences: readonly [bigint | undefined, bigint | undefined];
}

/** Where something is missing between two segments. */
export function gapsIn(segments: readonly Segment[]): Gap[] {
  return segments.flatMap(({ number, first }, index): Gap[] => {
    const before = segments[index - 1];
    if (before === undefined) return [];
    const { last } = before;
    const isMissing = last !== undefined && first !== undefined && first !== last + 1n;
    if (number === before.number + 1 && !isMissing) return [];
    return [{ numbers: [before.number, number], sequences: [last, first] }];
  });
}

/** Whether something is missing between two segments. */
export function hasGap(segments: readonly Segment[]): boolean {
  return gapsIn(segments).length > 0;
}

/** Forgets where records behind `end` stand. */
export function keepIndex({ index }: Segment, end: number): void {
  index.splice(0, index.length, ...index.filter(({ offset }) => offset < end));
}
