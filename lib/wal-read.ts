// Reading a segmented log while it is written: from a sequence on, across segments, to the end or
// (following) for as long as the log is open. Only whole written records are handed out; a
// follower gets none that is not durable.

import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { IoError } from './io/driver.js';
import type { ScanStop } from './scan.js';
import { scanFile } from './scan.js';
import type { Segment } from './segments.js';
import { seek } from './segments.js';
import { judgeEnd } from './tail.js';
import type { ReadBounds } from './wal-read-options.js';
import type { WalRecord } from './wal-record.js';
import { WalChunk } from './wal-record.js';
import { FileWindow } from './window.js';

/** What a reading sees of the log. */
export interface LogView {
  readonly driver: IoDriver;
  readonly files: LogFiles;
  readonly followers: LogProgress;
  /** What a poisoned log answers: nothing more will ever become durable. */
  readonly poison: () => WalError | undefined;
}

interface LogFiles {
  /** Ascending; the last one is active. */
  readonly segments: readonly Segment[];
  /** Size of the records that are written in a segment, in bytes. */
  writtenBytes(segment: Segment): number;
  readonly writtenSequence: bigint | undefined;
  readonly durableSequence: bigint | undefined;
}

interface LogProgress {
  /** The log is closed, and nothing will come any more. */
  readonly hasEnded: boolean;
  /** Resolves when a watermark has moved, or the log was closed or poisoned, or at the abort. */
  nextProgress(signal: AbortSignal | undefined): Promise<void>;
  /** Keeps the segments from the number on that `needsFrom` tells when asked, until `release`. */
  lease(needsFrom: () => number): Lease;
}

/** A reader's hold on the segments it still needs. */
export interface Lease {
  /** The log was cut since {@link Lease.takeCut}. */
  readonly isCut: boolean;
  /** To which sequence it was cut since the last call, if it was. */
  takeCut(): bigint | undefined;
  release(): void;
}

/** Hands out records with `from` <= sequence <= `to`; each owns its bytes. */
export async function* readLog(
  log: LogView,
  bounds: ReadBounds,
): AsyncGenerator<WalRecord, void, void> {
  const reading = new Reading(log, bounds);
  try {
    yield* reading.run();
  } finally {
    await reading.end();
  }
}

class Reading {
  readonly #log: LogView;
  readonly #bounds: ReadBounds;
  readonly #limit: bigint | undefined;
  readonly #lease: Lease;
  /** The next sequence wanted, and the last one handed out. */
  #next: bigint;
  #delivered: bigint | undefined;
  /** Where the next record is, if this segment is read on. */
  #place = { segment: -1, offset: 0 };
  /** Kept open from one reading to the next. */
  #file: { readonly number: number; readonly file: IoFile } | undefined;

  constructor(log: LogView, bounds: ReadBounds) {
    const { from, to, follow } = bounds;
    this.#log = log;
    this.#bounds = bounds;
    this.#limit = to ?? (follow ? undefined : (log.files.writtenSequence ?? -1n));
    this.#next = from;
    this.#lease = log.followers.lease(() => segmentOf(log, this.#next)?.number ?? 0);
  }

  async *run(): AsyncGenerator<WalRecord, void, void> {
    const log = this.#log;
    const { follow, signal } = this.#bounds;
    for (;;) {
      signal?.throwIfAborted();
      await this.#heedCut();
      if (this.#limit !== undefined && this.#next > this.#limit) return;
      const ready = (follow ? log.files.durableSequence : log.files.writtenSequence) ?? -1n;
      const poison = log.poison();
      const bound = this.#limit === undefined || this.#limit > ready ? ready : this.#limit;
      if (this.#next <= bound) {
        const segment = segmentOf(log, this.#next);
        if (segment === undefined) return;
        yield* this.#readSegment(segment, bound);
      } else if (!follow) {
        return;
      } else if (poison !== undefined) {
        throw poison;
      } else if (log.followers.hasEnded) {
        return;
      } else {
        await log.followers.nextProgress(signal);
      }
    }
  }

  async end(): Promise<void> {
    this.#lease.release();
    await this.#closeFile();
  }

  /** What was handed out must not be taken back silently. */
  async #heedCut(): Promise<void> {
    const cut = this.#lease.takeCut();
    if (cut === undefined) return;
    await this.#closeFile();
    this.#place = { segment: -1, offset: 0 };
    if (this.#delivered === undefined || this.#delivered <= cut) return;
    throw new WalError(
      'ERR_WAL_READ',
      `the log was cut back to sequence ${String(cut)} after it was read to ` +
        `${String(this.#delivered)}: read on from what is still in it`,
      { sequence: cut },
    );
  }

  /** Hands out what one segment has up to `bound`. */
  async *#readSegment(segment: Segment, bound: bigint): AsyncGenerator<WalRecord, void, void> {
    const { driver } = this.#log;
    const isLast = segment === this.#log.files.segments.at(-1);
    const size = this.#log.files.writtenBytes(segment);
    if (isLast && size === 0) {
      // Nothing is left of what came before: there is only its sequence.
      this.#next = bound + 1n;
      return;
    }
    const isResumed = this.#place.segment === segment.number;
    const from = isResumed ? this.#place.offset : seek(segment.index, this.#next);
    const last = isLast || segment.last === undefined ? bound : segment.last;
    try {
      const file = await this.#open(segment);
      const bytesMax = Math.max(1, size - from);
      const options = { size, pastCache: false, bytesMax, readsAhead: true };
      const window = new FileWindow(driver, file, options);
      try {
        const runs = scanFile(window, from);
        let next = await runs.next();
        for (; next.done !== true; next = await runs.next()) {
          const { value } = next;
          yield* this.#deliver(new WalChunk(value), segment, bound);
          if (this.#lease.isCut || this.#next > bound) return;
        }
        if (this.#lease.isCut) return;
        if (next.value.offset < size) await this.#tellDamage(window, segment, next.value);
        // All of it was seen: what was wanted below is no longer in the log.
        if (this.#next <= last) this.#next = last + 1n;
      } finally {
        window.release();
      }
    } catch (error) {
      // Of a log that is being cut, anything may be read; what became of it is seen afterwards.
      if (!this.#lease.isCut) throw toReadError(error, segment.path, this.#next);
    }
  }

  *#deliver(chunk: WalChunk, segment: Segment, bound: bigint): Generator<WalRecord, void, void> {
    for (const record of chunk) {
      const { sequence } = record;
      if (this.#lease.isCut) return;
      if (sequence > bound) {
        if (this.#next <= bound) this.#next = bound + 1n;
        return;
      }
      if (sequence < this.#next) continue;
      this.#next = sequence + 1n;
      this.#delivered = sequence;
      const { offset, length, inBatch } = record;
      this.#place = { segment: segment.number, offset: inBatch ? offset : offset + length };
      yield record.copy();
      this.#bounds.signal?.throwIfAborted();
    }
  }

  /** The records ended before they should have. */
  async #tellDamage(window: FileWindow, { path }: Segment, stop: ScanStop): Promise<never> {
    const { reason } = await judgeEnd(window, stop.offset, stop.reason);
    // Some file systems take back what they could not write: no damage, the log knows of it.
    const poison = this.#log.poison();
    const isDurable = this.#next <= (this.#log.files.durableSequence ?? -1n);
    if (poison !== undefined && !isDurable) throw poison;
    throw new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' is damaged at offset ${String(stop.offset)} (${reason}): sequence ` +
        `${String(this.#next)} is in the log, and cannot be read`,
      { path, offset: stop.offset, sequence: this.#next },
    );
  }

  async #open({ number, path }: Segment): Promise<IoFile> {
    if (this.#file?.number === number) return this.#file.file;
    await this.#closeFile();
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    const file = await this.#log.driver.open(path, options);
    this.#file = { number, file };
    return file;
  }

  async #closeFile(): Promise<void> {
    const held = this.#file;
    this.#file = undefined;
    await held?.file.close();
  }
}

/** The segment that holds the sequence, or the first one behind it. */
function segmentOf(log: LogView, sequence: bigint): Segment | undefined {
  const { segments } = log.files;
  const last = segments.at(-1);
  return segments.find((segment) => {
    if (segment === last) return true;
    return segment.last !== undefined && segment.last >= sequence;
  });
}

/** The driver's errors in the library's words; all others, the consumer's included, as they are. */
export function toReadError(error: unknown, path: string, sequence: bigint): unknown {
  if (!(error instanceof IoError)) return error;
  return new WalError('ERR_WAL_READ', `cannot read '${path}': ${error.message}`, {
    path,
    sequence,
    errno: errnoOf(error),
    cause: error,
  });
}
