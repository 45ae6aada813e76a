// Worlds of the segmented log, which is tested as an application's workload is.

import { FAIR_FAULTS, runUserWorld } from './user-world.js';
import { walWorkload } from './wal-workload.js';
import type { RunWorld } from './world.js';

/** Runs one world of the segmented log. */
export const runWalWorld: RunWorld = (choices, limits = {}, options = {}) =>
  runUserWorld(walWorkload, choices, { ...limits, faults: limits.faults ?? FAIR_FAULTS }, options);
