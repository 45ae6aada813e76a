// What applications import.
/**
 * A write-ahead log for Node.js on Linux io_uring. {@link UringWalWriter} and {@link WalReader} work
 * on one file, {@link Wal} on a directory of segments that numbers entries itself.
 *
 * @module uring-wal
 */

export type { WalPosition } from './ack-queue.js';
export type {
  CommitEvent,
  DiagnosticsEvents,
  ErrorEvent,
  FallbackEvent,
  OpenEvent,
  PoisonedEvent,
  RecoveryEvent,
  RotateEvent,
  WarningEvent,
} from './diagnostics.js';
export { WalEntry } from './entry.js';
export type { WalEntryType } from './entry.js';
export { WAL_ERROR_CODES, WalError } from './errors.js';
export type { WalErrorCode, WalErrorFacts } from './errors.js';
export { IoError, MEMORY_ALIGNMENT } from './io/driver.js';
export type {
  IoDriver,
  IoDriverName,
  IoErrorOptions,
  IoFile,
  IoLock,
  IoMemory,
  IoOpenOptions,
  IoWriteOptions,
} from './io/driver.js';
export type { DriverChoice } from './io/select.js';
export type { LatencyStats, LatencySummary } from './latencies.js';
export type { ResolvedOptions, UringWalOptions } from './options.js';
export { WalReader } from './reader.js';
export type { WalReaderOptions } from './reader.js';
export type { RecoveryMode, WalRecovery } from './recovery.js';
export type { WalEnd, WalEndKind } from './tail.js';
export { WalChunk, WalRecord } from './wal-record.js';
export { UringWalWriter } from './writer.js';
export type { AppendOptions, WriterDriver, WriterStats } from './writer.js';
export { Wal } from './wal.js';
export type { WalAppendOptions, WalLogPosition } from './wal.js';
export type { WalDirectoryOptions } from './wal-directory.js';
export type { TruncateResult } from './wal-maintenance.js';
export type { WalStats } from './wal-stats.js';
export type { WalBatchEntry } from './wal-item.js';
export type { WalPositions } from './append-many.js';
export type { RecoveryProgress, SyncPolicy, WalOptions, WalRecoveryMode } from './wal-options.js';
export type { WalReadOptions } from './wal-read-options.js';
export type { RecoveryReport } from './wal-recovery.js';
