// What a segmented log knows for certain of its own files, so that opening it need not read them
// again: `wal_manifest`, replaced as a whole (written beside, synced, renamed, directory synced).
//
// It may say less than there is, never more: a segment is named only once all of it is durable, and
// what it says stays true, for segments only grow, and are cut or removed only after the manifest
// forgot them. So after any crash recovery begins where the manifest ends. Without it (or when its
// checksum is wrong) everything is read. When no segment holds a record, it alone knows the next
// sequence.

import { join } from 'node:path';
import { crc32 } from './checksum.js';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { Segment, SequencePoint } from './segments.js';
import { newSegment } from './segments.js';
import { writeFully, writeJob } from './write-fully.js';

export const MANIFEST_NAME = 'wal_manifest';
const VERSION = 1;
/** A larger file is none of ours, in bytes. */
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;

/** The certain part of a log. */
export interface Manifest {
  /** Lowest segment that belongs to the log; those below were removed by a checkpoint. */
  readonly firstNumber: number;
  /** The sequence that came next; 0 when there was no entry yet. */
  readonly nextSequence: bigint;
  /** Whole files, ascending; gaps in numbers and sequences are what a salvage could not keep. */
  readonly sealed: readonly Segment[];
  /** The file after them, as far as it was durable. */
  readonly active: Segment | undefined;
}

/** What stands where the manifest should be; `bad` is one that cannot be read or believed. */
export type ManifestReading =
  | { readonly kind: 'good'; readonly manifest: Manifest }
  | { readonly kind: 'missing' }
  | { readonly kind: 'bad' };

interface SegmentJson {
  number: number;
  bytes: number;
  first?: string;
  last?: string;
  index: [string, number][];
}

/**
 * Reads the manifest; without a good one, everything is read. Rejects with `ERR_WAL_READ` when it is
 * there and cannot be read: what it says is not known to be lost.
 */
export async function readManifest(driver: IoDriver, directory: string): Promise<ManifestReading> {
  let file: IoFile;
  try {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    file = await driver.open(join(directory, MANIFEST_NAME), options);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { kind: 'missing' };
    throw unreadable(directory, error);
  }
  let text: string | undefined;
  try {
    text = await readText(driver, file);
  } catch (error) {
    throw unreadable(directory, error);
  } finally {
    await file.close().catch(() => undefined);
  }
  try {
    const manifest = text === undefined ? undefined : parse(directory, text);
    return manifest === undefined ? { kind: 'bad' } : { kind: 'good', manifest };
  } catch {
    // The checksum was right, but not what it covers: none of ours.
    return { kind: 'bad' };
  }
}

function unreadable(directory: string, cause: unknown): WalError {
  const path = join(directory, MANIFEST_NAME);
  const why = cause instanceof Error ? cause.message : String(cause);
  const message =
    `cannot read the manifest '${path}': ${why}. Open again once the cause is gone; with the file ` +
    'moved away, every segment is read instead';
  return new WalError('ERR_WAL_READ', message, { path, cause });
}

async function readText(driver: IoDriver, file: IoFile): Promise<string | undefined> {
  const size = await file.size();
  if (size === 0 || size > MANIFEST_BYTES_MAX) return undefined;
  const memory = driver.memory(size);
  try {
    let done = 0;
    while (done < size) {
      const count = await file.read(memory, done, size - done, done);
      if (count === 0) return undefined;
      done += count;
    }
    return new TextDecoder().decode(memory.bytes.slice(0, size));
  } finally {
    memory.release();
  }
}

/**
 * Replaces the manifest; durable once the directory is synced, which is the caller's to do. Rejects
 * with the IoError that stopped it; the old one stands then.
 */
export async function writeManifest(
  driver: IoDriver,
  directory: string,
  manifest: Manifest,
): Promise<void> {
  const body = JSON.stringify({
    version: VERSION,
    firstNumber: manifest.firstNumber,
    nextSequence: String(manifest.nextSequence),
    sealed: manifest.sealed.map(toJson),
    active: manifest.active === undefined ? null : toJson(manifest.active),
  });
  const bytes = new TextEncoder().encode(body);
  const text = `${crc32(bytes).toString(16).padStart(8, '0')} ${body}\n`;
  const path = join(directory, MANIFEST_NAME);
  const draft = `${path}.draft`;
  await remove(driver, draft);
  const options = { access: 'write', create: 'exclusive', direct: false, mode: 0o600 } as const;
  const file = await driver.open(draft, options);
  try {
    await writeText(driver, file, new TextEncoder().encode(text));
    await file.sync();
  } finally {
    await file.close();
  }
  await driver.rename(draft, path);
}

/** Removes the manifest, where there is one; durable once the directory is synced. */
export async function removeManifest(driver: IoDriver, directory: string): Promise<void> {
  try {
    await driver.remove(join(directory, MANIFEST_NAME));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function writeText(driver: IoDriver, file: IoFile, bytes: Uint8Array): Promise<void> {
  const memory = driver.memory(bytes.length);
  try {
    memory.bytes.set(bytes);
    await writeFully(file, writeJob(memory, 0, bytes.length, 0));
  } finally {
    memory.release();
  }
}

async function remove(driver: IoDriver, path: string): Promise<void> {
  try {
    await driver.remove(path);
  } catch {
    // It was not there, or the exclusive create that follows tells why it cannot go.
  }
}

function toJson(segment: Segment): SegmentJson {
  const { number, bytes, first, last, index } = segment;
  return {
    number,
    bytes,
    ...(first === undefined ? {} : { first: String(first) }),
    ...(last === undefined ? {} : { last: String(last) }),
    index: index.map(({ sequence, offset }): [string, number] => [String(sequence), offset]),
  };
}

function parse(directory: string, text: string): Manifest | undefined {
  const match = /^([0-9a-f]{8}) (.*)\n$/.exec(text);
  const [, crc, body] = match ?? [];
  if (crc === undefined || body === undefined) return undefined;
  if (crc32(new TextEncoder().encode(body)) !== parseInt(crc, 16)) return undefined;
  // The checksum was right, so this is what writeManifest wrote; the version is what can differ.
  const json = JSON.parse(body) as {
    version: number;
    firstNumber: number;
    nextSequence: string;
    sealed: SegmentJson[];
    active: SegmentJson | null;
  };
  if (json.version !== VERSION) return undefined;
  return {
    firstNumber: json.firstNumber,
    nextSequence: BigInt(json.nextSequence),
    sealed: json.sealed.map((segment) => fromJson(directory, segment)),
    active: json.active === null ? undefined : fromJson(directory, json.active),
  };
}

function fromJson(directory: string, json: SegmentJson): Segment {
  const segment = newSegment(directory, json.number);
  segment.bytes = json.bytes;
  segment.first = json.first === undefined ? undefined : BigInt(json.first);
  segment.last = json.last === undefined ? undefined : BigInt(json.last);
  for (const [sequence, offset] of json.index) {
    const point: SequencePoint = { sequence: BigInt(sequence), offset };
    segment.index.push(point);
  }
  return segment;
}
