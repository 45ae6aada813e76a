// Looking at a log's directory, before anything in it is changed: which segments there are, and
// what is in them. What the manifest vouches for is checked by its size alone; the rest is read.

import { WalError, errnoOf } from './errors.js';
import type { IoDriver } from './io/driver.js';
import type { Manifest } from './manifest.js';
import { knownSegments, readManifest } from './manifest.js';
import { scanSegment } from './segment-scan.js';
import type { Gap, Segment } from './segments.js';
import { listSegments, newSegment } from './segments.js';
import type { WalEnd } from './tail.js';
import type { ResolvedWalOptions } from './wal-options.js';

/** How many segments are looked at at the same time. */
const PARALLEL = 4;
/** How many missing files in a row are told: a stray one with a huge number must cost nothing. */
const MISSING_TOLD_MAX = 100;

/** A segment as it was found. */
export interface SurveyedSegment {
  readonly segment: Segment;
  /** Size of the file, in bytes. */
  readonly size: number;
  /** How its records end; undefined when the manifest vouches for all of it, and it was not read. */
  readonly end: WalEnd | undefined;
  /** Nothing but zeros, or nothing at all. */
  readonly isBlank: boolean;
  /** How it is less than the manifest knows of it. */
  readonly contradiction: { readonly offset: number; readonly reason: string } | undefined;
}

/** What stands in a log's directory. */
export interface Survey {
  /** Ascending. */
  readonly segments: readonly SurveyedSegment[];
  /** Numbers of segments that should be there and are not, ascending. */
  readonly missing: readonly number[];
  /** Numbers of segments that a checkpoint had dropped, and that are there still. */
  readonly leftovers: readonly number[];
  readonly manifest: Manifest | undefined;
  /** There is a manifest that cannot be believed. */
  readonly isManifestBad: boolean;
  /** Names that do not belong to the log. */
  readonly foreign: readonly string[];
  /** Bytes of records that were read. */
  readonly bytesRead: number;
}

/** Looks at a directory. Rejects with `ERR_WAL_CORRUPT`, `ERR_WAL_OPEN` or `ERR_WAL_READ`. */
export async function surveyDirectory(
  driver: IoDriver,
  directory: string,
  options: Pick<ResolvedWalOptions, 'verifyAll' | 'onProgress'>,
): Promise<Survey> {
  const reading = await readManifest(driver, directory);
  const manifest = reading.kind === 'good' ? reading.manifest : undefined;
  const listing = await listSegments(driver, directory);
  const firstNumber = manifest?.firstNumber ?? 0;
  const numbers = listing.numbers.filter((number) => number >= firstNumber);
  const look = new Look(driver, directory, manifest, options);
  const segments = await look.at(numbers);
  return {
    segments,
    missing: missingNumbers(numbers, manifest),
    leftovers: listing.numbers.filter((number) => number < firstNumber),
    manifest,
    isManifestBad: reading.kind === 'bad',
    foreign: listing.foreign,
    bytesRead: look.bytesRead,
  };
}

/**
 * What the manifest knows must be there, and behind that no number may be left out. Of many in a row
 * only the first are told.
 */
export function missingNumbers(
  numbers: readonly number[],
  manifest: Manifest | undefined,
): number[] {
  const known = knownSegments(manifest).map(({ number }) => number);
  const there = new Set(numbers);
  const missing = known.filter((number) => !there.has(number));
  let next = (known.at(-1) ?? numbers[0] ?? 0) + 1;
  for (const number of numbers) {
    if (number < next) continue;
    missing.push(...unexplained(next, number, manifest?.gaps ?? []));
    next = number + 1;
  }
  return missing;
}

/** The first of the numbers from `from` up to `end` that are in no gap. */
function unexplained(from: number, end: number, gaps: readonly Gap[]): number[] {
  const found: number[] = [];
  for (let number = from; number < end && found.length < MISSING_TOLD_MAX;) {
    const isIn = ({ numbers: [before, behind] }: Gap): boolean =>
      before < number && number < behind;
    const gap = gaps.find(isIn);
    if (gap === undefined) found.push(number++);
    else number = gap.numbers[1];
  }
  return found;
}

class Look {
  bytesRead = 0;
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: Pick<ResolvedWalOptions, 'verifyAll' | 'onProgress'>;
  readonly #known: ReadonlyMap<number, Segment>;
  readonly #activeNumber: number | undefined;
  #bytesTotal = 0;

  constructor(
    driver: IoDriver,
    directory: string,
    manifest: Manifest | undefined,
    options: Pick<ResolvedWalOptions, 'verifyAll' | 'onProgress'>,
  ) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#known = new Map(knownSegments(manifest).map((segment) => [segment.number, segment]));
    this.#activeNumber = manifest?.active?.number;
  }

  async at(numbers: readonly number[]): Promise<SurveyedSegment[]> {
    const sizes = await inGroups(numbers, async (number) => ({
      number,
      size: await this.#sizeOf(newSegment(this.#directory, number).path),
    }));
    for (const { number, size } of sizes) this.#bytesTotal += size - this.#startIn(number, size);
    return inGroups(sizes, ({ number, size }) => this.#segment(number, size));
  }

  /** From where on a segment must be read. */
  #startIn(number: number, size: number): number {
    const known = this.#known.get(number);
    if (known === undefined || this.#options.verifyAll || size < known.bytes) return 0;
    return number === this.#activeNumber || size === known.bytes ? known.bytes : 0;
  }

  async #segment(number: number, size: number): Promise<SurveyedSegment> {
    const known = this.#known.get(number);
    const start = this.#startIn(number, size);
    const trusted = this.#options.verifyAll || start !== known?.bytes ? undefined : known;
    if (trusted !== undefined && number !== this.#activeNumber) {
      const isBlank = trusted.last === undefined;
      return { segment: trusted, size, end: undefined, isBlank, contradiction: undefined };
    }
    const segment = trusted ?? newSegment(this.#directory, number);
    const { end, isBlank } = await scanSegment(this.#driver, segment, (bytes) => {
      this.bytesRead += bytes;
      this.#options.onProgress({ bytesRead: this.bytesRead, bytesTotal: this.#bytesTotal });
    });
    const contradiction =
      trusted !== undefined ? undefined : this.#contradiction(segment, size, end.reason);
    return { segment, size, end, isBlank, contradiction };
  }

  #contradiction(
    segment: Segment,
    size: number,
    endReason: string,
  ): SurveyedSegment['contradiction'] {
    const known = this.#known.get(segment.number);
    if (known === undefined) return undefined;
    const had = `the manifest knows of ${String(known.bytes)} bytes of records`;
    const offset = segment.bytes;
    if (segment.bytes < known.bytes) {
      return { offset, reason: `${had}, and they end here: ${endReason}` };
    }
    if (segment.number === this.#activeNumber || size === known.bytes) return undefined;
    return { offset: known.bytes, reason: `${had}, and the file has ${String(size)} bytes` };
  }

  async #sizeOf(path: string): Promise<number> {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    try {
      const file = await this.#driver.open(path, options);
      try {
        return await file.size();
      } finally {
        await file.close();
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const errno = errnoOf(cause);
      const hint = errno === 'EISDIR' ? "; a directory has a segment's name: move it away" : '';
      throw new WalError('ERR_WAL_OPEN', `cannot read the segment '${path}': ${why}${hint}`, {
        path,
        errno,
        cause,
      });
    }
  }
}

/** `work` on each item, some at a time. When one rejects, so does this, but not before its group. */
async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += PARALLEL) {
    const group = await Promise.allSettled(items.slice(at, at + PARALLEL).map(work));
    for (const outcome of group) {
      if (outcome.status === 'rejected') throw outcome.reason;
      results.push(outcome.value);
    }
  }
  return results;
}
