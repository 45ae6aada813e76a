// The options of the writer in a world: small limits far more often than large ones, so that every
// limit is hit by a handful of appends.

import type { UringWalOptions } from '../lib/options.js';
import { type Choices, LANE } from './choices.js';

const BATCH_BYTES = [4096, 64, 300, 1024, 8192, 65536];
const BATCH_WEIGHTS = [1, 1, 1, 1, 1, 1];
/** Batches of several sectors, through the cache: a fault has more to strike in. */
const FOCUS_BATCH_WEIGHTS = [4, 1, 1, 4, 4, 2];
const DIRECT_WORLDS = 100;
const FOCUS_DIRECT_WORLDS = 60;
const RING_SIZES = [8, 1, 2, 128];
const CAPACITIES = [1024, 1, 2, 5, 32];
const QUEUE_BYTES = [1 << 20, 64, 400, 4096];
const WAITERS = [1 << 16, 0, 1, 3];
const AHEAD_BYTES = [0, 4096, 16384, 1 << 16];

/** Draws the options of one world; the first of each list is the mildest. */
export function drawWriterOptions(
  choices: Choices,
  { huge, focused }: { readonly huge: boolean; readonly focused: boolean },
): UringWalOptions {
  if (huge) return drawHugeOptions(choices);
  const pick = (list: readonly number[]): number =>
    list[choices.below(LANE.config, list.length)] ?? 0;
  const batchWeights = focused ? FOCUS_BATCH_WEIGHTS : BATCH_WEIGHTS;
  return {
    batchSize: BATCH_BYTES[choices.weighted(LANE.config, batchWeights)] ?? 0,
    ringSize: pick(RING_SIZES),
    channelCapacity: pick(CAPACITIES),
    queueBytesMax: pick(QUEUE_BYTES),
    waitersMax: pick(WAITERS),
    preallocateBytes: pick(AHEAD_BYTES),
    directIo: choices.chance(LANE.config, focused ? FOCUS_DIRECT_WORLDS : DIRECT_WORLDS),
    sync: choices.chance(LANE.config, 64),
  };
}

/** Where logs grow large: space zeroed ahead, O_DIRECT more often than not, room in the queue. */
function drawHugeOptions(choices: Choices): UringWalOptions {
  return {
    batchSize: choices.chance(LANE.config, 128) ? 4096 : 65536,
    preallocateBytes: choices.chance(LANE.config, 80) ? 65536 : 16384,
    directIo: !choices.chance(LANE.config, 40),
    sync: !choices.chance(LANE.config, 64),
  };
}
