// A window of a file in memory, moved forward by whoever scans it. It knows about alignment, short
// reads and the end of the file, so that nobody else has to.

import { directUnit } from './direct-io.js';
import { WalError } from './errors.js';
import type { IoDriver, IoFile, IoMemory } from './io/driver.js';
import { type Chunk, ReadAhead } from './read-ahead.js';
import { isInterruption } from './write-fully.js';

/** How much is read at once, in bytes, where the file has that much. */
export const WINDOW_BYTES = 1024 * 1024;
/** How often an interrupted read is tried again before it counts as failed. */
const READ_RETRIES_MAX = 16;

/** In place of memory that was given back. */
const NO_MEMORY: IoMemory = { bytes: new Uint8Array(0), release: () => undefined };

/** How a window reads. */
export interface WindowOptions {
  /** File size, in bytes, that the scan believes in; nothing beyond is read. */
  readonly size: number;
  /** Read what the device has, not what the page cache claims. */
  readonly pastCache: boolean;
  /** How much is read at once, in bytes, where no more is wanted. Default the driver's, or a MiB. */
  readonly bytesMax?: number;
  /** Who walks on through the file has the next part read meanwhile. Default false. */
  readonly readsAhead?: boolean;
}

/** Part of a file in memory. */
export class FileWindow {
  readonly size: number;
  /** Offset in the file of `bytes[0]`, whether that is filled or not: it may be negative. */
  position = 0;
  /** End of what was read, in `bytes`. */
  filled = 0;
  /** Start of what was read. */
  #start = 0;
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #pastCache: boolean;
  readonly #unit: number;
  readonly #ahead: ReadAhead | undefined;
  #memory: IoMemory;

  constructor(driver: IoDriver, file: IoFile, options: WindowOptions) {
    this.size = options.size;
    this.#driver = driver;
    this.#file = file;
    this.#pastCache = options.pastCache && file.pastCache !== undefined;
    this.#unit = this.#pastCache ? (file.pastCache?.unit ?? 1) : directUnit(file);
    const { readBytes = WINDOW_BYTES } = driver;
    const bytesMax = Math.min(WINDOW_BYTES, readBytes, options.bytesMax ?? WINDOW_BYTES);
    const bytes = this.#roundUp(Math.min(bytesMax, Math.max(1, this.size)));
    this.#memory = this.#memoryFor(bytes, 0);
    if (options.readsAhead !== true || bytes >= this.size) return;
    const how = { bytes, unit: this.#unit, size: this.size, pastCache: this.#pastCache };
    this.#ahead = new ReadAhead(driver, file, how);
  }

  get bytes(): Uint8Array {
    return this.#memory.bytes;
  }

  /**
   * Brings `[position, position + wanted)`, as far as the file has it, into memory, and whatever
   * else fits behind it. Returns the index of `position` in `bytes`. Allocates no more than what is
   * wanted, or a part and one that is read ahead. Rejects with `ERR_WAL_READ`, also when the file has
   * become shorter.
   */
  async load(position: number, wanted: number): Promise<number> {
    const end = Math.min(position + wanted, this.size);
    const isInside = position >= this.position + this.#start;
    if (isInside && end <= this.position + this.filled) return position - this.position;
    const isNext = this.filled === 0 || (isInside && position <= this.position + this.filled);
    const chunk = await this.#ahead?.take();
    if (chunk !== undefined && isNext && this.#enter(chunk, position, end)) {
      await this.#fill(end - this.position);
    } else {
      if (chunk !== undefined) this.#ahead?.giveUnused(chunk.memory);
      await this.#read(position, end);
    }
    if (isNext) this.#ahead?.start(this.position + this.filled);
    return position - this.position;
  }

  /** Reads from `position` on, to `end` at least. */
  async #read(position: number, end: number): Promise<void> {
    const start = position - (position % this.#unit);
    const needed = this.#roundUp(end - start);
    if (needed > this.#memory.bytes.length) {
      this.filled = 0;
      this.#memory.release();
      this.#memory = NO_MEMORY;
      this.#memory = this.#memoryFor(needed, position);
    }
    this.position = start;
    this.#start = 0;
    this.filled = 0;
    await this.#fill(end - start);
  }

  /**
   * Goes on in a chunk that was read ahead, with what the window has from `position` on in front of it.
   * False when that, or what is wanted, does not fit. Throws when the chunk could not be read.
   */
  #enter(chunk: Chunk, position: number, end: number): boolean {
    const { memory, head } = chunk;
    const before = chunk.position - position;
    const base = chunk.position - head;
    if (before > head || end - base > memory.bytes.length) return false;
    if (chunk.error !== undefined && !isInterruption(chunk.error)) {
      this.#ahead?.giveUnused(memory);
      throw readError(this.#file.path, chunk.position, chunk.error);
    }
    const from = position - this.position;
    memory.bytes.set(this.bytes.subarray(from, from + before), head - before);
    this.#ahead?.giveUsed(this.#memory);
    this.#memory = memory;
    this.position = base;
    this.#start = head - before;
    const reached = head + chunk.count;
    const isEnd = base + reached >= this.size;
    this.filled = isEnd ? reached : reached - (reached % this.#unit);
    return true;
  }

  /** For who goes on to change the file: reads nothing ahead any more, and waits for what it does. */
  async settle(): Promise<void> {
    await this.#ahead?.settle();
  }

  release(): void {
    this.#ahead?.stop();
    this.#memory.release();
  }

  #memoryFor(bytes: number, position: number): IoMemory {
    try {
      return this.#driver.memory(bytes);
    } catch (cause) {
      throw readError(this.#file.path, position, cause);
    }
  }

  /** Reads until `enough` bytes are there or the file ends. */
  async #fill(enough: number): Promise<void> {
    const capacity = this.#memory.bytes.length;
    const roundedSize = this.#roundUp(this.size - this.position);
    let retries = 0;
    while (this.filled < enough) {
      const length = Math.min(capacity, roundedSize) - this.filled;
      const at = this.position + this.filled;
      let count: number;
      try {
        const options = { pastCache: this.#pastCache };
        count = await this.#file.read(this.#memory, this.filled, length, at, options);
      } catch (error) {
        if (isInterruption(error) && ++retries <= READ_RETRIES_MAX) continue;
        throw readError(this.#file.path, at, error);
      }
      if (count === 0) throw readError(this.#file.path, at, undefined);
      const aligned = count - (count % this.#unit);
      const reached = this.filled + count;
      if (aligned !== count && reached < enough) {
        if (aligned === 0) throw readError(this.#file.path, at, undefined);
        this.filled += aligned;
      } else {
        this.filled = reached;
      }
    }
    this.filled = Math.min(this.filled, this.size - this.position);
  }

  #roundUp(length: number): number {
    return Math.ceil(length / this.#unit) * this.#unit;
  }
}

function readError(path: string, offset: number, cause: unknown): WalError {
  const why = cause instanceof Error ? cause.message : 'the file is shorter than it was';
  return new WalError('ERR_WAL_READ', `cannot read '${path}' at offset ${String(offset)}: ${why}`, {
    path,
    offset,
    cause,
  });
}
