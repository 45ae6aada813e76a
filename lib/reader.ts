// Reads a log from the front, record by record or chunk by chunk, and says why it stopped. It
// changes nothing and takes no lock: a log can be read while it is written.

import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { DriverChoice } from './io/select.js';
import { selectDriver } from './io/select.js';
import { checkNames, checkPath } from './options.js';
import { scanFile } from './scan.js';
import type { WalEnd } from './tail.js';
import { isBelievable, judgeEnd } from './tail.js';
import type { WalRecord } from './wal-record.js';
import { WalChunk } from './wal-record.js';
import { FileWindow } from './window.js';

/**
 * Options of {@link WalReader.open}.
 *
 * @example
 * const options: WalReaderOptions = { from: 37 }; // behind the first record
 * const reader = await WalReader.open('app.wal', options);
 * console.log(await reader.read()); // → undefined
 * await reader.close();
 */
export interface WalReaderOptions {
  /** Offset of a record, in bytes, to start at. Default 0. */
  readonly from?: number;
  /** What moves the bytes. Default `auto`. */
  readonly driver?: DriverChoice;
}

/** The iteration that {@link WalReader.read} goes through, and the offset it stands at. */
interface Cursor {
  readonly records: AsyncGenerator<WalRecord, void, void>;
  at: number;
}

/**
 * A cursor over the records of a log file.
 *
 * @example
 * const reader = await WalReader.open('app.wal');
 * for await (const { sequence, type, key } of reader) {
 *   console.log(sequence, type, key.length); // → 1n put 3
 * }
 * if (reader.end?.kind !== 'clean') console.warn(reader.end);
 * await reader.close();
 */
export class WalReader implements AsyncIterable<WalRecord> {
  /** Path of the file. */
  readonly path: string;
  readonly #driver: IoDriver;
  readonly #ownsDriver: boolean;
  readonly #file: IoFile;
  #offset: number;
  #end: WalEnd | undefined;
  #closed = false;
  #cursor: Cursor | undefined;
  /** Settles with the last `read` that was called: they go one after the other. */
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(driver: { driver: IoDriver; owned: boolean }, file: IoFile, offset: number) {
    this.path = file.path;
    this.#driver = driver.driver;
    this.#ownsDriver = driver.owned;
    this.#file = file;
    this.#offset = offset;
  }

  /**
   * Opens a log for reading.
   *
   * @throws TypeError or RangeError for a bad option; WalError `ERR_WAL_OPEN` with the cause.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * console.log((await reader.read())?.sequence); // → 1n
   * await reader.close();
   */
  static async open(path: string, options: WalReaderOptions = {}): Promise<WalReader> {
    checkPath(path);
    checkNames(options, ['from', 'driver']);
    const { from = 0, driver = 'auto' } = options;
    if (!Number.isSafeInteger(from) || from < 0) {
      throw new RangeError(`from is ${String(from)}: an offset in bytes, 0 or more, is allowed`);
    }
    const selected = selectDriver(driver, {});
    try {
      const access = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
      const file = await selected.driver.open(path, access);
      return new WalReader(selected, file, from);
    } catch (cause) {
      if (selected.owned) await selected.driver.close();
      const why = cause instanceof Error ? cause.message : String(cause);
      const errno = errnoOf(cause);
      const hint = errno === 'EISDIR' ? '; a log file is wanted, and this is a directory' : '';
      throw new WalError('ERR_WAL_OPEN', `cannot read the log '${path}': ${why}${hint}`, {
        path,
        errno,
        cause,
      });
    }
  }

  /** Why reading stopped; undefined until it did. */
  get end(): WalEnd | undefined {
    return this.#end;
  }

  /** Offset of the next record, in bytes. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Records one by one, from where the reader stands; each owns its bytes.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * for await (const { sequence, type } of reader) console.log(sequence, type); // → 1n put
   * await reader.close();
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<WalRecord, void, void> {
    for await (const chunk of this.#chunks()) {
      let current: WalRecord | undefined;
      for (const record of chunk) {
        // Behind an atomic batch only once all of its entries were handed out: whoever leaves in
        // the middle and comes back gets the batch again.
        if (current !== undefined && current.offset !== record.offset) this.#passBy(current);
        if (!record.inBatch) this.#passBy(record);
        current = record;
        yield record.copy();
      }
      if (current !== undefined) this.#passBy(current);
    }
  }

  #passBy(record: WalRecord): void {
    this.#offset = record.offset + record.length;
  }

  /**
   * Records many at a time, from where the reader stands: the fast way. A chunk and its records are
   * views, good until the next chunk is asked for.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * let bytes = 0;
   * for await (const chunk of reader.chunks()) {
   *   for (const { value } of chunk) bytes += value.length; // views: copy what you keep
   * }
   * console.log(bytes); // → 5
   * await reader.close();
   */
  async *chunks(): AsyncGenerator<WalChunk, void, void> {
    for await (const chunk of this.#chunks()) {
      const last = chunk.record(chunk.count - 1);
      this.#offset = last.offset + last.length;
      yield chunk;
    }
  }

  /**
   * The next record, or undefined at the end, which {@link WalReader.end} then explains.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * console.log((await reader.read())?.offset, await reader.read()); // → 0 undefined
   * console.log(reader.end?.kind); // → clean
   * await reader.close();
   */
  read(): Promise<WalRecord | undefined> {
    const record = this.#reading.then(() => this.#read());
    this.#reading = record.catch(() => undefined);
    return record;
  }

  async #read(): Promise<WalRecord | undefined> {
    const kept = this.#cursor?.at === this.#offset ? this.#cursor : undefined;
    const record = kept && (await this.#next(kept));
    // The log may have grown since the iteration before began.
    return record ?? this.#next(await this.#newCursor());
  }

  async #newCursor(): Promise<Cursor> {
    const before = this.#cursor;
    const cursor = { records: this[Symbol.asyncIterator](), at: this.#offset };
    this.#cursor = cursor;
    await before?.records.return();
    return cursor;
  }

  async #next(cursor: Cursor): Promise<WalRecord | undefined> {
    let record: WalRecord | undefined;
    try {
      record = (await cursor.records.next()).value ?? undefined;
    } finally {
      cursor.at = this.#offset;
      if (record === undefined && this.#cursor === cursor) this.#cursor = undefined;
    }
    return record;
  }

  async *#chunks(): AsyncGenerator<WalChunk, void, void> {
    if (this.#closed) {
      throw new WalError('ERR_WAL_CLOSED', `the reader of '${this.path}' is closed`, {
        path: this.path,
      });
    }
    let seen: WalEnd | undefined;
    for (let size = await this.#size(); ;) {
      const window = new FileWindow(this.#driver, this.#file, {
        size,
        pastCache: false,
        readsAhead: true,
      });
      try {
        const runs = scanFile(window, this.#offset);
        let next = await runs.next();
        for (; next.done !== true; next = await runs.next()) yield new WalChunk(next.value);
        this.#offset = next.value.offset;
        const { offset, reason } = next.value;
        const end = offset === seen?.offset ? seen : await judgeEnd(window, offset, reason);
        if (isBelievable(end, seen)) {
          this.#end = end;
          return;
        }
        seen = end;
        size = await this.#size();
      } catch (error) {
        // A writer beside this reader may have cut its zeros off: see again how long the file is.
        const before = size;
        size = await this.#size();
        if (size >= before) throw error;
      } finally {
        window.release();
      }
    }
  }

  async #size(): Promise<number> {
    try {
      return await this.#file.size();
    } catch (cause) {
      const message = `cannot read the size of '${this.path}'`;
      throw new WalError('ERR_WAL_READ', message, { path: this.path, cause });
    }
  }

  /**
   * Closes the file. Later calls are no-ops.
   *
   * @example
   * const reader = await WalReader.open('app.wal');
   * await reader.close();
   * await reader.close(); // no effect
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const cursor = this.#cursor;
    this.#cursor = undefined;
    await cursor?.records.return();
    await this.#file.close();
    if (this.#ownsDriver) await this.#driver.close();
  }

  /**
   * {@link close}, for `await using`.
   *
   * @example
   * await using reader = await WalReader.open('app.wal'); // closed at the end of the block
   * console.log((await reader.read())?.length); // → 37
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
