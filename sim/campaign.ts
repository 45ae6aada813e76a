// Many worlds on all cores, until the time is up, the worlds are done, or a promise is broken.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Counts, addCounts, emptyCounts } from './tally.js';
import type { WorkerNews, WorkerOrder } from './worker.js';
import type { WorldLimits } from './world.js';

export interface CampaignOptions {
  readonly seed: number;
  readonly limits: WorldLimits;
  /** Worlds of the segmented log instead of the single-file writer's. */
  readonly wal?: boolean;
  /** Stops after so many worlds … */
  readonly worlds?: number | undefined;
  /** … or after so many seconds, whatever comes first. */
  readonly seconds?: number | undefined;
  readonly jobs?: number | undefined;
  /** Percent of the worlds that are run twice and compared. */
  readonly twicePercent?: number;
  /** Called as counts come in, with everything so far. */
  readonly onProgress?: (counts: Counts) => void;
}

export interface CampaignFailure {
  /** Seed of the world that failed. */
  readonly seed: number;
  readonly index: number;
  readonly why: string;
}

export interface CampaignResult {
  readonly counts: Counts;
  /** The failure with the lowest index among those that the threads met. */
  readonly failure: CampaignFailure | undefined;
  readonly seconds: number;
}

export const DEFAULT_SECONDS = 10;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const started = Date.now();
  const jobs = options.jobs ?? availableParallelism();
  const seconds = options.seconds ?? (options.worlds === undefined ? DEFAULT_SECONDS : Infinity);
  const counts = emptyCounts();
  const failures: CampaignFailure[] = [];
  const percent = options.twicePercent ?? 5;
  const order: Omit<WorkerOrder, 'first'> = {
    seed: options.seed,
    limits: options.limits,
    wal: options.wal ?? false,
    stride: jobs,
    worlds: options.worlds ?? Number.MAX_SAFE_INTEGER,
    endsAt: started + seconds * 1000,
    twiceEvery: percent === 0 ? 0 : Math.round(100 / percent),
  };
  const workers: Worker[] = [];
  const threads = Array.from({ length: jobs }, (_unused, first) =>
    runThread({ ...order, first }, workers, (news) => {
      if (news.kind === 'counts') {
        addCounts(counts, news.counts);
        options.onProgress?.(counts);
      } else if (news.kind === 'failed') {
        failures.push(news);
      }
    }),
  );
  await Promise.race([
    Promise.all(threads),
    ...threads.map(async (thread) => {
      await thread;
      // One thread is done: the others matter only when none has failed.
      if (failures.length === 0) await Promise.all(threads);
    }),
  ]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  failures.sort((one, other) => one.index - other.index);
  return { counts, failure: failures[0], seconds: (Date.now() - started) / 1000 };
}

function runThread(
  order: WorkerOrder,
  workers: Worker[],
  onNews: (news: WorkerNews) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: order,
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    workers.push(worker);
    worker.on('message', (news: WorkerNews) => {
      onNews(news);
      if (news.kind === 'done') resolve();
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      resolve();
    });
  });
}
