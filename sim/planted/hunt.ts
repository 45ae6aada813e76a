// Runs worlds in this process until a promise breaks, and tells how long that took. Stands in every
// mutated copy; `main.ts` starts it there.

import { writeFile } from 'node:fs/promises';
import { Choices } from '../choices.js';
import { shrinkCase } from '../failure.js';
import { worldSeed } from '../random.js';
import { replayCommand, worldReport } from '../report/report.js';
import { countWorld, emptyCounts } from '../tally.js';
import { FAULT_NAMES } from '../faults.js';
import { FAIR_FAULTS } from '../user-world.js';
import { runWalWorld } from '../wal-world.js';
import { type RunWorld, type WorldLimits, catchStrays, runWorld } from '../world.js';

/** What a hunt found, as JSON on stdout. */
export interface Hunt {
  readonly caught: boolean;
  readonly worlds: number;
  readonly seconds: number;
  readonly invariant?: string;
  readonly message?: string;
  /** Steps of the shrunk case. */
  readonly steps?: number;
  readonly token?: string;
  /** Faults that never fired. */
  readonly unfired: readonly string[];
}

const SHRINK_MS = 8000;

interface HuntOrder {
  readonly seed: number;
  readonly worldsMax: number;
  /** Of processor time, so that a busy machine makes no difference. */
  readonly secondsMax: number;
  readonly report: string | undefined;
  readonly run: RunWorld;
  readonly limits: WorldLimits;
}

async function hunt(order: HuntOrder): Promise<Hunt> {
  const { seed, run, limits, report } = order;
  Error.stackTraceLimit = 0;
  catchStrays();
  const started = process.cpuUsage();
  const elapsed = (): number => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1e6;
  };
  const counts = emptyCounts();
  for (let index = 0; index < order.worldsMax && elapsed() < order.secondsMax; index++) {
    const source = { kind: 'seed', seed: worldSeed(seed, index) } as const;
    const world = await run(Choices.fromSeed(source.seed), limits);
    countWorld(counts, world);
    if (world.violation === undefined) continue;
    const took = elapsed();
    const found = await shrinkCase({ source, limits }, SHRINK_MS, run);
    if (found !== undefined && report !== undefined) {
      const replay = replayCommand(found.token, run === runWalWorld);
      await writeFile(report, worldReport({ ...found, replay }));
    }
    return {
      caught: true,
      worlds: index + 1,
      seconds: took,
      invariant: world.violation.invariant,
      message: world.violation.message,
      ...(found === undefined ? {} : { steps: found.steps.length, token: found.token }),
      unfired: [],
    };
  }
  const unfired = FAULT_NAMES.filter((_name, fault) => counts.fired[fault] === 0);
  return { caught: false, worlds: counts.worlds, seconds: elapsed(), unfired };
}

const [kind, ...rest] = process.argv.slice(2);
const [seed = 1, worldsMax = 1e9, secondsMax = 10] = rest.slice(0, 3).map(Number);
const result = await hunt({
  seed,
  worldsMax,
  secondsMax,
  report: rest[3],
  ...(kind === 'wal'
    ? { run: runWalWorld, limits: { faults: FAIR_FAULTS } }
    : { run: runWorld, limits: {} }),
});
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
