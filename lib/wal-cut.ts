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

/** A cut that could not begin: the log is as it was. */
export class IntactError extends Error {
  override readonly name = 'IntactError';

  constructor(cause: unknown) {
    super('nothing was changed', { cause });
  }
}

/**
 * The place behind the record with this sequence, which is not the last. Throws RangeError when it
 * is not in the log (any more) or inside an atomic batch; rejects with `ERR_WAL_CORRUPT` when the way
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
  const place = segments.findIndex((each) => each === active || (each.last ?? -1n) >= next);
  const segment = segments[place];
  const first = segments.find((each) => each.first !== undefined)?.first;
  if (segment === undefined || first === undefined || next < first) {
    const oldest = first === undefined ? 'nothing' : String(first);
    throw new RangeError(`sequence ${String(sequence)}: '${directory}' starts at ${oldest}`);
  }
  const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
  try {
    const file = await driver.open(segment.path, options);
    try {
      const { offset, before } = await findIn(driver, file, files, segment, next);
      const last =
        before ?? segments.slice(0, place).findLast((each) => each.last !== undefined)?.last;
      if (last !== undefined && last !== sequence) {
        throw new RangeError(
          `sequence ${String(sequence)} was lost: the last one before it is ${String(last)}`,
        );
      }
      return { segment, offset };
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
): Promise<Place> {
  const size = files.writtenBytes(segment);
  const window = new FileWindow(driver, file, { size, pastCache: false });
  try {
    // From a record that is not behind the cut, so that the one before it is seen.
    const runs = scanFile(window, seek(segment.index, sequence - 1n));
    let before: bigint | undefined;
    for (let run = await runs.next(); run.done !== true; run = await runs.next()) {
      const place = placeIn(run.value, sequence, before);
      if (place.offset !== undefined) return { offset: place.offset, before: place.before };
      ({ before } = place);
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

/** The record that starts with this sequence or, behind a gap, a later one. */
interface Place {
  readonly offset: number;
  /** Last sequence of the record before it, as far as that was seen. */
  readonly before: bigint | undefined;
}

/** The place in a run; without an offset when the run has none. */
function placeIn(
  run: RecordRun,
  sequence: bigint,
  beforeRun: bigint | undefined,
): { offset?: number; before: bigint | undefined } {
  let before = beforeRun;
  const { bytes, table, count, base } = run;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index++) {
    const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
    const { first, last } = sequencesAt(bytes, view, table, row);
    if (first >= sequence) return { offset: base + (table[row] ?? 0), before };
    if (sequence <= last) {
      throw new RangeError(`sequence ${String(sequence - 1n)} is inside an atomic batch`);
    }
    before = last;
  }
  return { before };
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
