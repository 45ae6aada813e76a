// Finding places in sealed and active segments for the two truncations.

import { WalError } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import * as record from './record.js';
import type { RecordRun } from './scan.js';
import { scanFile, sequencesAt } from './scan.js';
import { scanSegment } from './segment-scan.js';
import type { Segment } from './segments.js';
import { newSegment, seek } from './segments.js';
import type { WalFiles } from './wal-files.js';
import { toReadError } from './wal-read.js';
import { FileWindow } from './window.js';

/** A place between two records. */
export interface Cut {
  readonly segment: Segment;
  readonly offset: number;
}

/**
 * The place behind the record with this sequence, which is not the last. Throws RangeError when it
 * is no longer in the log or inside an atomic batch; rejects with `ERR_WAL_CORRUPT` when the way
 * there cannot be read.
 */
export async function findCut(
  driver: IoDriver,
  files: WalFiles,
  directory: string,
  sequence: bigint,
): Promise<Cut> {
  const { segments, active } = files;
  const next = sequence + 1n;
  const segment = segments.find((each) => each === active || (each.last ?? -1n) >= next);
  const first = segments.find((each) => each.first !== undefined)?.first;
  if (segment === undefined || first === undefined || next < first) {
    const oldest = first === undefined ? 'nothing' : String(first);
    throw new RangeError(`sequence ${String(sequence)}: '${directory}' starts at ${oldest}`);
  }
  const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
  try {
    const file = await driver.open(segment.path, options);
    try {
      return { segment, offset: await findIn(driver, file, files, segment, next) };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw toReadError(error, segment.path, next);
  }
}

async function findIn(
  driver: IoDriver,
  file: IoFile,
  files: WalFiles,
  segment: Segment,
  sequence: bigint,
): Promise<number> {
  const size = files.writtenBytes(segment);
  const window = new FileWindow(driver, file, { size, pastCache: false });
  try {
    const runs = scanFile(window, seek(segment.index, sequence));
    for (let run = await runs.next(); run.done !== true; run = await runs.next()) {
      const offset = offsetIn(run.value, sequence);
      if (offset !== undefined) return offset;
    }
  } finally {
    window.release();
  }
  throw new WalError(
    'ERR_WAL_CORRUPT',
    `sequence ${String(sequence)} is not in '${segment.path}'`,
    {
      path: segment.path,
      sequence,
    },
  );
}

/** Offset of the record that starts with this sequence; undefined when the run has none. */
function offsetIn(run: RecordRun, sequence: bigint): number | undefined {
  const { bytes, table, count, base } = run;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index++) {
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const { first, last } = sequencesAt(bytes, view, table, row);
    // Behind a gap that a salvage left, the log goes on with a later one.
    if (first >= sequence) return base + (table[row] ?? 0);
    if (sequence <= last) {
      throw new RangeError(`sequence ${String(sequence - 1n)} is inside an atomic batch`);
    }
  }
  return undefined;
}

/**
 * Why this sealed segment must not be removed: it cannot be read, or is not what it was. Undefined
 * when all of it is whole. Removal is for ever, so all of it is read.
 */
export async function segmentHolds(
  driver: IoDriver,
  directory: string,
  segment: Segment,
): Promise<string | undefined> {
  const found = newSegment(directory, segment.number);
  try {
    const { end } = await scanSegment(driver, found, () => undefined);
    if (end.size !== segment.bytes) return `'${segment.path}' has not the size it was sealed with`;
    if (found.bytes === segment.bytes && found.last === segment.last) return undefined;
    return `'${segment.path}' is damaged at offset ${String(end.offset)} (${end.reason})`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `'${segment.path}' cannot be read: ${why}`;
  }
}
