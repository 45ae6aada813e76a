// What most tests of a segmented log begin with: a log, a driver that fails when told to, and a log
// of several segments. Each is closed when its test ends.

import { onTestFinished } from 'vitest';

import type { WalOptions } from '../wal-options.js';
import { Wal } from '../wal.js';
import type { DriverName } from './drivers.js';
import { newDriver } from './drivers.js';
import { FaultyDriver } from './faulty-driver.js';
import { freshDirectory } from './logs.js';
import { puts } from './wals.js';

/** Opens a log, in a fresh directory unless it is told another one. */
export type WalOpener = (directory?: string, options?: WalOptions) => Promise<Wal>;

/** An opener whose logs have these options, where they are not given others. */
export function walOpener(defaults: WalOptions): WalOpener {
  return async (directory = freshDirectory(), options = {}) => {
    const wal = await Wal.open(directory, { ...defaults, ...options });
    onTestFinished(() => wal.close().catch(() => undefined));
    return wal;
  };
}

/** A driver of this name whose operations a test can make fail. */
export function newFaultyDriver(name: DriverName): FaultyDriver {
  const driver = new FaultyDriver(newDriver(name));
  onTestFinished(() => driver.close());
  return driver;
}

/** Entries 1 … 35: seven in each of segments 1 … 5, where a segment has 4 KiB. */
export async function fillFiveSegments(wal: Wal): Promise<void> {
  await wal.appendMany(puts(35, 1, 500));
}

/** Directory of a closed log of them, all known to its manifest. */
export async function fiveSegments(driver: DriverName): Promise<string> {
  const directory = freshDirectory();
  const wal = await Wal.open(directory, { driver, maxFileSize: 4096 });
  await fillFiveSegments(wal);
  await wal.close();
  return directory;
}
