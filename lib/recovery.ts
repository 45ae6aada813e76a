// What happens to an existing log before its first append: it is read past the page cache (which
// may claim what the disk never got), a torn tail is cut off, and what is kept is made durable.
//
//   how it ends   strict (default)      trim
//   clean         cut trailing zeros    the same
//   torn          cut                   the same (quarantined if it holds whole records)
//   tear          quarantine, cut       the same
//   corrupt       refuse, untouched     quarantine, cut

import { dirname } from 'node:path';
import { WalError } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { quarantine } from './quarantine.js';
import * as record from './record.js';
import type { RecordRun } from './scan.js';
import { scanFile, sequencesAt } from './scan.js';
import type { WalEnd } from './tail.js';
import { judgeEnd } from './tail.js';
import { FileWindow } from './window.js';

/**
 * What to do with a log that is corrupt: refuse it, or cut it at the damage (quarantined).
 *
 * @example
 * const recovery: RecoveryMode = 'trim'; // damage in the middle: keep a copy, go on before it
 * const writer = await UringWalWriter.open('app.wal', { recovery });
 * await writer.close();
 */
export type RecoveryMode = 'strict' | 'trim';

/**
 * What recovery found and did.
 *
 * @example
 * import { appendFile } from 'node:fs/promises';
 * await appendFile('app.wal', 'half a record'); // as a crash may leave
 * const writer = await UringWalWriter.open('app.wal');
 * const { records, end, trimmedBytes }: WalRecovery = writer.recovery;
 * console.log(records, end.kind, trimmedBytes); // → 1 torn 13
 * await writer.close();
 */
export interface WalRecovery {
  /** Whether the file was created by this open. */
  readonly created: boolean;
  /** Whole records kept. */
  readonly records: number;
  /** Their size in bytes: where the next record goes. */
  readonly bytes: number;
  /** Sequence of the first record; undefined in an empty log. */
  readonly firstSequence: bigint | undefined;
  /** Sequence of the last record; undefined in an empty log. */
  readonly lastSequence: bigint | undefined;
  /** How the log ended. */
  readonly end: WalEnd;
  /** Bytes cut off the end of the file. */
  readonly trimmedBytes: number;
  /** Where a copy of what was cut is kept, if it held anything that could matter. */
  readonly quarantine: string | undefined;
  /** The file system has no way past the page cache, so what the cache said was believed. */
  readonly cacheTrusted: boolean;
}

/** Where a recovery starts, and what else it asks of the records. */
export interface RecoveryStart {
  /** Everything before this offset is known to be whole and durable. */
  readonly offset: number;
  /** Sees every run of records; returns the offset of a record that must not stand there. */
  readonly check: (run: RecordRun) => number | undefined;
}

/**
 * Recovers an open file; on return its length is `bytes` and all of it is durable, its directory
 * entry included. Rejects with `ERR_WAL_CORRUPT`, `ERR_WAL_READ`, or the IoError of what failed.
 */
export async function recoverFile(
  driver: IoDriver,
  file: IoFile,
  mode: RecoveryMode,
  start: RecoveryStart = { offset: 0, check: () => undefined },
): Promise<WalRecovery> {
  // Clean pages left by a failed sync can differ from the disk, for this scan and for later readers.
  await file.dropCache();
  const size = await file.size();
  const window = new FileWindow(driver, file, { size, pastCache: true, readsAhead: true });
  try {
    const tally = new Tally();
    const end = await walk(window, tally, start);
    if (end.kind === 'corrupt' && mode === 'strict') throw corrupt(file.path, end);
    const keep = end.kind === 'tear' || end.kind === 'corrupt' || end.holdsRecords === true;
    const kept = keep ? await quarantine(driver, file, window, end) : undefined;
    await window.settle();
    if (size > end.offset) await file.truncate(end.offset);
    await file.sync();
    await driver.syncDirectory(dirname(file.path));
    return {
      created: file.created,
      records: tally.records,
      bytes: end.offset,
      firstSequence: tally.firstSequence,
      lastSequence: tally.lastSequence,
      end,
      trimmedBytes: size - end.offset,
      quarantine: kept,
      cacheTrusted: file.pastCache === undefined,
    };
  } finally {
    window.release();
  }
}

async function walk(window: FileWindow, tally: Tally, start: RecoveryStart): Promise<WalEnd> {
  const runs = scanFile(window, start.offset);
  for (;;) {
    const next = await runs.next();
    if (next.done === true) return judgeEnd(window, next.value.offset, next.value.reason);
    const outOfOrder = start.check(next.value);
    if (outOfOrder !== undefined) return judgeEnd(window, outOfOrder, record.STOP.BAD_SEQUENCE);
    tally.add(next.value);
  }
}

class Tally {
  records = 0;
  firstSequence: bigint | undefined;
  lastSequence: bigint | undefined;

  add(run: RecordRun): void {
    this.firstSequence ??= sequencesOf(run, 0).first;
    this.lastSequence = sequencesOf(run, run.count - 1).last;
    this.records += run.count;
  }
}

function sequencesOf(run: RecordRun, index: number): { first: bigint; last: bigint } {
  const { bytes, table } = run;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return sequencesAt(bytes, view, table, record.TABLE_HEADER + index * record.TABLE_STRIDE);
}

function corrupt(path: string, end: WalEnd): WalError {
  const follows = end.next === undefined ? 'what follows' : `a whole record at ${String(end.next)}`;
  return new WalError(
    'ERR_WAL_CORRUPT',
    `'${path}' is damaged at offset ${String(end.offset)} (${end.reason}), and ${follows} shows ` +
      'that it is no torn tail; nothing was changed. Restore the file, or cut it there, keeping ' +
      "a copy of what is cut, with `uring-wal repair` or recovery: 'trim'",
    { path, offset: end.offset },
  );
}
