// What a segmented log knows for certain of its own files, so that opening it need not read them
// again: `wal_manifest`, replaced as a whole (written beside, synced, renamed, directory synced), or
// grown by a line (manifest-text.ts), so that going over to the next of many segments costs no more
// than to the next of few.
//
// It may say less than there is, never more: a segment is named only once all of it is durable, and
// what it says stays true, for segments only grow, and are cut or removed only after the manifest,
// replaced as a whole, forgot them. So after any crash recovery begins where the manifest ends.
// Without it (or when its checksum is wrong) everything is read. When no segment holds a record, it
// alone knows the next sequence.

import { join } from 'node:path';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { ManifestChange } from './manifest-text.js';
import { changeText, manifestText, parseManifest } from './manifest-text.js';
import type { Gap, Segment } from './segments.js';
import { certainPart, gapsIn, isSegmentName } from './segments.js';
import { writeFully, writeJob } from './write-fully.js';

export const MANIFEST_NAME = 'wal_manifest';
/** A larger file is none of ours, in bytes. */
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;

/** A file of this name is part of a log: a segment, or the manifest. */
export function isLogName(name: string): boolean {
  return name === MANIFEST_NAME || isSegmentName(name);
}

/** The certain part of a log. */
export interface Manifest {
  /** Lowest segment that belongs to the log; those below were removed by a checkpoint. */
  readonly firstNumber: number;
  /** The sequence that came next; 0 when there was no entry yet. */
  readonly nextSequence: bigint;
  /** Whole files, ascending. */
  readonly sealed: readonly Segment[];
  /** The file after them, as far as it was durable. */
  readonly active: Segment | undefined;
  /** What a salvage could not keep, and the log's owner has accepted: damage everywhere else. */
  readonly gaps: readonly Gap[];
}

/** The segments that a manifest knows. */
export function knownSegments(manifest: Manifest | undefined): readonly Segment[] {
  if (manifest === undefined) return [];
  const { sealed, active } = manifest;
  return active === undefined ? sealed : [...sealed, active];
}

/** Whether it is accepted that a segment starts with `first`, though the one before ends with `last`. */
export function isKnownGap(manifest: Manifest | undefined, last: bigint, first: bigint): boolean {
  const gaps = manifest?.gaps ?? [];
  return gaps.some(({ sequences }) => sequences[0] === last && sequences[1] === first);
}

/** A cut that is about to begin: everything behind `end` of `segment` goes. */
export interface PlannedCut {
  readonly segment: Segment;
  readonly end: number;
  readonly lastSequence: bigint;
}

/** What may be said of these segments, the last of which is active; no more than `cut` leaves. */
export function certainManifest(
  segments: readonly Segment[],
  lastSequence: bigint | undefined,
  cut: PlannedCut | undefined,
): Manifest {
  const active = cut?.segment ?? segments.at(-1);
  const last = cut === undefined ? lastSequence : cut.lastSequence;
  return {
    firstNumber: segments[0]?.number ?? 0,
    nextSequence: last === undefined ? 0n : last + 1n,
    sealed: segments.slice(0, active === undefined ? 0 : segments.indexOf(active)),
    active:
      active && certainPart(active, cut?.end ?? active.bytes, cut?.lastSequence ?? active.last),
    // Also those behind a cut: should it fail half-way, they may still be there.
    gaps: gapsIn(segments),
  };
}

/** What stands where the manifest should be; `bad` is one that cannot be read or believed. */
export type ManifestReading =
  | { readonly kind: 'good'; readonly manifest: Manifest }
  | { readonly kind: 'missing' }
  | { readonly kind: 'bad' };

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
    const manifest = text === undefined ? undefined : parseManifest(directory, text);
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

/** A manifest on disk, as far as it was written. */
export interface StandingManifest {
  /** Size of the file, in bytes. */
  readonly end: number;
  /** Lines in it: one, and one for each change since. */
  readonly lines: number;
}

/**
 * Replaces the manifest; durable once the directory is synced, which is the caller's to do. Rejects
 * with the IoError that stopped it; the old one stands then.
 */
export async function writeManifest(
  driver: IoDriver,
  directory: string,
  manifest: Manifest,
): Promise<StandingManifest> {
  const path = join(directory, MANIFEST_NAME);
  const draft = `${path}.draft`;
  await remove(driver, draft);
  const bytes = manifestText(manifest);
  await writeDurably(driver, draft, 'exclusive', bytes, 0);
  await driver.rename(draft, path);
  return { end: bytes.length, lines: 1 };
}

/**
 * Adds a line to the manifest, durably. Rejects with the IoError that stopped it: then nobody knows
 * what stands behind `standing.end`, and the manifest must be replaced before it grows again.
 */
export async function growManifest(
  driver: IoDriver,
  directory: string,
  standing: StandingManifest,
  change: ManifestChange,
): Promise<StandingManifest> {
  const { end, lines } = standing;
  const bytes = changeText(change, lines);
  await writeDurably(driver, join(directory, MANIFEST_NAME), 'never', bytes, end);
  return { end: end + bytes.length, lines: lines + 1 };
}

/** Removes the manifest, where there is one; durable once the directory is synced. */
export function removeManifest(driver: IoDriver, directory: string): Promise<void> {
  return removeFile(driver, join(directory, MANIFEST_NAME));
}

/** Removes a file of the log; it may be gone already. Durable once the directory is synced. */
export async function removeFile(driver: IoDriver, path: string): Promise<void> {
  try {
    await driver.remove(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

async function writeDurably(
  driver: IoDriver,
  path: string,
  create: 'exclusive' | 'never',
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  const file = await driver.open(path, { access: 'write', create, direct: false, mode: 0o600 });
  try {
    const memory = driver.memory(bytes.length);
    try {
      memory.bytes.set(bytes);
      await writeFully(file, writeJob(memory, 0, bytes.length, position));
    } finally {
      memory.release();
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function remove(driver: IoDriver, path: string): Promise<void> {
  try {
    await driver.remove(path);
  } catch {
    // It was not there, or the exclusive create that follows tells why it cannot go.
  }
}
