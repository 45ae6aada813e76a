// Finding places in sealed and active segments for the two truncations.

import type { CommitPipeline } from './commit.js';
import { WalError } from './errors.js';
import type { IoDriver } from './io/driver.js';
import * as record from './record.js';
import { scanFile, sequencesAt } from './scan.js';
import type { Segment } from './segments.js';
import { seek } from './segments.js';
import type { WalFiles } from './wal-files.js';
import { FileWindow } from './window.js';

/** A place between two records. */
export interface Cut {
  readonly segment: Segment;
  readonly offset: number;
}

const READ = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;

/**
 * The place behind the record with this sequence. Throws RangeError when it is no longer in the log
 * or inside an atomic batch; rejects with `ERR_WAL_CORRUPT` when the way there cannot be read.
 */
export async function readIndexTo(
  driver: IoDriver,
  files: WalFiles,
  pipeline: CommitPipeline,
  sequence: bigint,
): Promise<Cut> {
  const { segments, active } = files;
  const next = sequence + 1n;
  const segment = segments.find((each) => each === active || (each.last ?? -1n) >= next);
  const first = segments[0]?.first;
  if (segment === undefined || first === undefined || next < first) {
    const oldest = first === undefined ? 'nothing' : String(first);
    throw new RangeError(`sequence ${String(sequence)}: the log starts at ${oldest}`);
  }
  const file = await driver.open(segment.path, READ);
  const size = segment === active ? pipeline.end : segment.bytes;
  const window = new FileWindow(driver, file, { size, pastCache: false });
  try {
    const runs = scanFile(window, seek(segment.index, next));
    for (let run = await runs.next(); run.done !== true; run = await runs.next()) {
      const { bytes, table, count, base } = run.value;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let index = 0; index < count; index++) {
        const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
        const { first: start, last } = sequencesAt(bytes, view, table, row);
        if (start === next) return { segment, offset: base + (table[row] ?? 0) };
        if (start < next && next <= last) {
          throw new RangeError(`sequence ${String(sequence)} is inside an atomic batch`);
        }
      }
    }
    throw new WalError('ERR_WAL_CORRUPT', `sequence ${String(next)} is not in '${segment.path}'`, {
      path: segment.path,
      sequence: next,
    });
  } finally {
    window.release();
    await file.close();
  }
}

/** Why this sealed segment must not be removed: it is not what it was. Undefined when it is. */
export async function segmentHolds(
  driver: IoDriver,
  segment: Segment,
): Promise<string | undefined> {
  try {
    const file = await driver.open(segment.path, READ);
    try {
      const size = await file.size();
      if (size !== segment.bytes) return `'${segment.path}' has not the size it was sealed with`;
      const window = new FileWindow(driver, file, { size, pastCache: false });
      try {
        const run = await scanFile(window, 0).next();
        return run.done === true ? `'${segment.path}' does not start with a record` : undefined;
      } finally {
        window.release();
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `'${segment.path}' cannot be read: ${why}`;
  }
}
