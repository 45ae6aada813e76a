// The entry point `uring-wal/sim`.
/**
 * Crash-test what you build on the log. Your workload runs over a simulated disk,
 * through crashes and faults, in thousands of small worlds; a failure is shrunk to a few steps and
 * can be replayed and looked at.
 *
 * @module uring-wal/sim
 */

import { type ChoiceLists, Choices } from './choices.js';
import type { FaultName } from './faults.js';
import type { Profile } from './profile.js';
import { worldSeed } from './random.js';
import { worldReport } from './report/report.js';
import { runListsOf, shrink } from './shrink.js';
import { storyOf, traceLines } from './story.js';
import { choicesOf, decodeToken, encodeToken } from './token.js';
import type { SimWorkload } from './user-scenario.js';
import { FAIR_FAULTS, runUserWorld } from './user-world.js';
import type { RunWorld, WorldLimits } from './world.js';

export type { FaultName } from './faults.js';
export type { Profile } from './profile.js';
export type { SimProcess, SimWorkload } from './user-scenario.js';
export { FAULT_NAMES } from './faults.js';

/**
 * How a simulation runs.
 *
 * @example
 * const options: SimulateOptions = { worlds: 10, seed: 7 };
 * const run = async ({ driver }: SimProcess) => (await Wal.open('/log', { driver })).close();
 * console.log((await simulate({ state: () => 0, run }, options)).worlds); // → 10
 */
export interface SimulateOptions {
  /** Worlds to run. Default 1000. */
  readonly worlds?: number;
  /** A safe integer ≥ 0; the same seed gives the same worlds. Default 1. */
  readonly seed?: number;
  /** Faults that may strike. Default: all but damage to the medium and a lying disk. */
  readonly faults?: readonly FaultName[];
  /** How the file system behaves. Default: drawn, never `lying`. */
  readonly profile?: Profile;
  /** Runs the one world of this token instead. */
  readonly replay?: string;
}

/**
 * A failed check, made small.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 * const state = () => ({ count: 0n });
 * const { failure } = await simulate({ state, run: async ({ driver }, told) => {
 *   const wal = await Wal.open('/log', { driver });
 *   if ((wal.writtenSequence ?? 0n) < told.count) throw new Error('an entry is lost');
 *   told.count = (await wal.put('key', 'value', { sync: false })).sequence; // the bug: not durable
 *   await wal.close();
 * } });
 * const found: SimulationFailure | undefined = failure;
 * console.log(found?.message); // → an entry is lost
 * if (found) await writeFile('failure.html', found.html); // the timeline, to be looked at
 */
export interface SimulationFailure {
  /** What your check, or the library's own, said. */
  readonly message: string;
  /** The world in a few steps. */
  readonly steps: readonly string[];
  /** For {@link SimulateOptions.replay}. */
  readonly token: string;
  /** Every event, one line each. */
  readonly trace: readonly string[];
  /** A self-contained HTML page with the timeline. */
  readonly html: string;
}

/**
 * What a simulation came to.
 *
 * @example
 * const run = async ({ driver }: SimProcess) => (await Wal.open('/log', { driver })).close();
 * const result: SimulationResult = await simulate({ state: () => 0, run }, { worlds: 10 });
 * console.log(result.worlds, result.crashes > 0, result.failure); // → 10 true undefined
 */
export interface SimulationResult {
  /** Worlds that were run. */
  readonly worlds: number;
  /** Crashes in all of them. */
  readonly crashes: number;
  /** The first failed check; undefined when every world held. */
  readonly failure: SimulationFailure | undefined;
}

const SHRINK_RUNS_MAX = 2000;
const DEFAULT_WORLDS = 1000;

/**
 * Runs a workload through simulated crashes until a check fails or all worlds are done.
 *
 * @example
 * const result = await simulate({
 *   state: () => new Set<string>(), // what callers were told
 *   run: async ({ driver }, told) => {
 *     const log = await UringWalWriter.open('/log', { driver });
 *     // … read the log, check that everything in `told` is there, append, add to `told`
 *   },
 * });
 * if (result.failure !== undefined) throw new Error(result.failure.message);
 *
 * @throws RangeError when `replay` is no token.
 */
export async function simulate<State>(
  workload: SimWorkload<State>,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  if (options.replay !== undefined) {
    const { source, limits } = decodeToken(options.replay);
    const choices = choicesOf(source);
    const world = await runUserWorld(workload, choices, limits);
    const failure =
      world.violation === undefined
        ? undefined
        : await failureOf(workload, choices.recorded(), limits);
    return { worlds: 1, crashes: world.crashes, failure };
  }
  const limits: WorldLimits = {
    faults: options.faults ?? FAIR_FAULTS,
    profile: options.profile,
  };
  const worlds = options.worlds ?? DEFAULT_WORLDS;
  let crashes = 0;
  for (let index = 0; index < worlds; index++) {
    const choices = Choices.fromSeed(worldSeed(options.seed ?? 1, index));
    const world = await runUserWorld(workload, choices, limits);
    crashes += world.crashes;
    if (world.violation === undefined) continue;
    const run: RunWorld = (small) => runUserWorld(workload, small, limits);
    const small = await shrink(choices.recorded(), runListsOf(limits, run), {
      runsMax: SHRINK_RUNS_MAX,
    });
    return { worlds: index + 1, crashes, failure: await failureOf(workload, small.lists, limits) };
  }
  return { worlds, crashes, failure: undefined };
}

async function failureOf<State>(
  workload: SimWorkload<State>,
  lists: ChoiceLists,
  limits: WorldLimits,
): Promise<SimulationFailure | undefined> {
  const world = await runUserWorld(workload, Choices.fromLists(lists), limits, { traced: true });
  const { violation, profile, trace = [] } = world;
  if (violation === undefined) return undefined;
  const token = encodeToken({ source: { kind: 'lists', lists }, limits });
  return {
    message: violation.message,
    steps: storyOf(trace),
    token,
    trace: traceLines(trace),
    html: worldReport({
      trace,
      violation,
      profile,
      replay: `simulate(workload, { replay: '${token}' })`,
    }),
  };
}
