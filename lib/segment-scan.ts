// Reads one segment and notes what a segmented log must know of it: first and last sequence, the
// points of its index, and whether its sequences follow each other.

import type { IoDriver } from './io/driver.js';
import * as record from './record.js';
import type { RecordRun } from './scan.js';
import { scanFile, sequencesAt } from './scan.js';
import type { Segment } from './segments.js';
import { addPoint } from './segments.js';
import type { WalEnd } from './tail.js';
import { judgeEnd } from './tail.js';
import { FileWindow } from './window.js';

/** A segment that was read. */
export interface ScannedSegment {
  readonly segment: Segment;
  readonly end: WalEnd;
  /** Nothing but zeros, or nothing at all: made ahead and never used. */
  readonly isBlank: boolean;
}

/** Fills a segment in as runs of its records come by. */
export class SegmentScan {
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /** Notes a run. Returns the offset of the first record whose sequence does not follow. */
  add(run: RecordRun): number | undefined {
    const { bytes, table, count, base } = run;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const segment = this.#segment;
    for (let index = 0; index < count; index++) {
      const row = record.TABLE_HEADER + index * record.TABLE_STRIDE;
      const { first, last } = sequencesAt(bytes, view, table, row);
      const offset = base + (table[row] ?? 0);
      if (segment.last !== undefined && first !== segment.last + 1n) return offset;
      segment.first ??= first;
      segment.last = last;
      segment.bytes = offset + (table[row + 1] ?? 0);
      addPoint(segment.index, first, offset);
    }
    return undefined;
  }
}

/** Reads a segment from where it is known on, past the page cache; `onBytes` hears of progress. */
export async function scanSegment(
  driver: IoDriver,
  segment: Segment,
  onBytes: (bytes: number) => void,
): Promise<ScannedSegment> {
  const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
  const file = await driver.open(segment.path, options);
  try {
    await file.dropCache();
    const size = await file.size();
    const window = new FileWindow(driver, file, { size, pastCache: true, readsAhead: true });
    try {
      const scan = new SegmentScan(segment);
      const from = segment.bytes;
      const runs = scanFile(window, from);
      let seen = from;
      for (;;) {
        const next = await runs.next();
        const outOfOrder = next.done === true ? undefined : scan.add(next.value);
        onBytes(segment.bytes - seen);
        seen = segment.bytes;
        if (outOfOrder === undefined && next.done !== true) continue;
        const stop =
          next.done === true
            ? next.value
            : { offset: segment.bytes, reason: record.STOP.BAD_SEQUENCE };
        const end = await judgeEnd(window, stop.offset, stop.reason);
        return { segment, end, isBlank: segment.last === undefined && end.kind === 'clean' };
      }
    } finally {
      window.release();
    }
  } finally {
    await file.close();
  }
}
