// Reads the log through the production reader, while the writer may be at work, and compares.

import { WalReader, type WalRecord } from '../lib/index.js';
import type { SimDriver } from './driver.js';
import type { SimEnvironment } from './environment.js';
import { type ModelEntry, describe } from './model.js';
import { encodeEntry } from './oracle-codec.js';
import type { Oracle } from './oracle.js';

/** What one pass of the reader gave. */
export interface ReadBack {
  readonly startedAt: number;
  readonly records: WalRecord[];
  reader: WalReader | undefined;
}

export async function readLog(path: string, driver: SimDriver, into: ReadBack): Promise<undefined> {
  const reader = await WalReader.open(path, { driver });
  into.reader = reader;
  try {
    for await (const record of reader) into.records.push(record);
  } finally {
    await reader.close();
  }
  return undefined;
}

/** Every record is what was submitted, where it was acknowledged; none of `known` is missing. */
export function checkReadBack(
  environment: SimEnvironment,
  oracle: Oracle,
  readBack: ReadBack,
  known: readonly ModelEntry[],
): void {
  const { checks } = environment;
  const seen = new Set<ModelEntry>();
  for (const record of readBack.records) {
    const { sequence, type, key, value } = record;
    if (oracle.damage.isExposed(sequence)) continue;
    const bytes = encodeEntry({ sequence, type, key, value });
    const entry = oracle.model.bySequence(sequence);
    const same = entry?.bytes.equals(bytes) === true;
    checks.that(same && entry.state !== 'refused', 'nothing-invented', () => {
      return `the reader returned a record at ${String(record.offset)} that was never submitted`;
    });
    if (entry === undefined) continue;
    seen.add(entry);
    checks.that(record.crc === bytes.readUInt32LE(bytes.length - 4), 'crc-exact', () => {
      return `the reader returned another checksum for ${describe(entry)}`;
    });
    // A misplaced entry can be there twice.
    const isFree = entry.offset < 0 || oracle.damage.isMisplaced(entry);
    const isThere = isFree || entry.offset === record.offset;
    checks.that(isThere && record.length === bytes.length, 'offsets-exact', () => {
      return `the reader found ${describe(entry)} at ${String(record.offset)}`;
    });
  }
  for (const entry of known) {
    const isFound = entry.state === 'gone' || seen.has(entry) || oracle.hasWritebackFailed;
    checks.that(isFound, 'order-without-gaps', () => {
      return `${describe(entry)} was acknowledged, but the reader does not find it`;
    });
  }
}
