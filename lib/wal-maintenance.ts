// What is done to a log as a whole, one thing at a time: going over to the next segment, forgetting
// what a checkpoint covers, dropping a suffix.

import type { Appender } from './appender.js';
import type { CommitPipeline } from './commit.js';
import { WalError } from './errors.js';
import type { IoDriver } from './io/driver.js';
import type { Segment } from './segments.js';
import { IntactError, findCut, segmentHolds } from './wal-cut.js';
import type { WalFiles } from './wal-files.js';
import type { LogFollowers } from './wal-followers.js';

/**
 * What `truncateBefore` did.
 *
 * @example
 * const wal = await Wal.open('app-wal');
 * const { removed, stopped }: TruncateResult = await wal.truncateBefore(1n);
 * console.log(removed, stopped); // → [] undefined
 * await wal.close();
 */
export interface TruncateResult {
  /** Numbers of the segments that were removed. */
  readonly removed: number[];
  /** Why it stopped before a segment that the checkpoint covers; undefined when none was left. */
  readonly stopped: string | undefined;
}

/** What is maintained. */
export interface MaintainedLog {
  readonly directory: string;
  readonly driver: IoDriver;
  readonly files: WalFiles;
  readonly appender: Appender;
  readonly followers: LogFollowers;
  /** Seals the active segment and goes over to the next. */
  readonly rotate: (pipeline: CommitPipeline) => Promise<CommitPipeline>;
  /** The log now ends with this sequence. */
  readonly onCut: (last: bigint) => void;
}

/** Takes turns. */
export class WalMaintenance {
  readonly #log: MaintainedLog;
  #idle: Promise<void> = Promise.resolve();
  /** How many turns are not over. */
  #waiting = 0;

  constructor(log: MaintainedLog) {
    this.#log = log;
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  rotate(): Promise<void> {
    const { appender, rotate } = this.#log;
    return this.#inTurn(() => appender.exchange(rotate));
  }

  /** Removes whole segments, oldest first, all of whose entries have a lower sequence. */
  truncateBefore(sequence: bigint): Promise<TruncateResult> {
    return this.#inTurn(() => this.#truncateBefore(sequence));
  }

  /** Drops every entry with a higher sequence. */
  truncateAfter(sequence: bigint): Promise<void> {
    return this.#inTurn(() => this.#truncateAfter(sequence));
  }

  /** At once where it can be: what is appended after a call to rotate goes into the next segment. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#waiting === 0 ? work() : this.#idle.then(work);
    this.#waiting++;
    const onDone = (): void => {
      this.#waiting--;
    };
    this.#idle = done.then(onDone, onDone);
    return done;
  }

  async #truncateBefore(bound: bigint): Promise<TruncateResult> {
    const { driver, files, followers, directory, appender } = this.#log;
    appender.checkPoison();
    // What was appended before counts, as soon as it is written.
    if (this.#isBeyond(bound)) await this.#makeDurable();
    if (this.#isBeyond(bound)) throw this.#beyond(bound);
    if (this.#coveredBy(bound).length === 0) return { removed: [], stopped: undefined };
    // The checkpoint may be in this very log, and no more than written.
    await this.#makeDurable();
    const covered = this.#coveredBy(bound);
    const isLeased = (number: number): boolean => followers.isLeased(number);
    let stopped: string | undefined;
    let count = 0;
    for (; count < covered.length && stopped === undefined; count++) {
      const segment = covered[count];
      if (segment === undefined || isLeased(segment.number)) break;
      stopped = await segmentHolds(driver, directory, segment);
      if (stopped !== undefined) break;
    }
    // Readers may have begun while segments were read; from here to the removal nothing is awaited.
    const removable = covered.slice(0, count).filter(({ number }) => !isLeased(number));
    const next = covered[removable.length];
    if (next !== undefined && isLeased(next.number)) {
      stopped = `a reader still needs '${next.path}'`;
    }
    appender.checkPoison();
    if (removable.length > 0) await files.removeFirst(removable);
    return { removed: removable.map(({ number }) => number), stopped };
  }

  /** The segments, the active one left out, all of whose entries have a lower sequence. */
  #coveredBy(bound: bigint): Segment[] {
    return this.#log.files.segments
      .slice(0, -1)
      .filter(({ last }) => last !== undefined && last < bound);
  }

  /** A checkpoint covers nothing that is not there: who names such a sequence is mistaken. */
  #isBeyond(bound: bigint): boolean {
    return bound > (this.#log.files.writtenSequence ?? 0n) + 1n;
  }

  #beyond(bound: bigint): RangeError {
    const last = String(this.#log.files.writtenSequence ?? 0n);
    return new RangeError(`sequence ${String(bound)}: the log ends at ${last}`);
  }

  /** Makes all durable that was taken before. Unlike a flush, it fails only with the log itself. */
  async #makeDurable(): Promise<void> {
    const { appender } = this.#log;
    const { pipeline, stats } = appender;
    if (stats.waiting === 0 && pipeline.end === pipeline.durableEnd) return;
    await appender.exchange(async (drained) => {
      await new Promise<void>((resolve, reject) => {
        drained.flush(resolve, reject);
      });
      return drained;
    });
  }

  async #truncateAfter(bound: bigint): Promise<void> {
    let failure: unknown;
    await this.#log.appender.exchange(async (pipeline) => {
      const { driver, files, directory } = this.#log;
      const last = pipeline.writtenSequence ?? 0n;
      if (bound > last) throw this.#beyond(bound);
      if (bound === last) return pipeline;
      const { segment, offset } = await findCut(driver, files, directory, bound);
      await files.seal(pipeline);
      try {
        await files.cutTo(segment, offset, bound, () => {
          this.#log.onCut(bound);
        });
      } catch (error) {
        failure = this.#cutFailed(bound, error);
        if (!(error instanceof IntactError)) {
          pipeline.poisonBy(failure as WalError);
          throw failure;
        }
      }
      return this.#goOn(pipeline, bound);
    });
    if (failure !== undefined) throw failure as WalError;
  }

  /** The pipeline of what is there now. */
  async #goOn(pipeline: CommitPipeline, bound: bigint): Promise<CommitPipeline> {
    try {
      return await this.#log.files.startPipeline();
    } catch (error) {
      const failure = this.#cutFailed(bound, error);
      pipeline.poisonBy(failure);
      throw failure;
    }
  }

  #cutFailed(sequence: bigint, error: unknown): WalError {
    const { directory } = this.#log;
    const isIntact = error instanceof IntactError;
    const cause: unknown = isIntact ? error.cause : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    const then = isIntact ? 'nothing was changed' : 'close the log and open it again';
    return new WalError(
      'ERR_WAL_WRITE',
      `cannot cut '${directory}' behind sequence ${String(sequence)}: ${why}; ${then}`,
      { path: directory, sequence, cause },
    );
  }
}
