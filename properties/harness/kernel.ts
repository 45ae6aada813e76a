// Real files for properties, and which drivers this kernel offers.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { PlacedRecord } from '../../lib/fixtures/independent.js';
import { WalReader } from '../../lib/index.js';
import { selectDriver } from '../../lib/io/select.js';
import { plainOf } from './bytes.js';

export type KernelDriver = 'uring' | 'threadpool';

export const KERNEL_DRIVERS: readonly KernelDriver[] = ['uring', 'threadpool'];

/** Why this kernel has no such driver, or undefined. */
export async function refusal(name: KernelDriver): Promise<string | undefined> {
  try {
    await selectDriver(name, {}).driver.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Calls `use` with a fresh directory, gone afterwards. */
export async function inDirectory<Result>(
  use: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'uring-wal-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a reader finds in a real log. */
export async function readFile(path: string, driver: KernelDriver): Promise<PlacedRecord[]> {
  const reader = await WalReader.open(path, { driver });
  try {
    const records: PlacedRecord[] = [];
    for await (const record of reader) records.push(plainOf(record));
    return records;
  } finally {
    await reader.close();
  }
}
