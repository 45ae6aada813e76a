// The files behind an open log: the active one with its pipeline, the next one made ahead, the
// sealed ones, and the manifest that vouches for them.

import { BatchMemory } from './batch-memory.js';
import type { CommitStart } from './commit-types.js';
import { CommitPipeline } from './commit.js';
import { WalError } from './errors.js';
import { readCarry, syncFailed, writeFailed } from './failure.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { Latencies } from './latencies.js';
import type { Manifest, PlannedCut } from './manifest.js';
import { certainManifest, knownSegments, readManifest, removeFile } from './manifest.js';
import type { Segment } from './segments.js';
import { INDEX_STEP_BYTES, addPoint, certainPart, hasGap, keepIndex } from './segments.js';
import { ManifestKeeper } from './wal-manifest-keeper.js';
import { IntactError } from './wal-cut.js';
import { FileLimits } from './wal-limits.js';
import type { ResolvedWalOptions } from './wal-options.js';
import type { OpenSegment } from './wal-spare.js';
import { SpareFiles } from './wal-spare.js';

/** The next file is made when the active one is this full. */
const SPARE_AT = 0.5;

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
  readonly #limits: FileLimits;
  readonly #spares: SpareFiles;
  readonly #manifest: ManifestKeeper;
  /** Ascending, never empty. */
  readonly #segments: Segment[];
  readonly #latencies = new Latencies();
  /** Mapping it anew for each segment would be part of what a rotation costs. */
  readonly #memory: BatchMemory;
  #active: OpenSegment;
  /** Writes to the active segment; undefined while the log is being cut. */
  #pipeline: CommitPipeline | undefined;
  #lastSequence: bigint | undefined;
  /** What the log is about to be cut to. */
  #cut: PlannedCut | undefined;
  /** A sync of the directory failed: it must not be tried again, for it would say that all is well. */
  #broken: WalError | undefined;
  /** The file that was active before, until the first record behind it is written. */
  #sealed: IoFile | undefined;
  /** The next file is to be made: beside a write, not in front of it. */
  #isSpareDue = false;
  /** Settles when every sealed file is closed. */
  #closed: Promise<void> = Promise.resolve();

  constructor(
    driver: IoDriver,
    directory: string,
    options: ResolvedWalOptions,
    start: WalFilesStart,
  ) {
    const syncDirectory = (): Promise<void> => this.#syncDirectory();
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#limits = new FileLimits(driver, directory, options);
    this.#memory = new BatchMemory(driver);
    this.#spares = new SpareFiles(driver, directory, options, syncDirectory);
    this.#manifest = new ManifestKeeper(driver, directory, () => this.#certain(), syncDirectory);
    this.#segments = start.segments;
    this.#active = { segment: start.active, file: start.file, zeroedTo: 0 };
    this.#lastSequence = start.lastSequence;
    this.#limits.onGrown(start.segments.length);
  }

  /** All segments, ascending; the last one is active, and its figures lag behind its pipeline. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get active(): Segment {
    return this.#active.segment;
  }

  get writtenSequence(): bigint | undefined {
    return this.#pipeline === undefined ? this.#lastSequence : this.#pipeline.writtenSequence;
  }

  get durableSequence(): bigint | undefined {
    return this.#pipeline === undefined ? this.#lastSequence : this.#pipeline.durableSequence;
  }

  /** Size of the records that are written in a segment, in bytes. */
  writtenBytes(segment: Segment): number {
    return this.ends(segment).writtenEnd;
  }

  /** Where the records of a segment end, and those that are written. */
  ends(segment: Segment): { readonly end: number; readonly writtenEnd: number } {
    const pipeline = segment === this.#active.segment ? this.#pipeline : undefined;
    return pipeline ?? { end: segment.bytes, writtenEnd: segment.bytes };
  }

  /** The pipeline of the active segment, made anew. */
  async startPipeline(): Promise<CommitPipeline> {
    this.#checkBroken();
    const { segment, file } = this.#active;
    const carry = await readCarry(this.#driver, file, segment.bytes);
    this.#pipeline = this.#newPipeline(this.#active, carry);
    return this.#pipeline;
  }

  /** Seals the active file, whose pipeline is drained, and goes over to the next. */
  async rotate(pipeline: CommitPipeline, isAsked: boolean): Promise<CommitPipeline> {
    const { segment, file } = this.#active;
    this.#limits.checkRoom(this.#segments.length, isAsked);
    let next: OpenSegment;
    try {
      next = await this.#spares.take(segment.number + 1);
    } catch (cause) {
      throw cause instanceof WalError ? cause : writeFailed(segment.path, undefined, cause);
    }
    try {
      await this.seal(pipeline);
      this.#checkBroken();
    } catch (error) {
      this.#spares.giveBack(next);
      if (this.#broken !== undefined) pipeline.poisonBy(this.#broken);
      throw error;
    }
    this.#active = next;
    this.#isSpareDue = false;
    this.#segments.push(next.segment);
    this.#pipeline = this.#newPipeline(next, new Uint8Array(0));
    this.#limits.onGrown(this.#segments.length);
    this.#finishRotation();
    this.#sealed = file;
    // Otherwise an append waits for this, and goes first.
    if (isAsked) this.#finishRotation();
    return this.#pipeline;
  }

  /** What is left of a rotation, and nobody need wait for. */
  #finishRotation(): void {
    if (this.#sealed === undefined) return;
    this.#manifest.growSoon();
    this.#closeSealed();
  }

  /** All of it is durable: what closing says makes no difference any more. */
  #closeSealed(): void {
    const closed = this.#sealed?.close().catch(() => undefined);
    this.#sealed = undefined;
    this.#closed = this.#closed.then(() => closed);
  }

  /** Something has happened in the pipeline, and what could go out is on its way. */
  onProgress(): void {
    if (this.#isSpareDue) {
      this.#isSpareDue = false;
      this.#spares.prepare(this.#active.segment.number + 1);
    }
    if (this.#pipeline !== undefined && this.#pipeline.writtenEnd > 0) this.#finishRotation();
  }

  /**
   * Makes the active file exactly its records, durably, and lets go of its pipeline, which is
   * drained. Rejects with `ERR_WAL_SYNC`, and poisons the pipeline, when that fails.
   */
  async seal(pipeline: CommitPipeline): Promise<void> {
    try {
      await pipeline.finish();
    } catch (cause) {
      const error = syncFailed(this.#active.segment.path, cause);
      pipeline.poisonBy(error);
      throw error;
    }
    const { segment } = this.#active;
    segment.bytes = pipeline.end;
    this.#lastSequence = pipeline.writtenSequence;
    segment.last = segment.first === undefined ? undefined : this.#lastSequence;
    // No zeros are left behind them.
    this.#active = { ...this.#active, zeroedTo: 0 };
    this.#pipeline = undefined;
    pipeline.release();
  }

  /**
   * A failed write has cut the file of `pipeline`: what was noted of the rest is void. A pipeline
   * that was let go of may still be told of a failure, and then its file is no longer the active one.
   */
  forgetBeyondEnd(pipeline: CommitPipeline): void {
    if (pipeline !== this.#pipeline) return;
    const { segment } = this.#active;
    keepIndex(segment, pipeline.end);
    if (pipeline.end === 0) segment.first = undefined;
  }

  /**
   * Removes segments from the front; first the manifest forgets them, durably. Rejects with
   * `ERR_WAL_WRITE`; what was not removed then is still part of the log.
   */
  async removeFirst(removed: readonly Segment[]): Promise<void> {
    const left = [...removed];
    this.#segments.splice(0, left.length);
    try {
      await this.#disavow([...removed, ...this.#segments]);
      for (let segment = left[0]; segment !== undefined; segment = left[0]) {
        await removeFile(this.#driver, segment.path);
        left.shift();
        await this.#syncDirectory();
      }
    } catch (cause) {
      this.#segments.unshift(...left);
      throw cause instanceof WalError ? cause : writeFailed(this.#directory, undefined, cause);
    } finally {
      this.#limits.onShrunk(this.#segments.length);
      // What could not be removed is part of the log again; where all went well nothing is new.
      this.#manifest.growSoon();
    }
  }

  /**
   * Drops everything behind `end` of `segment`: files behind it, newest first, then its own tail.
   * The active file must be sealed. `onCut` is called when the log is shorter, and its files not
   * yet. Rejects with what stopped it; with an {@link IntactError} when nothing was changed.
   */
  async cutTo(
    segment: Segment,
    end: number,
    lastSequence: bigint,
    onCut: () => void,
  ): Promise<void> {
    try {
      await this.#spares.drop();
      // It must never vouch for more than there is.
      this.#cut = { segment, end, lastSequence };
      await this.#disavow();
    } catch (error) {
      throw new IntactError(error);
    } finally {
      this.#cut = undefined;
    }
    const behind = this.#segments.splice(this.#segments.indexOf(segment) + 1);
    Object.assign(segment, certainPart(segment, end, lastSequence));
    this.#lastSequence = lastSequence;
    onCut();
    await this.#cutFiles(segment, end, behind);
  }

  async #cutFiles(segment: Segment, end: number, behind: Segment[]): Promise<void> {
    const isActive = this.#active.segment === segment;
    if (!isActive) await this.#active.file.close();
    for (const later of behind.reverse()) {
      await removeFile(this.#driver, later.path);
      await this.#syncDirectory();
    }
    if (!isActive) {
      const { directIo, mode } = this.#options.file;
      const options = { access: 'write', create: 'never', direct: directIo, mode } as const;
      const file = await this.#driver.open(segment.path, options);
      this.#active = { segment, file, zeroedTo: 0 };
    } else {
      this.#active = { ...this.#active, zeroedTo: 0 };
    }
    await this.#active.file.truncate(end);
    await this.#active.file.sync();
  }

  /**
   * Writes the first manifest. When that cannot be done the log does without: the one before, if
   * any, is still true. Rejects when nobody knows which one stands, and when the next open would
   * refuse the log without it: a salvage has left a gap, or a trim no record to tell the sequence.
   */
  async saveManifest(): Promise<void> {
    try {
      await this.#manifest.save();
    } catch (error) {
      if (error instanceof WalError) throw error;
      if (await this.#canDoWithout()) return;
      throw writeFailed(this.#directory, undefined, error);
    }
  }

  async #canDoWithout(): Promise<boolean> {
    const segments = this.#segments;
    if (this.#options.recovery === 'salvage' && hasGap(segments)) return false;
    if (segments[0]?.number === 1 || segments.some(({ last }) => last !== undefined)) return true;
    return (await readManifest(this.#driver, this.#directory)).kind === 'good';
  }

  /** Ends it all: `pipeline` is drained. The steps are taken in order, each whatever befell. */
  closingSteps(pipeline: CommitPipeline, sealFile: () => Promise<void>): (() => Promise<void>)[] {
    return [
      () => this.#spares.drop(),
      async () => {
        if (pipeline !== this.#pipeline || pipeline.poison !== undefined) return sealFile();
        try {
          await this.seal(pipeline);
        } finally {
          pipeline.release();
        }
        // Should it not fit on the disk, the next open reads a little more.
        this.#manifest.growSoon();
      },
      () => this.#manifest.idle(),
      () => this.#active.file.close(),
      async () => {
        this.#memory.release();
        this.#closeSealed();
        await this.#closed;
      },
    ];
  }

  #newPipeline(active: OpenSegment, carry: Uint8Array): CommitPipeline {
    const { segment, file, zeroedTo } = active;
    const start: CommitStart = {
      position: segment.bytes,
      carry,
      zeroedTo: Math.max(zeroedTo, segment.bytes),
      lastSequence: this.#lastSequence,
      segment: segment.number,
      latencies: this.#latencies,
      memory: this.#memory,
      onPoint: (sequence, offset) => {
        if (offset === 0) segment.first = sequence;
        addPoint(segment.index, sequence, offset);
        this.#isSpareDue ||= this.#needsSpare(offset);
      },
    };
    return new CommitPipeline(this.#driver, file, this.#options.file, start);
  }

  /** Whether the next file is to be made, now that the active one fills up. */
  #needsSpare(activeBytes: number): boolean {
    const { maxFileSize, maxWalFilesHard } = this.#options;
    const isFilling = activeBytes + INDEX_STEP_BYTES >= maxFileSize * SPARE_AT;
    return isFilling && this.#segments.length < maxWalFilesHard;
  }

  /** What the manifest may say: the sealed segments, and the active one as it was last synced. */
  #certain(): Manifest {
    return certainManifest(this.#segments, this.#lastSequence, this.#cut);
  }

  /**
   * Makes sure that no manifest says more than {@link #certain}. On a full disk there may be no room
   * for a new one: then the log goes without, if a durable record is left to tell its sequence, and
   * if the files that are there now have no gap that only a manifest explains.
   */
  async #disavow(present: readonly Segment[] = this.#segments): Promise<void> {
    try {
      await this.#manifest.save();
    } catch (cause) {
      const segments = knownSegments(this.#certain());
      const isActiveDurable = this.#pipeline !== undefined && this.#pipeline.durableEnd > 0;
      const hasRecord = isActiveDurable || segments.some(({ last }) => last !== undefined);
      const mayGo = hasRecord && !hasGap(present);
      if (this.#pipeline?.poison !== undefined || !mayGo) throw cause;
      await this.#manifest.remove();
    }
  }

  async #syncDirectory(): Promise<void> {
    this.#checkBroken();
    try {
      await this.#driver.syncDirectory(this.#directory);
    } catch (cause) {
      this.#broken ??= syncFailed(this.#directory, cause);
      this.#pipeline?.poisonBy(this.#broken);
      throw this.#broken;
    }
  }

  #checkBroken(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }
}
