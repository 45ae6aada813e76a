// Small scopes are exhausted, not sampled: all scripts on all cores, until they are done or the
// time is up.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ExhaustiveFailure } from './exhaustive-run.js';
import { allScripts } from './exhaustive-script.js';
import type { ExhaustiveNews, ExhaustiveOrder } from './exhaustive-worker.js';

export interface ExhaustiveResult {
  readonly scripts: number;
  readonly scriptsInAll: number;
  readonly crashPoints: number;
  readonly recoveries: number;
  readonly skipped: number;
  readonly images: number;
  readonly seconds: number;
  readonly failure: ExhaustiveFailure | undefined;
}

export async function runExhaustive(options: {
  readonly seconds?: number | undefined;
  readonly jobs?: number | undefined;
  readonly onProgress?: (sofar: ExhaustiveResult) => void;
}): Promise<ExhaustiveResult> {
  const started = Date.now();
  const jobs = options.jobs ?? availableParallelism();
  const images = new Set<number>();
  let sofar: ExhaustiveResult = {
    scripts: 0,
    scriptsInAll: [...allScripts()].length,
    crashPoints: 0,
    recoveries: 0,
    skipped: 0,
    images: 0,
    seconds: 0,
    failure: undefined,
  };
  const onNews = (news: ExhaustiveNews): void => {
    for (const image of news.images) images.add(image);
    sofar = {
      ...sofar,
      scripts: sofar.scripts + news.scripts,
      crashPoints: sofar.crashPoints + news.crashPoints,
      recoveries: sofar.recoveries + news.recoveries,
      skipped: sofar.skipped + news.skipped,
      images: images.size,
      seconds: (Date.now() - started) / 1000,
      failure: sofar.failure ?? news.failure,
    };
    options.onProgress?.(sofar);
  };
  const endsAt = started + (options.seconds ?? Infinity) * 1000;
  const workers: Worker[] = [];
  await Promise.all(
    Array.from({ length: jobs }, (_unused, first) =>
      runThread({ first, stride: jobs, endsAt }, workers, onNews),
    ),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  return sofar;
}

function runThread(
  order: ExhaustiveOrder,
  workers: Worker[],
  onNews: (news: ExhaustiveNews) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = new URL('./exhaustive-worker.js', import.meta.url);
    const worker = new Worker(url, { workerData: order });
    workers.push(worker);
    worker.on('message', (news: ExhaustiveNews) => {
      onNews(news);
      if (news.isDone) resolve();
    });
    worker.on('error', reject);
  });
}
