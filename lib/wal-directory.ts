// Reading a log's directory from outside: no lock, nothing changed, whether somebody writes to it
// or not. What the writer does meanwhile to the segments that were there at first is followed: one
// that grows, the next one, a checkpoint that removes what was read already.

import { join, resolve as resolvePath } from 'node:path';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';
import type { DriverChoice } from './io/select.js';
import { selectDriver } from './io/select.js';
import type { Manifest } from './manifest.js';
import { MANIFEST_NAME, isKnownGap, readManifest } from './manifest.js';
import { scanFile } from './scan.js';
import { listSegments, newSegment, seek } from './segments.js';
import type { WalEnd } from './tail.js';
import { judgeEnd } from './tail.js';
import { readBounds } from './wal-read-options.js';
import type { WalRecord } from './wal-record.js';
import { WalChunk } from './wal-record.js';
import { FileWindow } from './window.js';

/**
 * What to read of a directory.
 *
 * @example
 * const options: WalDirectoryOptions = { from: 1n, to: 1n };
 * for await (const { sequence } of Wal.readDirectory('app-wal', options)) {
 *   console.log(sequence); // → 1n
 * }
 */
export interface WalDirectoryOptions {
  /** First sequence wanted. Default: the oldest in the log. */
  readonly from?: bigint | number;
  /** Last sequence wanted. Default: what is there, and part of what is written meanwhile. */
  readonly to?: bigint | number;
  /** What moves the bytes. Default `auto`. */
  readonly driver?: DriverChoice;
  /** Ends the reading: the iterator throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Records of the log in `directory`, in order; each owns its bytes. Errors as `Wal.readDirectory`. */
export async function* readDirectory(
  directory: string,
  options: WalDirectoryOptions,
): AsyncGenerator<WalRecord, void, void> {
  const { from, to, signal } = readBounds(options, ['from', 'to', 'driver', 'signal']);
  const { driver, owned } = selectDriver(options.driver ?? 'auto', {});
  const reading = new DirectoryReading(driver, resolvePath(directory), from);
  try {
    for await (const record of reading.records()) {
      signal?.throwIfAborted();
      if (to !== undefined && record.sequence > to) return;
      yield record;
    }
  } catch (cause) {
    throw toReadError(directory, cause);
  } finally {
    if (owned) await driver.close();
  }
}

/** What a look at a segment came to. */
interface SegmentEnd {
  readonly number: number;
  readonly end: WalEnd;
}

class DirectoryReading {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #from: bigint;
  #manifest: Manifest | undefined;
  /** The last sequence that was seen. */
  #last: bigint | undefined;
  /** Where the next record is expected. */
  #place: { readonly number: number; readonly offset: number } | undefined;
  /** The last segment that was there at first: a writer may be faster than this for ever. */
  #lastNumber: number | undefined;

  constructor(driver: IoDriver, directory: string, from: bigint) {
    this.#driver = driver;
    this.#directory = directory;
    this.#from = from;
  }

  async *records(): AsyncGenerator<WalRecord, void, void> {
    let before: SegmentEnd | undefined;
    for (;;) {
      const number = await this.#nextNumber();
      if (number === undefined || number > (this.#lastNumber ?? number)) return;
      const isNext = before !== undefined && before.number !== number;
      // Nothing is written to a segment before the one in front of it is whole: look there again.
      if (before !== undefined && isNext) {
        if (!(await this.#hasRecord(number))) {
          if (before.end.kind === 'corrupt') throw this.#damaged(before);
          return;
        }
        before = yield* this.#readSegment(before.number);
        if (before.end.kind !== 'clean') throw this.#damaged(before);
        this.#place = { number, offset: 0 };
      } else if (before !== undefined) {
        if (before.end.kind === 'corrupt') throw this.#damaged(before);
        return;
      }
      before = yield* this.#readSegment(number);
    }
  }

  /** The segment to read on in: the present one, or the next if there is one by now. */
  async #nextNumber(): Promise<number | undefined> {
    const numbers = await this.#look();
    this.#lastNumber ??= numbers.at(-1);
    const place = this.#place;
    if (place !== undefined) return numbers.find((number) => number > place.number) ?? place.number;
    const firstNumber = this.#manifest?.firstNumber ?? 0;
    const there = numbers.filter((number) => number >= firstNumber);
    const known = this.#manifest?.sealed.findLast(
      ({ number, first }) => first !== undefined && first <= this.#from && there.includes(number),
    );
    const number = known?.number ?? there[0];
    if (number === undefined) return undefined;
    this.#place = { number, offset: known === undefined ? 0 : seek(known.index, this.#from) };
    return number;
  }

  /** Brings the manifest up to date; returns the numbers of the segments that are there. */
  async #look(): Promise<readonly number[]> {
    for (let before: number | undefined; ;) {
      const reading = await readManifest(this.#driver, this.#directory);
      this.#manifest = reading.kind === 'good' ? reading.manifest : undefined;
      const { numbers } = await listSegments(this.#driver, this.#directory);
      const firstNumber = this.#manifest?.firstNumber;
      if (firstNumber === undefined || numbers.includes(firstNumber)) return numbers;
      if (before === firstNumber) {
        const { path } = newSegment(this.#directory, firstNumber);
        throw new WalError('ERR_WAL_CORRUPT', `'${path}' is missing`, { path });
      }
      // A checkpoint may have come between the two: then the manifest has changed as well.
      before = firstNumber;
    }
  }

  /** Records from the place on, as far as they go now. */
  async *#readSegment(number: number): AsyncGenerator<WalRecord, SegmentEnd, void> {
    const file = await this.#open(number);
    try {
      for (let size = await file.size(); ;) {
        const window = new FileWindow(this.#driver, file, { size, pastCache: false });
        try {
          const end = yield* this.#readWindow(window, number);
          return { number, end };
        } catch (error) {
          // The writer may have cut zeros off: see again how long the file is.
          const now = await file.size();
          if (now >= size) throw error;
          size = now;
        } finally {
          window.release();
        }
      }
    } finally {
      await file.close();
    }
  }

  async *#readWindow(window: FileWindow, number: number): AsyncGenerator<WalRecord, WalEnd, void> {
    const runs = scanFile(window, this.#place?.number === number ? this.#place.offset : 0);
    for (;;) {
      const next = await runs.next();
      if (next.done === true) {
        const { offset, reason } = next.value;
        this.#place = { number, offset };
        return judgeEnd(window, offset, reason);
      }
      for (const record of new WalChunk(next.value)) {
        const { sequence, offset, length, inBatch } = record;
        if (this.#last !== undefined && sequence <= this.#last && inBatch) continue;
        this.#checkOrder(number, record);
        this.#last = sequence;
        this.#place = { number, offset: inBatch ? offset : offset + length };
        if (sequence >= this.#from) yield record.copy();
      }
    }
  }

  #checkOrder(number: number, { sequence, offset }: WalRecord): void {
    const last = this.#last;
    if (last === undefined || sequence === last + 1n) return;
    // What a salvage could not keep is missing for good.
    if (isKnownGap(this.#manifest, last, sequence)) return;
    const { path } = newSegment(this.#directory, number);
    throw new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' goes on with sequence ${String(sequence)} after ${String(last)}`,
      { path, offset, sequence },
    );
  }

  /** A segment without one was made ahead. */
  async #hasRecord(number: number): Promise<boolean> {
    const file = await this.#open(number);
    try {
      const window = new FileWindow(this.#driver, file, {
        size: await file.size(),
        pastCache: false,
      });
      try {
        const next = await scanFile(window, 0).next();
        if (next.done !== true) return true;
        const end = await judgeEnd(window, next.value.offset, next.value.reason);
        if (end.kind === 'corrupt') throw this.#damaged({ number, end });
        return false;
      } finally {
        window.release();
      }
    } finally {
      await file.close();
    }
  }

  #open(number: number): Promise<IoFile> {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    return this.#driver.open(newSegment(this.#directory, number).path, options);
  }

  #damaged({ number, end }: SegmentEnd): WalError {
    const { path } = newSegment(this.#directory, number);
    return new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' is damaged at offset ${String(end.offset)} (${end.reason})`,
      { path, offset: end.offset },
    );
  }
}

function toReadError(directory: string, cause: unknown): unknown {
  const errno = errnoOf(cause);
  const path = resolvePath(directory);
  const isManifest = cause instanceof WalError && cause.path === join(path, MANIFEST_NAME);
  if (errno === 'ENOTDIR' && isManifest) return noDirectory(directory, 'it is a file', cause);
  if (cause instanceof WalError || errno === undefined) return cause;
  if (errno === 'ENOENT' && cause instanceof IoError && cause.path === path) {
    return noDirectory(directory, 'there is no such directory', cause);
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  const hint = errno === 'ENOENT' ? '; was it removed by a checkpoint meanwhile?' : '';
  return new WalError('ERR_WAL_READ', `cannot read the log in '${directory}': ${why}${hint}`, {
    path: directory,
    errno,
    cause,
  });
}

function noDirectory(path: string, why: string, cause: unknown): WalError {
  return new WalError('ERR_WAL_READ', `cannot read the log in '${path}': ${why}`, { path, cause });
}
