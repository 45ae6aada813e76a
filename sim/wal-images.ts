// The segments of a log as they stand on the simulated disk, read by the oracle's own codec: past
// every line of lib/, in the page cache or on the medium.

import type { SimDisk } from './disk.js';
import { SimDirectory } from './disk-directory.js';
import { SimInode } from './disk-file.js';
import { type PlainEntry, bufferOf, decodeEntriesAt, recordLengthAt } from './oracle-codec.js';

/** A whole record, and the entries that stand in it. */
export interface ImageRecord {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
  readonly entries: readonly PlainEntry[];
}

/** One file of the log. */
export interface SegmentImage {
  readonly name: string;
  readonly bytes: Buffer;
  /** From the front, as far as there are whole ones. */
  readonly records: readonly ImageRecord[];
}

type Layer = 'cache' | 'medium';

const SEGMENT = /^wal_\d{8,}\.log$/;

/** The segments of a directory, in order. */
export function segmentImages(disk: SimDisk, directory: string, layer: Layer): SegmentImage[] {
  return filesIn(disk, directory, layer)
    .filter(({ name }) => SEGMENT.test(name))
    .map(({ name, bytes }) => ({ name, bytes, records: recordsOf(bytes) }));
}

/** Every file of a directory by name, as a layer has it. */
export function filesIn(
  disk: SimDisk,
  path: string,
  layer: Layer,
): { readonly name: string; readonly bytes: Buffer }[] {
  const directory = disk.find(path);
  if (!(directory instanceof SimDirectory)) return [];
  const entries = layer === 'cache' ? directory.entries : directory.medium;
  const files: { name: string; bytes: Buffer }[] = [];
  for (const [name, inode] of entries) {
    if (!(inode instanceof SimInode)) continue;
    const size = layer === 'cache' ? inode.size : inode.mediumSize;
    files.push({ name, bytes: bufferOf(inode[layer].subarray(0, size)) });
  }
  return files.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** The record at an offset of a segment, as a layer has it. */
export function recordIn(
  disk: SimDisk,
  path: string,
  layer: Layer,
  offset: number,
): ImageRecord | undefined {
  const inode = disk.file(path);
  if (inode === undefined) return undefined;
  const size = layer === 'cache' ? inode.size : inode.mediumSize;
  return recordAt(bufferOf(inode[layer].subarray(0, size)), offset);
}

function recordsOf(bytes: Buffer): ImageRecord[] {
  const records: ImageRecord[] = [];
  let end = 0;
  for (let record = recordAt(bytes, 0); record !== undefined; record = recordAt(bytes, end)) {
    records.push(record);
    end += record.length;
  }
  return records;
}

/** The whole record at an offset, if one stands there. */
export function recordAt(bytes: Buffer, offset: number): ImageRecord | undefined {
  const length = recordLengthAt(bytes, offset, bytes.length);
  if (length === 0) return undefined;
  const crc = bytes.readUInt32LE(offset + length - 4);
  return { offset, length, crc, entries: decodeEntriesAt(bytes, offset, length) };
}
