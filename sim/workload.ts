// What the callers of a world do, and how often: drawn once a world.

import type { UringWalOptions } from '../lib/options.js';

export const LOG_PATH = '/log';

/** What the callers of a world do, and how often. */
export interface Workload {
  readonly options: UringWalOptions;
  /** Weight of each of {@link ACTIONS}. */
  readonly weights: readonly number[];
  /** Actions in one life at most. */
  readonly actionsMax: number;
  /** How many appends of a burst ask for durability, of 256. */
  readonly burstSync: number;
  /** Logs grow beyond the point where space is zeroed ahead. */
  readonly huge: boolean;
}

export const ACTIONS = [
  'stop',
  'append',
  'append-sync',
  'burst',
  'flush',
  'append-abortable',
  'abort',
  'read',
  'idle',
  'close',
] as const;
