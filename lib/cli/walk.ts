// Walks through the records of a log file, or of a directory's segments in order, without a lock,
// and beside a live writer. Whether a segment is done is only known once the one behind it has a
// record: then its writer has sealed it, and what it had grown by meanwhile comes first.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { WalChunk, WalEnd } from '../index.js';
import { WalReader } from '../index.js';
import { createThreadpoolDriver } from '../io/threadpool.js';
import { readManifest } from '../manifest.js';
import { listSegments, segmentName } from '../segments.js';
import type { Target } from './target.js';

/** Records that stand together; `segment` is undefined in a single file. */
export interface Step {
  readonly segment: number | undefined;
  /** Views, good until the next step. */
  readonly chunk: WalChunk;
}

/** Where to start. */
export interface Start {
  /** Number of the segment; 0 is the first one there, and the single file. */
  readonly segment: number;
  readonly offset: number;
}

/** Goes through one log. Close it in the end. */
export class Walk {
  readonly #target: Target;
  #reader: WalReader | undefined;
  #segment: number;

  private constructor(target: Target, start: Start) {
    this.#target = target;
    this.#segment = start.segment;
  }

  static async open(target: Target, start: Start = { segment: 0, offset: 0 }): Promise<Walk> {
    const walk = new Walk(target, start);
    if (target.kind === 'file') {
      walk.#reader = await WalReader.open(target.path, { from: start.offset });
    } else if (start.segment > 0) {
      await walk.#enter(start.segment, start.offset);
    }
    return walk;
  }

  /** Path of the file that is being read, once there is one. */
  get path(): string | undefined {
    return this.#reader?.path;
  }

  /** Offset of the next record in it. */
  get offset(): number {
    return this.#reader?.offset ?? 0;
  }

  get segment(): number | undefined {
    return this.#target.kind === 'file' ? undefined : this.#segment;
  }

  /** How the file that is being read ends, as it was when the steps ended. */
  get end(): WalEnd | undefined {
    return this.#reader?.end;
  }

  /**
   * What there is from here on; call again when the log may have grown. `onSealed` hears how each
   * segment ends that others follow.
   */
  async *steps(onSealed: (path: string, end: WalEnd) => void): AsyncGenerator<Step, void, void> {
    for (;;) {
      yield* this.#drain();
      const next = await this.#next();
      if (next === undefined) return;
      yield* this.#drain();
      if (this.#reader?.end !== undefined) onSealed(this.#reader.path, this.#reader.end);
      await this.#enter(next, 0);
    }
  }

  /** The same, of the file that is being read alone. */
  async *ownChunks(): AsyncGenerator<WalChunk, void, void> {
    if (this.#reader !== undefined) yield* this.#reader.chunks();
  }

  /** Goes on elsewhere in the log. When that rejects, it goes on where it was. */
  async jump({ segment, offset }: Start): Promise<void> {
    if (this.#target.kind === 'directory') {
      await this.#enter(segment, offset);
      return;
    }
    const before = this.#reader;
    this.#reader = await WalReader.open(this.#target.path, { from: offset });
    await before?.close();
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }

  async *#drain(): AsyncGenerator<Step, void, void> {
    if (this.#reader === undefined) return;
    const { segment } = this;
    for await (const chunk of this.#reader.chunks()) yield { segment, chunk };
  }

  async #enter(segment: number, offset: number): Promise<void> {
    const path = join(this.#target.path, segmentName(segment));
    const before = this.#reader;
    this.#reader = await WalReader.open(path, { from: offset });
    this.#segment = segment;
    await before?.close();
  }

  /** The next segment that was written to. */
  async #next(): Promise<number | undefined> {
    if (this.#target.kind === 'file') return undefined;
    const numbers = await segmentNumbers(this.#target.path);
    for (const number of numbers) {
      const isNext = this.#reader === undefined || number > this.#segment;
      if (isNext && (await isWritten(join(this.#target.path, segmentName(number))))) return number;
    }
    return undefined;
  }
}

/** Numbers of the segments that belong to the log in a directory, ascending. */
export async function segmentNumbers(directory: string): Promise<number[]> {
  const driver = createThreadpoolDriver();
  const reading = await readManifest(driver, directory);
  const first = reading.kind === 'good' ? reading.manifest.firstNumber : 0;
  const { numbers } = await listSegments(driver, directory);
  return numbers.filter((number) => number >= first);
}

/** A segment that was made ahead holds zeros; a record starts with its length, which is none. */
async function isWritten(path: string): Promise<boolean> {
  let file;
  try {
    file = await open(path, 'r');
  } catch {
    // A checkpoint may have removed it meanwhile.
    return false;
  }
  try {
    const start = Buffer.alloc(4096);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    return start.subarray(0, bytesRead).some((byte) => byte !== 0);
  } finally {
    await file.close();
  }
}
