// What is checked of a segmented log on the disk itself: where records stand, what a power cut would
// leave, and that a recovery kept copies.

import { WalError, type WalRecord } from '../lib/index.js';
import { isDeepStrictEqual } from 'node:util';
import type { SimEnvironment } from './environment.js';
import { type PlainEntry, bufferOf } from './oracle-codec.js';
import { type SegmentImage, filesIn, recordIn, segmentImages } from './wal-images.js';
import { type WalEntryModel, type WalModel, idOf } from './wal-model.js';

export const DIRECTORY = '/wal';

/** Where an append says that its record stands. */
export interface Told {
  readonly sequence: bigint;
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** An entry as the log's reader gave it. */
export interface ReadEntry extends PlainEntry {
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export function plain({ sequence, type, key, value, offset, length, crc }: WalRecord): ReadEntry {
  return { sequence, type, key: key.slice(), value: value.slice(), offset, length, crc };
}

/** An acknowledged record is in its file, where it was said to be; a durable one on the medium. */
export function checkPlace(
  environment: SimEnvironment,
  model: WalModel,
  entries: readonly WalEntryModel[],
  told: Told,
  isDurable: boolean,
): void {
  const { checks, disk } = environment;
  const path = pathOf(told.segment);
  const first = String(entries[0]?.id);
  const isThere = (layer: 'cache' | 'medium'): boolean => {
    const record = recordIn(disk, path, layer, told.offset);
    return (
      record?.length === told.length &&
      record.entries.length === entries.length &&
      record.entries.every((entry, index) => {
        const expected = told.sequence + BigInt(index);
        return entry.sequence === expected && idOf(entry.key) === entries[index]?.id;
      })
    );
  };
  const hasFailed = environment.writebackFailures > model.writebackFailures;
  checks.that(hasFailed || isThere('cache'), 'offsets-exact', () => {
    return `entry ${first} is not at ${String(told.offset)} of '${path}', as its caller was told`;
  });
  if (!isDurable) return;
  const isKept = isThere('medium');
  const broken = hasFailed ? 'no-swallowed-error' : 'durable-survives';
  checks.that(isKept && disk.isPathDurable(path), broken, () => {
    return `entry ${first} was acknowledged as durable, and a power cut now would lose it`;
  });
  checks.that(isKept, 'no-swallowed-error', () => {
    return `entry ${first} was acknowledged as durable, and its write or sync had failed`;
  });
}

/** What the log's own reader gives is what stands in the files, record for record. */
export function checkReading(environment: SimEnvironment, read: readonly ReadEntry[]): void {
  const standing = segmentImages(environment.disk, DIRECTORY, 'cache').flatMap(({ records }) =>
    records.flatMap(({ entries, offset, length, crc }) =>
      entries.map(({ sequence }) => ({ sequence, offset, length, crc })),
    ),
  );
  const { checks } = environment;
  const isSame = read.every(({ sequence, offset, length }, index) => {
    const other = standing[index];
    return other?.sequence === sequence && other.offset === offset && other.length === length;
  });
  checks.that(isSame && read.length === standing.length, 'offsets-exact', () => {
    return `reading gives ${summary(read)}, and in the files stand ${summary(standing)}`;
  });
  checks.that(
    read.every(({ crc }, index) => crc === standing[index]?.crc),
    'crc-exact',
    () => 'a record was read with a CRC that is not the one that its bytes have',
  );
}

/** After an open: what it kept survives a power cut that strikes now. */
export function checkKeptIsDurable(environment: SimEnvironment): void {
  const { checks, disk } = environment;
  const cached = segmentImages(disk, DIRECTORY, 'cache');
  const durable = segmentImages(disk, DIRECTORY, 'medium');
  const isKept = cached.every(({ name, records }) => {
    if (records.length === 0) return true;
    const other = durable.find((image) => image.name === name);
    return isDeepStrictEqual(other?.records, records) && disk.isPathDurable(`${DIRECTORY}/${name}`);
  });
  checks.that(isKept, 'recovery-idempotent', () => {
    return `open returned ${names(cached)}, and a power cut now would leave ${names(durable)}`;
  });
}

/** Copies that a recovery made hold every whole record that it left out. */
export function checkCopies(environment: SimEnvironment, copied: readonly Uint8Array[]): void {
  const copies = filesIn(environment.disk, DIRECTORY, 'medium').filter(({ name }) =>
    name.includes('.discarded-'),
  );
  const lost = copied.filter(
    (record) => !copies.some(({ bytes }) => bytes.includes(bufferOf(record))),
  );
  environment.checks.that(lost.length === 0, 'corruption-reported', () => {
    return `${String(lost.length)} whole records were left out, and no copy of them is durable`;
  });
}

/** Callers get typed errors, and an intact log is never called corrupt. */
export function checkOpenError(environment: SimEnvironment, error: unknown): void {
  const { checks } = environment;
  checks.that(error instanceof WalError, 'everything-settles', () => {
    return `open rejected with what is no WalError: ${String(error)}`;
  });
  const isCorrupt = error instanceof WalError && error.code === 'ERR_WAL_CORRUPT';
  checks.that(!isCorrupt, 'crash-is-not-corruption', () => {
    return `nothing was damaged, and the log was refused: ${String(error)}`;
  });
}

function pathOf(segment: number): string {
  return `${DIRECTORY}/wal_${String(segment).padStart(8, '0')}.log`;
}

function summary(list: readonly { readonly sequence: bigint; readonly offset: number }[]): string {
  const last = list.at(-1);
  const end = last && ` to ${String(last.sequence)} at ${String(last.offset)}`;
  return `${String(list.length)} entries${end ?? ''}`;
}

function names(images: readonly SegmentImage[]): string {
  return images.map(({ name, records }) => `${name} (${String(records.length)})`).join(', ');
}
