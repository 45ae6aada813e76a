// Damage to the middle of a closed segmented log, which its owner must be told of; what must be left
// after he agreed to the loss; and the way back, for which the file is kept outside.

import { IoError, type IoDriver, type IoFile } from '../lib/io/driver.js';
import type { WalActivity } from './activities.js';
import type { SegmentImage } from './wal-images.js';
import { type AgreedLoss, idOf } from './wal-model.js';

/** A file that was damaged, as it was. */
export interface Spoilt {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What is done to a log, and what it costs. */
export interface WalDamage {
  readonly kind: Extract<WalActivity, `damage-${string}`>;
  readonly words: string;
  readonly spoilt: Spoilt;
  /** Index of the segment, and offset of the first record in it that is no longer whole. */
  readonly segment: number;
  readonly offset: number;
  /** The bytes left of the file; undefined: it is removed. */
  readonly left: Uint8Array | undefined;
}

const OPTIONS = { create: 'if-missing', direct: false, mode: 0o600 } as const;
const KINDS = ['damage-cut', 'damage-flip', 'damage-missing'] as const;
/** A record that is cut here has lost its end. */
const HALF_A_HEADER = 12;

/** Draws a damage that whole records follow; undefined where the log has no such place. */
export function drawDamage(
  directory: string,
  images: readonly SegmentImage[],
  pick: (range: number) => number,
): WalDamage | undefined {
  const kind = KINDS[pick(KINDS.length)] ?? 'damage-cut';
  const last = images.findLastIndex(({ records }) => records.length > 0);
  const isFirstSpared = kind === 'damage-missing';
  const segments = images.flatMap(({ records }, index) => {
    const isFit = kind === 'damage-flip' ? records.length > 1 : index < last && records.length > 0;
    return isFit && !(isFirstSpared && index === 0) ? [index] : [];
  });
  const segment = segments[pick(segments.length)];
  const image = segment === undefined ? undefined : images[segment];
  if (segment === undefined || image === undefined) return undefined;
  const path = `${directory}/${image.name}`;
  const spoilt = { path, bytes: new Uint8Array(image.bytes) };
  if (kind === 'damage-missing') {
    const words = `'${path}' is removed`;
    return { kind, words, spoilt, segment, offset: 0, left: undefined };
  }
  const { records } = image;
  if (kind === 'damage-cut') {
    const offset = records.at(-1)?.offset ?? 0;
    const at = offset + (pick(2) === 0 ? 0 : HALF_A_HEADER);
    const words = `'${path}' is cut to ${String(at)} bytes`;
    return { kind, words, spoilt, segment, offset, left: spoilt.bytes.slice(0, at) };
  }
  const record = records[pick(records.length - 1)];
  if (record === undefined) return undefined;
  const left = spoilt.bytes.slice();
  const at = record.offset + pick(record.length);
  left[at] = (left[at] ?? 0) ^ (1 << pick(8));
  const words = `a bit of '${path}' flips at ${String(at)}`;
  return { kind, words, spoilt, segment, offset: record.offset, left };
}

/** What a recovery in this mode has to keep, and what it has to copy. */
export function lossOf(
  mode: AgreedLoss['mode'],
  { kind, segment, offset }: WalDamage,
  images: readonly SegmentImage[],
): AgreedLoss {
  const kept = new Set<number>();
  const copied: Uint8Array[] = [];
  for (const [index, { bytes, records }] of images.entries()) {
    for (const record of records) {
      const isBefore = index < segment || (index === segment && record.offset < offset);
      const isLater = mode === 'salvage' && index > segment;
      if (isBefore || isLater) for (const { key } of record.entries) kept.add(idOf(key));
      // The damaged record, and what was cut off or removed with the file, is nowhere any more.
      const isWhole = index > segment || (kind === 'damage-flip' && record.offset > offset);
      if (isBefore || isLater || !isWhole) continue;
      copied.push(new Uint8Array(bytes.subarray(record.offset, record.offset + record.length)));
    }
  }
  return { mode, kept, copied };
}

/** Does the damage, durably. */
export async function spoil(driver: IoDriver, damage: WalDamage): Promise<void> {
  const { path, bytes } = damage.spoilt;
  const { left } = damage;
  if (left === undefined) {
    await driver.remove(path);
    await driver.syncDirectory(parentOf(path));
  } else {
    await change(driver, path, async (file) => {
      if (left.length < bytes.length) await file.truncate(left.length);
      else await fill(driver, file, left);
    });
  }
}

/** Gives back what was there, durably. */
export async function mend(driver: IoDriver, { path, bytes }: Spoilt): Promise<void> {
  await change(driver, path, (file) => fill(driver, file, bytes));
  await driver.syncDirectory(parentOf(path));
}

async function fill(driver: IoDriver, file: IoFile, bytes: Uint8Array): Promise<void> {
  const memory = driver.memory(bytes.length);
  try {
    memory.bytes.set(bytes);
    for (let done = 0; done < bytes.length;) {
      const count = await file.write(memory, done, bytes.length - done, done, { dsync: false });
      if (count === 0) throw new IoError('EIO', 'write', file.path);
      done += count;
    }
  } finally {
    memory.release();
  }
}

async function change(
  driver: IoDriver,
  path: string,
  work: (file: IoFile) => Promise<void>,
): Promise<void> {
  const file = await driver.open(path, { ...OPTIONS, access: 'write' });
  try {
    await work(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
