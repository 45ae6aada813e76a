// One thread of a campaign: runs every n-th world, tells what it counted, stops at the first broken
// promise.

import { parentPort, workerData } from 'node:worker_threads';
import { Choices } from './choices.js';
import { worldSeed } from './random.js';
import { type Counts, countWorld, emptyCounts } from './tally.js';
import { runWalWorld } from './wal-world.js';
import { type WorldLimits, type WorldResult, catchStrays, runWorld } from './world.js';

/** What a thread is told. */
export interface WorkerOrder {
  readonly seed: number;
  readonly limits: WorldLimits;
  /** Worlds of the segmented log instead of the single-file writer's. */
  readonly wal: boolean;
  readonly first: number;
  readonly stride: number;
  /** Runs worlds with an index below this. */
  readonly worlds: number;
  readonly endsAt: number;
  /** Every so many worlds, one is run twice and compared; 0: never. */
  readonly twiceEvery: number;
}

/** What a thread tells. */
export type WorkerNews =
  | { readonly kind: 'counts'; readonly counts: Counts }
  | { readonly kind: 'failed'; readonly seed: number; readonly index: number; readonly why: string }
  | { readonly kind: 'done' };

const REPORT_MS = 100;
const CLOCK_WORLDS = 16;

async function work(order: WorkerOrder, tell: (news: WorkerNews) => void): Promise<void> {
  const run = order.wal ? runWalWorld : runWorld;
  let counts = emptyCounts();
  let toldAt = Date.now();
  for (let index = order.first; index < order.worlds; index += order.stride) {
    const seed = worldSeed(order.seed, index);
    const world = await run(Choices.fromSeed(seed), order.limits);
    countWorld(counts, world);
    let why = whyOf(world);
    if (order.twiceEvery > 0 && index % order.twiceEvery === 0 && why === undefined) {
      counts.twice += 1;
      why = compare(world, await run(Choices.fromSeed(seed), order.limits));
    }
    if (why !== undefined) tell({ kind: 'failed', seed, index, why });
    if (index % CLOCK_WORLDS !== order.first % CLOCK_WORLDS && why === undefined) continue;
    const now = Date.now();
    if (now - toldAt > REPORT_MS || now >= order.endsAt || why !== undefined) {
      tell({ kind: 'counts', counts });
      counts = emptyCounts();
      toldAt = now;
    }
    if (now >= order.endsAt || why !== undefined) break;
  }
  tell({ kind: 'counts', counts });
  tell({ kind: 'done' });
}

function whyOf({ violation }: WorldResult): string | undefined {
  return violation && `${violation.invariant}: ${violation.message}`;
}

function compare(one: WorldResult, other: WorldResult): string | undefined {
  const same = one.hash === other.hash && one.steps === other.steps;
  return same ? undefined : 'the same choices gave two different histories';
}

const port = parentPort;
if (port !== null) {
  Error.stackTraceLimit = 0;
  catchStrays();
  await work(workerData as WorkerOrder, (news) => {
    port.postMessage(news);
  });
}
