// Reading a log's directory from outside: no lock, nothing changed, whether somebody writes to it
// or not. What the writer does meanwhile to the segments that were there at first is followed: one
// that grows, the next one, a checkpoint that removes what was read already.

import { join, resolve as resolvePath } from 'node:path';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';
import type { DriverChoice } from './io/select.js';
import { selectDriver } from './io/select.js';
import { MANIFEST_NAME } from './manifest.js';
import { scanFile } from './scan.js';
import { listSegments, newSegment, seek } from './segments.js';
import type { WalEnd } from './tail.js';
import { isBelievable, judgeEnd } from './tail.js';
import { KnownSequences } from './wal-known.js';
import { readBounds } from './wal-read-options.js';
import type { WalRecord } from './wal-record.js';
import { WalChunk } from './wal-record.js';
import { FileWindow } from './window.js';

const EMPTY = 'it is empty, and segments behind it are not';

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
    await reading.close();
    if (owned) await driver.close();
  }
}

class DirectoryReading {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #from: bigint;
  readonly #known: KnownSequences;
  /** The last sequence that was seen. */
  #last: bigint | undefined;
  /** Where the next record is expected. */
  #place = { number: 0, offset: 0 };
  /** Open until the next one has a record: a checkpoint may remove it meanwhile. */
  #file: { readonly number: number; readonly file: IoFile } | undefined;

  constructor(driver: IoDriver, directory: string, from: bigint) {
    this.#driver = driver;
    this.#directory = directory;
    this.#known = new KnownSequences(driver, directory);
    this.#from = from;
  }

  /** Ends in the last segment that is there at first: a writer may be faster than this for ever. */
  async *records(): AsyncGenerator<WalRecord, void, void> {
    const numbers = await this.#begin();
    let end: WalEnd | undefined;
    for (const [index, number] of numbers.entries()) {
      if (end !== undefined) {
        if (!(await this.#isWritten(number, numbers.slice(index + 1)))) break;
        // Nothing is written to a segment before the one in front of it is whole: look there again.
        end = yield* this.#readSegment();
        if (end.kind !== 'clean') throw this.#damaged(end);
        if (end.offset === 0) throw this.#damaged({ ...end, reason: EMPTY });
        this.#place = { number, offset: 0 };
      }
      end = yield* this.#readSegment();
    }
    if (end?.kind === 'corrupt') throw this.#damaged(end);
    await this.#checkEnd();
  }

  async close(): Promise<void> {
    const held = this.#file;
    this.#file = undefined;
    await held?.file.close();
  }

  /** Numbers of the segments to read; the place is the start of what is wanted. */
  async #begin(): Promise<readonly number[]> {
    const numbers = await this.#look();
    const there = numbers.filter((number) => number >= this.#known.firstNumber);
    const known = this.#known.manifest?.sealed.findLast(
      ({ number, first }) => first !== undefined && first <= this.#from && there.includes(number),
    );
    const number = known?.number ?? there[0] ?? 0;
    this.#place = { number, offset: known === undefined ? 0 : seek(known.index, this.#from) };
    return there.slice(there.indexOf(number));
  }

  /** Reads the manifest; returns the numbers of the segments that are there. */
  async #look(): Promise<readonly number[]> {
    for (let before: number | undefined; ;) {
      await this.#known.read();
      const { numbers } = await listSegments(this.#driver, this.#directory);
      const firstNumber = this.#known.manifest?.firstNumber;
      if (firstNumber === undefined || numbers.includes(firstNumber)) return numbers;
      if (before === firstNumber) {
        const { path } = newSegment(this.#directory, firstNumber);
        throw new WalError('ERR_WAL_CORRUPT', `'${path}' is missing`, { path });
      }
      // A checkpoint may have come between the two: then the manifest has changed as well.
      before = firstNumber;
    }
  }

  /** Records from the place on, as far as its segment goes now. */
  async *#readSegment(): AsyncGenerator<WalRecord, WalEnd, void> {
    const file = await this.#enter(this.#place.number);
    for (let seen: WalEnd | undefined; ;) {
      const end = yield* this.#readFile(file);
      if (isBelievable(end, seen)) return end;
      seen = end;
    }
  }

  async *#readFile(file: IoFile): AsyncGenerator<WalRecord, WalEnd, void> {
    for (let size = await file.size(); ;) {
      const window = new FileWindow(this.#driver, file, {
        size,
        pastCache: false,
        readsAhead: true,
      });
      try {
        return yield* this.#readWindow(window);
      } catch (error) {
        // The writer may have cut zeros off: see again how long the file is.
        const now = await file.size();
        if (now >= size) throw error;
        size = now;
      } finally {
        window.release();
      }
    }
  }

  async *#readWindow(window: FileWindow): AsyncGenerator<WalRecord, WalEnd, void> {
    const { number } = this.#place;
    const runs = scanFile(window, this.#place.offset);
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
        if (!this.#follows(sequence)) await this.#checkGap(record);
        this.#last = sequence;
        this.#place = { number, offset: inBatch ? offset : offset + length };
        if (sequence >= this.#from) yield record.copy();
      }
    }
  }

  #follows(sequence: bigint): boolean {
    return this.#last === undefined || sequence === this.#last + 1n;
  }

  /** What a salvage could not keep, perhaps meanwhile, is missing for good. */
  async #checkGap({ sequence, offset }: WalRecord): Promise<void> {
    const last = this.#last ?? 0n;
    if (await this.#known.hasGap(last, sequence)) return;
    const { path } = newSegment(this.#directory, this.#place.number);
    throw new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' goes on with sequence ${String(sequence)} after ${String(last)}`,
      { path, offset, sequence },
    );
  }

  /** False where the log ends: a segment without a record was made ahead, if none follows with one. */
  async #isWritten(number: number, later: readonly number[]): Promise<boolean> {
    if ((await this.#blankEnd(number)) === undefined) return true;
    for (const each of later) {
      if ((await this.#blankEnd(each)) !== undefined) continue;
      const end = await this.#blankEnd(number);
      if (end === undefined) return true;
      this.#place = { number, offset: 0 };
      throw this.#damaged(end.kind === 'clean' ? { ...end, reason: EMPTY } : end);
    }
    return false;
  }

  /** How a segment without a record ends; undefined when it has one, or had one and is damaged. */
  async #blankEnd(number: number): Promise<WalEnd | undefined> {
    let file: IoFile;
    try {
      file = await this.#open(number);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      // Whoever made it ahead may have removed it, or cut the log. A checkpoint has overtaken this.
      await this.#known.read();
      if (number < this.#known.firstNumber) throw error;
      return { kind: 'torn', offset: 0, size: 0, reason: 'the file is missing' };
    }
    try {
      const window = new FileWindow(this.#driver, file, {
        size: await file.size(),
        pastCache: false,
      });
      try {
        const next = await scanFile(window, 0).next();
        if (next.done !== true) return undefined;
        const end = await judgeEnd(window, next.value.offset, next.value.reason);
        return end.kind === 'corrupt' ? undefined : end;
      } finally {
        window.release();
      }
    } finally {
      await file.close();
    }
  }

  /** What the manifest knows must have been there, unless the log was cut meanwhile. */
  async #checkEnd(): Promise<void> {
    const missing = await this.#known.missingBehind(this.#last);
    if (missing === undefined) return;
    const { number, offset } = this.#place;
    const { path } = newSegment(this.#directory, number);
    throw new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' ends at offset ${String(offset)} with sequence ${String(this.#last ?? 0n)}, and ` +
        `${String(missing)} was there`,
      { path, offset },
    );
  }

  async #enter(number: number): Promise<IoFile> {
    if (this.#file?.number === number) return this.#file.file;
    const file = await this.#open(number);
    await this.close();
    this.#file = { number, file };
    return file;
  }

  #open(number: number): Promise<IoFile> {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    return this.#driver.open(newSegment(this.#directory, number).path, options);
  }

  #damaged({ offset, reason }: WalEnd): WalError {
    const { path } = newSegment(this.#directory, this.#place.number);
    return new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' is damaged at offset ${String(offset)} (${reason})`,
      { path, offset },
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
