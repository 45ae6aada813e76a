// The files behind an open log: the active one with its pipeline, the next one made ahead, the
// sealed ones, and the manifest that vouches for them.

import type { CommitStart } from './commit-types.js';
import { CommitPipeline } from './commit.js';
import { WalError, errnoOf } from './errors.js';
import { readCarry, writeFailed } from './failure.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { writeManifest } from './manifest.js';
import type { Segment } from './segments.js';
import { addPoint, newSegment } from './segments.js';
import type { ResolvedWalOptions } from './wal-options.js';
import { writeFully, writeJob } from './write-fully.js';

/** The next file is made when the active one is this full. */
const SPARE_AT = 0.5;
/** How much of the next file is zeroed when it is made, in bytes, at most. */
const SPARE_ZEROS_MAX = 4 * 1024 * 1024;
const ZERO_WRITE_BYTES = 256 * 1024;

/** A file that is open for appends. */
interface OpenSegment {
  readonly segment: Segment;
  readonly file: IoFile;
  /** Zeros stand ahead to here, durably. */
  readonly zeroedTo: number;
}

/** What the files start from. */
export interface WalFilesStart {
  readonly segments: Segment[];
  readonly active: Segment;
  readonly file: IoFile;
  readonly lastSequence: bigint | undefined;
}

/** Owns the segments of one log. */
export class WalFiles {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: ResolvedWalOptions;
  readonly #segments: Segment[];
  #active: OpenSegment;
  #pipeline: CommitPipeline | undefined;
  #spare: Promise<OpenSegment> | undefined;
  #lastSequence: bigint | undefined;
  /** Manifest writes, one after the other. */
  #manifests: Promise<void> = Promise.resolve();
  #manifestFailure: unknown;
  #warnedAt: number;

  constructor(
    driver: IoDriver,
    directory: string,
    options: ResolvedWalOptions,
    start: WalFilesStart,
  ) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#segments = start.segments;
    this.#active = { segment: start.active, file: start.file, zeroedTo: 0 };
    this.#lastSequence = start.lastSequence;
    this.#warnedAt = options.maxWalFiles;
  }

  /** All segments, ascending; the last one is active, and its figures lag behind its pipeline. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get active(): Segment {
    return this.#active.segment;
  }

  /** The pipeline of the active segment, made anew. */
  async startPipeline(): Promise<CommitPipeline> {
    const { segment, file, zeroedTo } = this.#active;
    const position = segment.bytes;
    const isDirect = file.direct !== undefined && 'blockBytes' in file.direct;
    const carry = isDirect ? await readCarry(this.#driver, file, position) : new Uint8Array(0);
    const start: CommitStart = {
      position,
      carry,
      zeroedTo: Math.max(zeroedTo, position),
      lastSequence: this.#lastSequence,
      segment: segment.number,
      onPoint: (sequence, offset) => {
        if (offset === 0) segment.first = sequence;
        addPoint(segment.index, sequence, offset);
        this.#prepareSpare(offset);
      },
    };
    this.#pipeline = new CommitPipeline(this.#driver, file, this.#options.file, start);
    return this.#pipeline;
  }

  /** Seals the active file, whose pipeline is drained, and goes over to the next. */
  async rotate(pipeline: CommitPipeline): Promise<CommitPipeline> {
    const { path } = this.#active.segment;
    if (this.#segments.length >= this.#options.maxWalFilesHard) throw this.#full();
    const next = await this.#takeSpare(path);
    const sealed = this.#active;
    try {
      await pipeline.finish();
    } catch (cause) {
      this.#spare = Promise.resolve(next);
      const error = writeFailed(path, undefined, cause);
      pipeline.poisonBy(error);
      throw error;
    }
    this.#note(pipeline);
    pipeline.release();
    this.#active = next;
    this.#segments.push(next.segment);
    await sealed.file.close();
    this.saveManifest();
    this.#warn();
    return this.startPipeline();
  }

  /** Brings the active segment's figures up to its pipeline's. */
  #note(pipeline: CommitPipeline): void {
    const { segment } = this.#active;
    segment.bytes = pipeline.end;
    this.#lastSequence = pipeline.writtenSequence;
    if (segment.first !== undefined && this.#lastSequence !== undefined) {
      segment.last = this.#lastSequence;
    }
  }

  /** A failed write has cut the active file: what was noted of the rest is void. */
  forgetBeyond(end: number): void {
    const { segment } = this.#active;
    const kept = segment.index.filter(({ offset }) => offset < end);
    segment.index.splice(0, segment.index.length, ...kept);
    if (end === 0) segment.first = undefined;
  }

  /** Makes the next file in the background when the active one fills up. */
  #prepareSpare(activeBytes: number): void {
    if (this.#spare !== undefined) return;
    if (activeBytes < this.#options.maxFileSize * SPARE_AT) return;
    if (this.#segments.length >= this.#options.maxWalFilesHard) return;
    const spare = this.#create(this.#active.segment.number + 1);
    this.#spare = spare;
    // When it cannot be made now, rotation tries again and tells its callers.
    spare.catch(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  async #takeSpare(path: string): Promise<OpenSegment> {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) {
      try {
        return await spare;
      } catch {
        // The second try below is the one whose failure counts.
      }
    }
    try {
      return await this.#create(this.#active.segment.number + 1);
    } catch (cause) {
      throw writeFailed(path, undefined, cause);
    }
  }

  async #create(number: number): Promise<OpenSegment> {
    const segment = newSegment(this.#directory, number);
    const { directIo, mode, preallocateBytes } = this.#options.file;
    const options = { access: 'write', create: 'if-missing', direct: directIo, mode } as const;
    const file = await this.#driver.open(segment.path, options);
    try {
      await file.truncate(0);
      const zeroedTo = Math.min(preallocateBytes, SPARE_ZEROS_MAX, this.#options.maxFileSize);
      const reached = await this.#zero(file, zeroedTo);
      await file.sync();
      await this.#driver.syncDirectory(this.#directory);
      return { segment, file, zeroedTo: reached };
    } catch (error) {
      await file.close();
      await this.#driver.remove(segment.path);
      throw error;
    }
  }

  /** Zeros ahead are never needed: where they do not fit, the file starts without. */
  async #zero(file: IoFile, to: number): Promise<number> {
    const end = to - (to % 4096);
    const memory = this.#driver.memory(Math.min(ZERO_WRITE_BYTES, Math.max(1, end)));
    try {
      for (let at = 0; at < end;) {
        const length = Math.min(memory.bytes.length, end - at);
        await writeFully(file, writeJob(memory, 0, length, at));
        at += length;
      }
      return end;
    } catch {
      await file.truncate(0);
      return 0;
    } finally {
      memory.release();
    }
  }

  /** Removes sealed segments from the front; first the manifest forgets them, durably. */
  async removeFirst(numbers: readonly number[]): Promise<void> {
    const removed = this.#segments.filter(({ number }) => numbers.includes(number));
    const kept = this.#segments.filter(({ number }) => !numbers.includes(number));
    this.#segments.splice(0, this.#segments.length, ...kept);
    this.saveManifest();
    try {
      await this.manifestSaved();
    } catch (error) {
      this.#segments.unshift(...removed);
      throw error;
    }
    for (const segment of removed) {
      await this.#driver.remove(segment.path);
      await this.#driver.syncDirectory(this.#directory);
    }
  }

  /**
   * Drops everything behind `end` of `segment`: files behind it, newest first, then its own tail.
   * The pipeline must be drained and released.
   */
  async cutTo(segment: Segment, end: number, lastSequence: bigint | undefined): Promise<void> {
    await this.#dropSpare();
    const index = this.#segments.indexOf(segment);
    const behind = this.#segments.splice(index + 1);
    const kept = segment.index.filter((point) => point.offset < end);
    segment.index.splice(0, segment.index.length, ...kept);
    // The manifest must never vouch for more than there is.
    const wasActive = this.#active;
    segment.bytes = end;
    segment.last = end === 0 ? undefined : lastSequence;
    if (end === 0) segment.first = undefined;
    this.#lastSequence = lastSequence;
    this.saveManifest();
    await this.manifestSaved();
    if (wasActive.segment !== segment) await wasActive.file.close();
    for (const later of behind.reverse()) {
      await this.#driver.remove(later.path);
      await this.#driver.syncDirectory(this.#directory);
    }
    const { directIo, mode } = this.#options.file;
    const options = { access: 'write', create: 'never', direct: directIo, mode } as const;
    const isSame = wasActive.segment === segment;
    const file = isSame ? wasActive.file : await this.#driver.open(segment.path, options);
    this.#active = { segment, file, zeroedTo: 0 };
    await file.truncate(end);
    await file.sync();
  }

  /** Writes the manifest as things stand now, behind those that are being written already. */
  saveManifest(): void {
    const sealed = this.#segments.slice(0, -1).map(copyOf);
    const active = copyOf(this.#active.segment);
    const isActiveLast = this.#segments.at(-1)?.number === active.number;
    const next = this.#lastSequence === undefined ? 0n : this.#lastSequence + 1n;
    const manifest = {
      firstNumber: this.#segments[0]?.number ?? active.number,
      nextSequence: next,
      sealed,
      active: isActiveLast ? active : undefined,
    };
    this.#manifests = this.#manifests.then(async () => {
      try {
        await writeManifest(this.#driver, this.#directory, manifest);
        this.#manifestFailure = undefined;
      } catch (error) {
        // It says less than it could; only a removal must not go on without it.
        this.#manifestFailure = error;
      }
    });
  }

  /** Settles when the manifest stands; rejects with `ERR_WAL_WRITE` when it could not be written. */
  async manifestSaved(): Promise<void> {
    await this.#manifests;
    if (this.#manifestFailure === undefined) return;
    throw writeFailed(this.#directory, undefined, this.#manifestFailure);
  }

  /** Ends it all: `pipeline` is drained. The steps are taken in order, each whatever befell. */
  closingSteps(pipeline: CommitPipeline, seal: () => Promise<void>): (() => Promise<void>)[] {
    return [
      () => this.#dropSpare(),
      async () => {
        await seal();
        this.#note(pipeline);
        this.saveManifest();
        await this.manifestSaved();
      },
      () => this.#active.file.close(),
    ];
  }

  async #dropSpare(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return;
    let open: OpenSegment;
    try {
      open = await spare;
    } catch {
      // It never came to be, so there is nothing to remove.
      return;
    }
    await open.file.close();
    await this.#driver.remove(open.segment.path);
    await this.#driver.syncDirectory(this.#directory);
  }

  #warn(): void {
    const count = this.#segments.length;
    if (count <= this.#warnedAt) return;
    this.#warnedAt = count;
    this.#options.onWarning(
      `'${this.#directory}' has ${String(count)} segments, more than maxWalFiles ` +
        `(${String(this.#options.maxWalFiles)}): nothing is deleted before truncateBefore`,
    );
  }

  #full(): WalError {
    const limit = String(this.#options.maxWalFilesHard);
    return new WalError(
      'ERR_WAL_FULL',
      `'${this.#directory}' has ${limit} segments (maxWalFilesHard): checkpoint, then truncateBefore`,
      { path: this.#directory, errno: errnoOf(undefined) },
    );
  }
}

function copyOf(segment: Segment): Segment {
  return { ...segment, index: [...segment.index] };
}
