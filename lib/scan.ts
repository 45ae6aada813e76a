// Walks a file record by record, a window at a time, and stops at the first bytes that are no
// valid record. What that stop means is decided in tail.ts.

import * as record from './record.js';
import type { FileWindow } from './window.js';

/** How many records one run holds at most. */
const RUN_RECORDS_MAX = 16384;

/**
 * Valid records that stand together in memory; see `scanRecords` for the table. It is a view,
 * good until the next one is asked for.
 */
export interface RecordRun {
  readonly bytes: Uint8Array;
  readonly table: Uint32Array;
  readonly count: number;
  /** File offset of `bytes[0]`. */
  readonly base: number;
}

/** Where the walk ended: `offset` is the end of the last valid record, `reason` one of STOP. */
export interface ScanStop {
  readonly offset: number;
  readonly reason: number;
}

/** Yields the valid records from `from` on in runs; returns where and why they end. */
export async function* scanFile(
  window: FileWindow,
  from: number,
): AsyncGenerator<RecordRun, ScanStop, void> {
  const { size } = window;
  const rows = Math.min(RUN_RECORDS_MAX, Math.ceil(size / record.RECORD_BYTES_MIN) + 1);
  const table = new Uint32Array(record.TABLE_HEADER + record.TABLE_STRIDE * rows);
  let offset = from;
  let wanted = record.RECORD_BYTES_MIN;
  while (offset < size) {
    const index = await window.load(offset, wanted);
    const count = record.scanRecords(window.bytes, index, window.filled, table);
    const stopIndex = table[1] ?? index;
    const reason = table[2] ?? record.STOP.END;
    offset = window.position + stopIndex;
    if (count > 0) yield { bytes: window.bytes, table, count, base: window.position };
    wanted = record.RECORD_BYTES_MIN;
    if (reason === record.STOP.NEED_MORE) {
      wanted = wantedBytes(window.bytes, stopIndex, window.filled);
      if (offset + wanted > size) return { offset, reason };
    } else if (reason > record.STOP.NEED_MORE) {
      return { offset, reason };
    }
  }
  return { offset, reason: record.STOP.END };
}

/** How many bytes from `at` on the scan must see to judge the record there. */
function wantedBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < record.AT_KEY) return record.RECORD_BYTES_MIN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return record.LENGTH_FIELD + view.getUint32(at, true);
}
