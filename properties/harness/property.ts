// Turns a promise and an arbitrary into a test: regressions first, then fresh cases from a seed
// that is printed; a failure tells seed, path and the shrunk case, and keeps the case.

import { randomInt } from 'node:crypto';

import fc from 'fast-check';
import { test, type TestContext } from 'vitest';

import { decodeCase, encodeCase, loadRegressions, saveRegression } from './regressions.js';
import { runsOf, seedOf, settings } from './settings.js';
import { type Level, Reach, report } from './statistics.js';

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
/** A whole property, time box or not, has to end. */
const PROPERTY_MS_MAX = 3_600_000;
const SEED_END = 0x7fffffff;

/** Declares the test. */
export function property<Case>(spec: Property<Case>): void {
  test(`${spec.name}: ${spec.says}`, { timeout: PROPERTY_MS_MAX }, async (context) => {
    const reason = await spec.skip?.();
    if (reason !== undefined) context.skip(reason);
    await repeatRegressions(spec);
    await run(spec, context);
  });
}

async function repeatRegressions<Case>(spec: Property<Case>): Promise<void> {
  for (const regression of loadRegressions(spec.name)) {
    const value = decodeCase(regression.case) as Case;
    try {
      await spec.check(value, () => undefined);
    } catch (cause) {
      const message = `${spec.name}: a case that failed before fails again: ${fc.stringify(value)}`;
      throw new Error(`${message}\n${String(cause)}`, { cause });
    }
  }
}

async function run<Case>(spec: Property<Case>, context: TestContext): Promise<void> {
  const reach = new Reach(spec.reach ?? []);
  const seed = seedOf(() => randomInt(SEED_END));
  const numRuns = runsOf(spec.runs);
  const started = performance.now();
  const checked = fc.asyncProperty(spec.cases, async (value) => {
    reach.begin();
    await spec.check(value, reach.mark);
  });
  const details = await fc.check(checked, {
    seed,
    numRuns,
    timeout: CASE_MS_MAX,
    ...(settings.path === undefined ? {} : { path: settings.path }),
    ...(settings.seconds === undefined
      ? {}
      : { interruptAfterTimeLimit: settings.seconds * 1000, markInterruptAsFailure: false }),
  });
  report({
    name: spec.name,
    level: spec.level,
    seed,
    cases: details.numRuns,
    ms: performance.now() - started,
    reached: Object.fromEntries(reach.counts),
  });
  if (details.failed && details.counterexample !== null) fail(spec, details);
  if (details.failed || details.numRuns === 0) throw new Error(`${spec.name}: no case ran`);
  if (settings.path !== undefined) return;
  expectReached(spec, reach, details.numRuns, context);
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
  if (cases < spec.runs) {
    void context.annotate(`${spec.name}: too few cases to reach: ${list}`);
    return;
  }
  throw new Error(`${spec.name}: ${String(cases)} cases, and none of them reached: ${list}`);
}
