// One thread of the exhaustive mode: every n-th script.

import { parentPort, workerData } from 'node:worker_threads';
import { type ExhaustiveFailure, Visited, exhaust } from './exhaustive-run.js';
import { allScripts } from './exhaustive-script.js';

export interface ExhaustiveOrder {
  readonly first: number;
  readonly stride: number;
  readonly endsAt: number;
}

export interface ExhaustiveNews {
  readonly scripts: number;
  readonly crashPoints: number;
  readonly recoveries: number;
  readonly skipped: number;
  /** Hashes of images that this thread had not met before. */
  readonly images: Float64Array;
  readonly failure: ExhaustiveFailure | undefined;
  readonly isDone: boolean;
}

const port = parentPort;
if (port !== null) {
  Error.stackTraceLimit = 0;
  const order = workerData as ExhaustiveOrder;
  const visited = { honest: new Visited(), torn: new Visited() };
  const told = { scripts: 0, crashPoints: 0, recoveries: 0, skipped: 0 };
  let scripts = 0;
  let sent = { honest: 0, torn: 0 };
  const tell = (failure: ExhaustiveFailure | undefined, isDone: boolean): void => {
    const both = [visited.honest, visited.torn];
    const sum = (of: (one: Visited) => number): number =>
      both.reduce((total, one) => total + of(one), 0);
    const now = {
      scripts,
      crashPoints: sum((one) => one.crashPoints),
      recoveries: sum((one) => one.recoveries),
      skipped: sum((one) => one.skipped),
    };
    const images = [
      ...[...visited.honest.images].slice(sent.honest),
      ...[...visited.torn.images].slice(sent.torn),
    ];
    sent = { honest: visited.honest.images.size, torn: visited.torn.images.size };
    const news: ExhaustiveNews = {
      scripts: now.scripts - told.scripts,
      crashPoints: now.crashPoints - told.crashPoints,
      recoveries: now.recoveries - told.recoveries,
      skipped: now.skipped - told.skipped,
      images: Float64Array.from(images),
      failure,
      isDone,
    };
    Object.assign(told, now);
    port.postMessage(news);
  };
  let failure: ExhaustiveFailure | undefined;
  let index = 0;
  let toldAt = Date.now();
  for (const script of allScripts()) {
    const isMine = index++ % order.stride === order.first;
    if (!isMine) continue;
    failure =
      (await exhaust(script, visited.honest, false)) ?? (await exhaust(script, visited.torn, true));
    scripts += 1;
    const now = Date.now();
    if (failure !== undefined || now >= order.endsAt) break;
    if (now - toldAt < 500) continue;
    toldAt = now;
    tell(undefined, false);
  }
  tell(failure, true);
}
