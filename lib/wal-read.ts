// Reading a segmented log while it is written: from a sequence on, across segments, to the end or
// (following) for as long as the log is open. Only whole written records are handed out; a
// follower gets none that is not durable.

import { WalError } from './errors.js';
import type { IoDriver } from './io/driver.js';
import { scanFile } from './scan.js';
import type { Segment } from './segments.js';
import { seek } from './segments.js';
import { judgeEnd } from './tail.js';
import type { WalRecord } from './wal-record.js';
import { WalChunk } from './wal-record.js';
import { FileWindow } from './window.js';

/** What to read. */
export interface WalReadOptions {
  /** First sequence wanted. Default: the oldest in the log. */
  readonly from?: bigint | number;
  /** Last sequence wanted. Default: the last one written when reading starts. */
  readonly to?: bigint | number;
  /** Go on with new durable entries as they come, until `to`, an abort, or the log's close. */
  readonly follow?: boolean;
  /** Ends the reading: the iterator throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a reading sees of the log. */
export interface LogView {
  readonly driver: IoDriver;
  readonly segments: () => readonly Segment[];
  /** Offset to which the last segment is written. */
  readonly writtenEnd: () => number;
  readonly writtenSequence: () => bigint | undefined;
  readonly durableSequence: () => bigint | undefined;
  readonly isClosed: () => boolean;
  /** Resolves when a watermark has moved or the log was closed. */
  readonly nextProgress: (signal: AbortSignal | undefined) => Promise<void>;
  /** Keeps the segments from this number on; call again to move on, `release` to end. */
  readonly lease: () => Lease;
}

/** A reader's hold on the segments it still needs. */
export interface Lease {
  moveTo(number: number): void;
  release(): void;
}

/** Where a reading stands. */
interface Cursor {
  next: bigint;
  segment: number;
  offset: number;
}

/** A record with the file that it stands in. */
export interface LogRecord {
  readonly record: WalRecord;
  readonly segment: number;
}

/** Hands out records with `from` <= sequence <= `to`. */
export async function* readLog(
  log: LogView,
  options: { from: bigint; to: bigint | undefined; follow: boolean; signal?: AbortSignal },
): AsyncGenerator<LogRecord, void, void> {
  const { signal, follow } = options;
  const limit = options.to ?? (follow ? undefined : (log.writtenSequence() ?? -1n));
  const cursor: Cursor = { next: options.from, segment: 0, offset: 0 };
  const lease = log.lease();
  try {
    lease.moveTo(segmentOf(log, cursor.next)?.number ?? 0);
    for (;;) {
      signal?.throwIfAborted();
      if (limit !== undefined && cursor.next > limit) return;
      const ready = (follow ? log.durableSequence() : log.writtenSequence()) ?? -1n;
      const bound = limit === undefined || limit > ready ? ready : limit;
      if (cursor.next <= bound) {
        const segment = segmentOf(log, cursor.next);
        if (segment === undefined) return;
        lease.moveTo(segment.number);
        yield* readSegment(log, segment, cursor, bound, signal);
      } else if (!follow || log.isClosed()) {
        return;
      } else {
        await log.nextProgress(signal);
      }
    }
  } finally {
    lease.release();
  }
}

/** The segment that holds the sequence, or the first one behind it. */
function segmentOf(log: LogView, sequence: bigint): Segment | undefined {
  const segments = log.segments();
  const last = segments.at(-1);
  return segments.find((segment) => {
    if (segment === last) return true;
    return segment.last !== undefined && segment.last >= sequence;
  });
}

/** Hands out what one segment has up to `bound`, and moves the cursor behind it. */
async function* readSegment(
  log: LogView,
  segment: Segment,
  cursor: Cursor,
  bound: bigint,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogRecord, void, void> {
  const isActive = segment === log.segments().at(-1);
  const size = isActive ? log.writtenEnd() : segment.bytes;
  const isResumed = cursor.segment === segment.number;
  const from = isResumed ? cursor.offset : seek(segment.index, cursor.next);
  const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
  const file = await log.driver.open(segment.path, options);
  const window = new FileWindow(log.driver, file, { size, pastCache: false });
  try {
    const runs = scanFile(window, from);
    for (let next = await runs.next(); ; next = await runs.next()) {
      if (next.done === true) {
        await checkReached(window, segment, cursor, bound, next.value, isActive);
        return;
      }
      for (const record of new WalChunk(next.value)) {
        const { sequence } = record;
        if (sequence > bound) return;
        if (sequence < cursor.next) continue;
        cursor.next = sequence + 1n;
        cursor.segment = segment.number;
        cursor.offset = record.inBatch ? record.offset : record.offset + record.length;
        yield { record: record.copy(), segment: segment.number };
        signal?.throwIfAborted();
      }
    }
  } finally {
    window.release();
    await file.close();
  }
}

/** The scan ended before `bound`: fine at the end of a segment, damage anywhere else. */
async function checkReached(
  window: FileWindow,
  segment: Segment,
  cursor: Cursor,
  bound: bigint,
  stop: { offset: number; reason: number },
  isActive: boolean,
): Promise<void> {
  const last =
    isActive || segment.last === undefined || bound < segment.last ? bound : segment.last;
  if (cursor.next > last) return;
  const { reason } = await judgeEnd(window, stop.offset, stop.reason);
  throw new WalError(
    'ERR_WAL_CORRUPT',
    `'${segment.path}' is damaged at offset ${String(stop.offset)} (${reason}): sequence ` +
      `${String(cursor.next)} is acknowledged, and cannot be read`,
    { path: segment.path, offset: stop.offset, sequence: cursor.next },
  );
}
