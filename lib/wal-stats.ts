// The figures of a segmented log.

import type { AppenderStats } from './appender-types.js';
import type { CommitCounters } from './commit-types.js';
import type { LatencyStats } from './latencies.js';

/**
 * What a log has done since it was opened, and what is under way.
 *
 * @example
 * const wal = await Wal.open('app-wal');
 * const { segments, rotations, durableSequence }: WalStats = wal.stats();
 * console.log(segments, rotations, durableSequence); // → 1 0 1n
 * await wal.close();
 */
export interface WalStats extends AppenderStats, CommitCounters, LatencyStats {
  /** Segments there are, the active one included. */
  readonly segments: number;
  /** Size of all segments' records, in bytes. */
  readonly bytes: number;
  /** Segments begun since open. */
  readonly rotations: number;
  /** As in {@link Wal.writtenSequence}. */
  readonly writtenSequence: bigint | undefined;
  /** As in {@link Wal.durableSequence}. */
  readonly durableSequence: bigint | undefined;
  /** More segments than `maxWalFiles`. */
  readonly isOverMaxWalFiles: boolean;
}

/** Counters of the segments sealed so far, and of the active one. */
export function sumOf(retired: CommitCounters | undefined, now: CommitCounters): CommitCounters {
  if (retired === undefined) return now;
  return {
    batches: retired.batches + now.batches,
    bytesWritten: retired.bytesWritten + now.bytesWritten,
    resubmits: retired.resubmits + now.resubmits,
    dsyncWrites: retired.dsyncWrites + now.dsyncWrites,
    writesAtOnce: retired.writesAtOnce + now.writesAtOnce,
    syncs: retired.syncs + now.syncs,
    trims: retired.trims + now.trims,
  };
}
