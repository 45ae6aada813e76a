// What an appender is made for, and what it tells.

import type { CommitPipeline } from './commit.js';
import type { ResolvedOptions } from './options.js';

/** Gives sequences to items at their admission, where the log (not the caller) counts. */
export interface Sequencer {
  /** The next sequence; `count` of them are used. Throws RangeError when there are not so many. */
  take(count: number): bigint;
  /** What was given beyond the last record in the log is free again. */
  reset(lastSequence: bigint | undefined): void;
}

/** How a log goes over to its next file. */
export interface Rotation {
  /** A file takes no record that would make it longer than this, in bytes, unless it is empty. */
  readonly fileBytesMax: number;
  /** Seals the file of `pipeline`, which is drained, and returns the pipeline of the next. */
  readonly rotate: Swap;
}

/** Exchanges a drained pipeline for another. */
export type Swap = (pipeline: CommitPipeline) => Promise<CommitPipeline>;

/** Counters and gauges of an appender. */
export interface AppenderStats {
  /** Appends taken on, since open. */
  readonly appends: number;
  /** Appends whose promise resolved, since open. */
  readonly acknowledged: number;
  /** Appends whose promise rejected, since open. */
  readonly rejected: number;
  /** Records queued or in flight now. */
  readonly queuedRecords: number;
  /** The same in bytes. */
  readonly queuedBytes: number;
  /** The most there ever were, in bytes. */
  readonly queuedBytesPeak: number;
  /** Appends that wait for room in the queue now. */
  readonly waiting: number;
}

/** What kind of log the appender serves. */
export interface AppenderOptions {
  readonly path: string;
  readonly limits: Pick<ResolvedOptions, 'channelCapacity' | 'queueBytesMax' | 'waitersMax'>;
  readonly sequencer: Sequencer | undefined;
  readonly rotation: Rotation | undefined;
  /** Watermarks may have moved. */
  readonly onProgress?: () => void;
  /** From here on nothing more becomes durable. */
  readonly onPoisoned?: () => void;
  /** Another pipeline has taken the place of this one. */
  readonly onRetired?: (pipeline: CommitPipeline) => void;
}
