// Which driver moves the bytes: the one asked for, or the best that works here.

import { inspect } from 'node:util';

import { WalError } from '../errors.js';
import type { IoDriver } from './driver.js';
import { createThreadpoolDriver } from './threadpool.js';
import { createUringDriver } from './uring.js';

/**
 * `auto` is io_uring where it works and the thread pool elsewhere.
 *
 * @example
 * const driver: DriverChoice = 'threadpool';
 * const writer = await UringWalWriter.open('app.wal', { driver });
 * console.log(writer.driver.name); // → threadpool
 * await writer.close();
 */
export type DriverChoice = 'auto' | 'uring' | 'threadpool' | IoDriver;

const NAMES: readonly unknown[] = ['auto', 'uring', 'threadpool'];

/** What a ring needs to be set up. */
export interface DriverSettings {
  /** Entries of the submission queue, a power of two; by default the driver's own choice. */
  readonly ringSize?: number;
}

/** A driver, and whether whoever asked for it must close it. */
export interface SelectedDriver {
  readonly driver: IoDriver;
  /** False for a driver that the caller brought, which stays the caller's. */
  readonly owned: boolean;
}

/**
 * A driver that works. With `auto`, a refused io_uring is no failure: the reason stands in the
 * driver's `fallbackReason`. With `uring` it throws `WalError` `ERR_WAL_DRIVER`. What is no choice at
 * all is a TypeError.
 */
export function selectDriver(choice: DriverChoice, settings: DriverSettings): SelectedDriver {
  if (isDriver(choice)) return { driver: choice, owned: false };
  if (!NAMES.includes(choice)) {
    const allowed = "'auto', 'uring', 'threadpool' or an IoDriver";
    throw new TypeError(`driver is ${inspect(choice, { depth: 0 })}: ${allowed} is allowed`);
  }
  if (choice === 'threadpool') return { driver: createThreadpoolDriver(), owned: true };
  try {
    return { driver: createUringDriver(settings), owned: true };
  } catch (error) {
    // Misuse is told, whatever the choice; only a refusal is a reason to fall back.
    if (choice === 'uring' || !(error instanceof WalError)) throw error;
    return { driver: createThreadpoolDriver({ fallbackReason: error.message }), owned: true };
  }
}

function isDriver(choice: DriverChoice): choice is IoDriver {
  return typeof choice === 'object' && choice !== null && typeof choice.open === 'function';
}
