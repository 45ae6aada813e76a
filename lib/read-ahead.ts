// The chunk behind a window, on its way from the disk while the window's records are handed out.

import type { IoDriver, IoFile, IoMemory } from './io/driver.js';
import { MEMORY_ALIGNMENT } from './io/driver.js';

/**
 * Part of a chunk's length that is free in front of it, for the start of a record that the window
 * before ended in. With a longer start the chunk is of no use.
 */
const HEAD_SHARE = 1 / 4;
/** So many chunks of no use in a row, and no more are read: every record is too long for them. */
const UNUSED_MAX = 2;

/** What was read: the file's bytes from `position` on stand in `memory` from `head` on. */
export interface Chunk {
  readonly memory: IoMemory;
  readonly head: number;
  readonly position: number;
  readonly count: number;
  /** Why the read failed, if it did. */
  readonly error: unknown;
}

/** How chunks are read. */
export interface ReadAheadOptions {
  /** Length of a chunk, in bytes: a multiple of `unit`. */
  readonly bytes: number;
  /** What positions and lengths must be multiples of, in bytes. */
  readonly unit: number;
  /** File size, in bytes, that the scan believes in. */
  readonly size: number;
  readonly pastCache: boolean;
}

/** Reads one chunk at a time. */
export class ReadAhead {
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #options: ReadAheadOptions;
  readonly #head: number;
  #spare: IoMemory | undefined;
  #flying: { readonly memory: IoMemory; readonly chunk: Promise<Chunk> } | undefined;
  #unused = 0;
  #isOver = false;

  constructor(driver: IoDriver, file: IoFile, options: ReadAheadOptions) {
    const { bytes, unit } = options;
    this.#driver = driver;
    this.#file = file;
    this.#options = options;
    this.#head = Math.ceil((bytes * HEAD_SHARE) / unit) * unit;
  }

  /** Starts to read from `position` on, if the file goes on there. Nothing may be under way. */
  start(position: number): void {
    const { bytes, unit, size } = this.#options;
    if (this.#isOver || position >= size || position % unit !== 0) return;
    const memory = this.#spare ?? this.#newMemory();
    this.#spare = undefined;
    if (memory === undefined) return;
    const rest = Math.ceil((size - position) / unit) * unit;
    this.#flying = { memory, chunk: this.#read(memory, position, Math.min(bytes, rest)) };
  }

  /** The chunk that was started, once it is there, with its memory; undefined when none was. */
  async take(): Promise<Chunk | undefined> {
    const chunk = await this.#flying?.chunk;
    this.#flying = undefined;
    return chunk;
  }

  /** Takes the memory of a chunk back that was of no use. */
  giveUnused(memory: IoMemory): void {
    this.#give(memory);
    if (++this.#unused === UNUSED_MAX) this.stop();
  }

  /** A chunk was of use: takes the memory that it replaced. */
  giveUsed(memory: IoMemory): void {
    this.#unused = 0;
    this.#give(memory);
  }

  /** Resolves when nothing is in flight; reads no more. */
  async settle(): Promise<void> {
    this.#isOver = true;
    await this.#flying?.chunk;
  }

  /** Reads no more, and gives the memory back. */
  stop(): void {
    this.#isOver = true;
    this.#spare?.release();
    this.#flying?.memory.release();
    this.#spare = undefined;
    this.#flying = undefined;
  }

  /** Keeps memory of a chunk's size; a window may have grown for one large record. */
  #give(memory: IoMemory): void {
    const more = memory.bytes.length - (this.#head + this.#options.bytes);
    const isOfChunk = more >= 0 && more < MEMORY_ALIGNMENT;
    if (isOfChunk && this.#spare === undefined && !this.#isOver) this.#spare = memory;
    else memory.release();
  }

  /** Never rejects: a chunk may fail that nobody comes to ask for. */
  async #read(memory: IoMemory, position: number, length: number): Promise<Chunk> {
    const head = this.#head;
    const { pastCache } = this.#options;
    try {
      const count = await this.#file.read(memory, head, length, position, { pastCache });
      return { memory, head, position, count, error: undefined };
    } catch (error) {
      return { memory, head, position, count: 0, error };
    }
  }

  /** Undefined where there is none: then nothing is read ahead. */
  #newMemory(): IoMemory | undefined {
    try {
      return this.#driver.memory(this.#head + this.#options.bytes);
    } catch {
      this.#isOver = true;
      return undefined;
    }
  }
}
