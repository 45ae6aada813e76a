// From a world that failed to something a person can act on: the shrunk case, its steps, and the
// command that replays it.

import { type ChoiceLists, Choices } from './choices.js';
import type { TraceEvent } from './environment.js';
import type { Violation } from './invariants.js';
import { worldSeed } from './random.js';
import { runListsOf, shrink } from './shrink.js';
import { describeViolation, storyOf } from './story.js';
import { type WorldToken, choicesOf, encodeToken } from './token.js';
import { type RunWorld, type WorldLimits, type WorldResult, runWorld } from './world.js';

/** A failing world, made small. */
export interface ShrunkCase {
  readonly violation: Violation;
  readonly token: string;
  readonly steps: readonly string[];
  readonly trace: readonly TraceEvent[];
  readonly profile: WorldResult['profile'];
  readonly choicesBefore: number;
  readonly choicesAfter: number;
  readonly runs: number;
}

/** Processor time, so that a case shrinks as far on a busy machine … */
const SHRINK_MS = 8000;
/** … but not for ever: this many times as much on the clock. */
const WALL_FACTOR = 3;
/** So many failing worlds are shrunk … */
const STARTS_MAX = 8;
/** … unless a story of so few steps is found before. */
const STEPS_FEW = 6;
const SMALL_WORLDS_MAX = 2000;
const SMALL_WORLDS_SEED = 1;
/** How many of 256 draws are 0 in a small world. */
const MILDNESSES = [60, 110, 160, 190];

/** Shrinks a failing world; undefined when it does not fail (any more). */
export async function shrinkCase(
  world: WorldToken,
  milliseconds = SHRINK_MS,
  run: RunWorld = runWorld,
): Promise<ShrunkCase | undefined> {
  const { limits } = world;
  const choices = choicesOf(world.source);
  const original = await run(choices, limits);
  if (original.violation === undefined) return undefined;
  const isOver = budget(milliseconds);
  const lists = choices.recorded();
  const starts = await smallestOf(original.violation, lists, {
    runOne: (small) => run(small, limits),
    isOver: budget(milliseconds / 4),
  });
  let best: Shown | undefined;
  let runs = 0;
  for (const start of starts) {
    if (best !== undefined && (isOver() || best.steps.length <= STEPS_FEW)) break;
    const small = await shrink(start, runListsOf(limits, run), { runsMax: 20_000, isOver });
    runs += small.runs;
    const shown = await show(small.lists, limits, run);
    if (shown === undefined) continue;
    if (best === undefined || shown.steps.length < best.steps.length) best = shown;
  }
  return best && { ...best, choicesBefore: countOf(lists), runs };
}

/** A world that was shrunk, and its story. */
type Shown = Omit<ShrunkCase, 'choicesBefore' | 'runs'>;

/** Runs a shrunk world once more, to tell its story. */
async function show(
  lists: ChoiceLists,
  limits: WorldLimits,
  run: RunWorld,
): Promise<Shown | undefined> {
  const token: WorldToken = { source: { kind: 'lists', lists }, limits };
  const { violation, trace, profile } = await run(choicesOf(token.source), limits, {
    traced: true,
  });
  if (violation === undefined || trace === undefined) return undefined;
  return {
    violation,
    token: encodeToken(token),
    steps: storyOf(trace),
    trace,
    profile,
    choicesAfter: countOf(lists),
  };
}

/**
 * A failing world is often large by chance. Many small ones are run in the time that a few steps of
 * shrinking take; the smallest that break the same promise are the ones to shrink, since some end
 * in a long story, others in a short one.
 */
async function smallestOf(
  violation: Violation,
  lists: number[][],
  { runOne, isOver }: { runOne: (choices: Choices) => Promise<WorldResult>; isOver: () => boolean },
): Promise<number[][][]> {
  const found = [lists];
  for (let index = 0; index < SMALL_WORLDS_MAX && !isOver(); index++) {
    const mildness = MILDNESSES[index % MILDNESSES.length] ?? 0;
    const choices = Choices.fromSeed(worldSeed(SMALL_WORLDS_SEED, index), mildness);
    const world = await runOne(choices);
    if (world.violation?.invariant !== violation.invariant) continue;
    found.push(choices.recorded());
  }
  return found.sort((one, other) => weightOf(one) - weightOf(other)).slice(0, STARTS_MAX);
}

function budget(milliseconds: number): () => boolean {
  const before = process.cpuUsage();
  const endsAt = Date.now() + milliseconds * WALL_FACTOR;
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 >= milliseconds || Date.now() >= endsAt;
  };
}

function weightOf(lists: ChoiceLists): number {
  return lists.reduce((sum, list) => sum + list.filter((value) => value > 0).length, 0);
}

/** The case in words: what broke, the steps, the command (with `option`, as `--wal `). */
export function describeCase(found: ShrunkCase, option = ''): string {
  const steps = found.steps.map((step, index) => `  ${String(index + 1).padStart(2)}. ${step}`);
  return [
    `BROKEN  ${describeViolation(found.violation)}`,
    '',
    `The shrunk case, on ${found.profile} (${String(found.choicesBefore)} choices down to ` +
      `${String(found.choicesAfter)} in ${String(found.runs)} runs):`,
    ...steps,
    '',
    `Replay:  npm run sim -- ${option}--replay ${found.token}`,
  ].join('\n');
}

function countOf(lists: ChoiceLists): number {
  return lists.reduce((sum, list) => sum + list.length, 0);
}
