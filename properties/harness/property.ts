// Turns a promise and an arbitrary into a test: regressions first, then fresh cases from a seed
// that is printed; a failure tells seed, path and the shrunk case, and keeps the case.

import { randomInt } from 'node:crypto';

import fc from 'fast-check';
import { test, type TestContext } from 'vitest';

import { decodeCase, encodeCase, loadRegressions, saveRegression } from './regressions.js';
import { runsOf, seedOf, settings } from './settings.js';
import { type Level, Reach, report } from './statistics.js';
import { watch, type Watchdog } from './watchdog.js';

/** Tells that the case at hand got into a state. */
export type Mark = (state: string) => void;

/** A promise of the library, and how to try to break it. */
export interface Property<Case> {
  /** Unique in properties/: names the regressions. */
  readonly name: string;
  /** The promise, in a sentence. */
  readonly says: string;
  readonly level: Level;
  readonly cases: fc.Arbitrary<Case>;
  /** Cases in a run of default length. */
  readonly runs: number;
  /** States that the cases of a default run must get into; a state never reached is a failure. */
  readonly reach?: readonly string[];
  /** Why this machine cannot run it; the test is then skipped with that reason. */
  readonly skip?: () => string | undefined | Promise<string | undefined>;
  /** Returns, or throws: then the promise is broken. */
  readonly check: (value: Case, mark: Mark) => void | Promise<void>;
}

/** A case that takes longer than this hangs. */
const CASE_MS_MAX = 60_000;
/** A case that lets no timer run is ended from outside, later than it would end by itself. */
const HANGING_MS = 2 * CASE_MS_MAX;
/** Vitest's own clock must not end a property: it would say neither seed nor case. */
const PROPERTY_MS_MAX = 0x7fffffff;
const SEED_END = 0x7fffffff;
/** States that are missing are looked for in so many times the default number of cases. */
const EXTRA_RUNS = 8;
/** Seeds of the rounds of a run lie this far apart; no multiple of the shards' distance. */
const ROUND_STRIDE = 0x2545f491;

/** Declares the test. */
export function property<Case>(spec: Property<Case>): void {
  test(`${spec.name}: ${spec.says}`, { timeout: PROPERTY_MS_MAX }, async (context) => {
    const reason = await spec.skip?.();
    if (reason !== undefined) context.skip(reason);
    const watchdog = watch(spec.name, HANGING_MS);
    try {
      // A replay is of the case that was asked for, and of no other.
      if (settings.path === undefined) await repeatRegressions(spec, watchdog);
      await run(spec, context, watchdog);
    } finally {
      await watchdog.stop();
    }
  });
}

async function repeatRegressions<Case>(spec: Property<Case>, watchdog: Watchdog): Promise<void> {
  for (const regression of loadRegressions(spec.name)) {
    const value = decodeCase(regression.case) as Case;
    watchdog.beat(0, -1);
    try {
      await spec.check(value, () => undefined);
    } catch (cause) {
      const message = `${spec.name}: a case that failed before fails again: ${fc.stringify(value)}`;
      throw new Error(`${message}\n${String(cause)}`, { cause });
    }
  }
}

async function run<Case>(
  spec: Property<Case>,
  context: TestContext,
  watchdog: Watchdog,
): Promise<void> {
  const reach = new Reach(spec.reach ?? []);
  const seed = seedOf(() => randomInt(SEED_END));
  const started = performance.now();
  const ends = settings.seconds === undefined ? undefined : started + settings.seconds * 1000;
  let [cases, round] = [0, 0];
  let details: fc.RunDetails<[Case]>;
  do {
    details = await checkCases(spec, (seed + round * ROUND_STRIDE) | 0, reach, ends, watchdog);
    cases += details.numRuns;
    round += 1;
  } while (!details.failed && isWorthMore(spec, reach, cases, ends));
  report({
    name: spec.name,
    level: spec.level,
    seed,
    cases,
    ms: performance.now() - started,
    reached: Object.fromEntries(reach.counts),
  });
  if (details.failed && details.counterexample !== null) fail(spec, details);
  if (details.failed || cases === 0) throw new Error(`${spec.name}: no case ran`);
  if (settings.path === undefined) expectReached(spec, reach, cases, context);
}

/** Draws and checks this run's number of cases, or as many as its time allows. */
async function checkCases<Case>(
  spec: Property<Case>,
  seed: number,
  reach: Reach,
  ends: number | undefined,
  watchdog: Watchdog,
): Promise<fc.RunDetails<[Case]>> {
  let index = 0;
  let isShrinking = false;
  const checked = fc.asyncProperty(spec.cases, async (value) => {
    // Between cases, not inside of one: what it began would go on beside the next property.
    if (index > 0 && isOver(ends)) throw new fc.PreconditionFailure(true);
    // What shrinking tries counts as the case that it began with.
    watchdog.beat(seed, isShrinking ? index - 1 : index++);
    reach.begin();
    try {
      await spec.check(value, isShrinking ? () => undefined : reach.mark);
    } catch (error) {
      isShrinking = true;
      throw error;
    }
  });
  return fc.check(checked, {
    seed,
    numRuns: runsOf(spec.runs),
    timeout: CASE_MS_MAX,
    ...(settings.path === undefined ? {} : { path: settings.path }),
    markInterruptAsFailure: false,
  });
}

/**
 * A state that is missing by chance turns up in more cases; one that cannot be reached does not.
 * Where a run gets into it three times on average, eight runs miss it once in 10^10.
 */
function isWorthMore<Case>(
  spec: Property<Case>,
  reach: Reach,
  cases: number,
  ends: number | undefined,
): boolean {
  if (!isWhole(spec) || isOver(ends) || reach.missing().length === 0) return false;
  return cases > 0 && cases < EXTRA_RUNS * spec.runs;
}

function isOver(ends: number | undefined): boolean {
  return ends !== undefined && performance.now() >= ends;
}

/** Whether this run, with its other shards, is as long as the default, and owes every state. */
function isWhole<Case>(spec: Property<Case>): boolean {
  return settings.path === undefined && (settings.runs ?? spec.runs) >= spec.runs;
}

/** Ends a failed run: keeps the case, and says how to see it again. */
function fail<Case>(spec: Property<Case>, details: fc.RunDetails<[Case]>): never {
  const { seed, counterexample, counterexamplePath, errorInstance: cause } = details;
  const [value] = counterexample ?? [];
  const error = cause instanceof Error ? cause.message : String(cause);
  const path = counterexamplePath ?? '';
  const kept = saveRegression(spec.name, {
    seed,
    path,
    error: error.split('\n', 1)[0] ?? '',
    case: encodeCase(value),
  });
  const lines = [
    `${spec.name}: ${spec.says}`,
    `broken by case ${String(details.numRuns)}, shrunk ${String(details.numShrinks)} times: ${error}`,
    `the case: ${fc.stringify(value)}`,
    `kept in ${kept}; once more: npm run properties -- -t '${spec.name}:' ` +
      `--seed ${String(seed)} --path ${path}`,
  ];
  throw new Error(lines.join('\n'), { cause });
}

/** A run of at least default length gets into every state, or it has tested less than it claims. */
function expectReached<Case>(
  spec: Property<Case>,
  reach: Reach,
  cases: number,
  context: TestContext,
): void {
  const missing = reach.missing();
  if (missing.length === 0) return;
  const list = missing.join(', ');
  const isShort =
    !isWhole(spec) || (settings.seconds !== undefined && cases < EXTRA_RUNS * spec.runs);
  if (isShort) {
    void context.annotate(`${spec.name}: too few cases to reach: ${list}`);
    return;
  }
  throw new Error(`${spec.name}: ${String(cases)} cases, and none of them reached: ${list}`);
}
