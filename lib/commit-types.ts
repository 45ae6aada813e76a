// What goes into a commit pipeline and what comes out, beside the records.

import type { WalError } from './errors.js';
import type { Latencies } from './latencies.js';
import type { LaneCounters, LaneStart } from './write-lane.js';

/** What the pipeline is doing. */
export type CommitState =
  | { readonly kind: 'serving' }
  /** A write failed: first what is in flight must end, then the log is cut. */
  | { readonly kind: 'failing' }
  | { readonly kind: 'trimming' }
  | { readonly kind: 'poisoned'; readonly cause: WalError };

/** What the pipeline tells its owner. */
export interface CommitHooks {
  /** So many records have left the queue, acknowledged. */
  onAcknowledged(records: number, bytes: number): void;
  /** A record of so many bytes has left the queue, rejected. */
  onRejected(length: number): void;
  /** Something was settled: there may be room again. */
  onRoom(): void;
  /** Watermarks may have moved. */
  onProgress(): void;
  /** A failure is over; whatever still waits was submitted before it and must reject. */
  onFailure(error: WalError): void;
}

/** Counters, all since open. */
export interface CommitCounters extends Readonly<LaneCounters> {
  /** Syncs of the whole file. */
  readonly syncs: number;
  /** Times the log was cut to its last whole record after a failed write. */
  readonly trims: number;
}

/** Where a pipeline starts: the end of the recovered log. */
export interface CommitStart extends LaneStart {
  /** Last sequence in the log so far. */
  readonly lastSequence: bigint | undefined;
  /** Number of the file, where the log has several: told with each position. */
  readonly segment?: number;
  /** Zeros stand ahead to here, durably. */
  readonly zeroedTo?: number;
  /** Where to note how long writes and syncs take, when the log has its own for all its files. */
  readonly latencies?: Latencies;
  /** Hears where every so many bytes a record starts, for an index. */
  readonly onPoint?: (sequence: bigint, offset: number) => void;
}

/** Of a pipeline without an owner. */
export const NO_HOOKS: CommitHooks = {
  onAcknowledged: () => undefined,
  onRejected: () => undefined,
  onRoom: () => undefined,
  onProgress: () => undefined,
  onFailure: () => undefined,
};
