// Builds log files of a given size for the replay and recover workloads, record by record with the
// hand-made encoder: the same bytes that uring-wal writes.

import * as fs from 'node:fs';
import { encodePut, recordBytes } from './record.js';

const CHUNK_BYTES = 4 << 20;

/** Key and value sizes of the records to write. */
export interface RecordShape {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** How many records of this shape fit into so many bytes. */
export function recordsIn(bytes: number, shape: RecordShape): number {
  return Math.floor(bytes / recordBytes(shape.keyBytes, shape.valueBytes));
}

/** A key and a value of the given sizes, the same on every run, not all zero. */
export function payload(shape: RecordShape): { key: Uint8Array; value: Uint8Array } {
  const fill = (length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, index) => 33 + ((index * 7) % 90));
  return { key: fill(shape.keyBytes), value: fill(shape.valueBytes) };
}

/** Writes `records` puts, sequences from 1, to a new file at `path`, and syncs it. */
export function buildLog(path: string, shape: RecordShape, records: number): void {
  const { key, value } = payload(shape);
  const length = recordBytes(shape.keyBytes, shape.valueBytes);
  const bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES + length);
  const view = new DataView(bytes.buffer);
  const fd = fs.openSync(path, 'wx', 0o600);
  let used = 0;
  for (let sequence = 1; sequence <= records; sequence++) {
    used = encodePut(bytes, view, used, sequence, key, value);
    if (used >= CHUNK_BYTES || sequence === records) {
      fs.writeSync(fd, bytes, 0, used);
      used = 0;
    }
  }
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

/** Pages this process dirtied and blocks it wrote past the cache, in bytes, as the kernel counts. */
export function diskBytesOfProcess(): number {
  const match = /^write_bytes: (\d+)$/m.exec(fs.readFileSync('/proc/self/io', 'utf8'));
  return match === null ? Number.NaN : Number(match[1]);
}
