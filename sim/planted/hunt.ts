// Runs worlds in this process until a promise breaks, and tells how long that took. Stands in every
// mutated copy; `planted.ts` starts it there.

import { writeFile } from 'node:fs/promises';
import { Choices } from '../choices.js';
import { shrinkCase } from '../failure.js';
import { worldSeed } from '../random.js';
import { worldReport } from '../report/report.js';
import { countWorld, emptyCounts } from '../tally.js';
import { FAULT_NAMES } from '../faults.js';
import { catchStrays, runWorld } from '../world.js';

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

async function hunt(
  seed: number,
  worldsMax: number,
  seconds: number,
  report: string | undefined,
): Promise<Hunt> {
  Error.stackTraceLimit = 0;
  catchStrays();
  const started = process.cpuUsage();
  const elapsed = (): number => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1e6;
  };
  const counts = emptyCounts();
  for (let index = 0; index < worldsMax && elapsed() < seconds; index++) {
    const source = { kind: 'seed', seed: worldSeed(seed, index) } as const;
    const world = await runWorld(Choices.fromSeed(source.seed));
    countWorld(counts, world);
    if (world.violation === undefined) continue;
    const took = elapsed();
    const found = await shrinkCase({ source, limits: {} }, SHRINK_MS);
    if (found !== undefined && report !== undefined) await writeFile(report, worldReport(found));
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

const [seed, worlds, seconds] = process.argv.slice(2, 5).map(Number);
const result = await hunt(seed ?? 1, worlds ?? 1e9, seconds ?? 10, process.argv[5]);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
