// Makes a failing world small: takes processes and actions away, then choices, zeroes them, halves
// them, as long as the same invariant stays broken. Since 0 is the mildest choice and a missing one
// counts as 0, every step of this leads to a quieter world. What people read is the story, so a step
// of it counts for more than a few choices.

import { type ChoiceGroup, type ChoiceLists, Choices, trimZeros } from './choices.js';
import type { RunWorld, WorldLimits, WorldResult } from './world.js';

/** Runs a world from its choices. */
export type RunLists = (lists: ChoiceLists) => Promise<{
  readonly result: Pick<WorldResult, 'violation' | 'told'>;
  readonly recorded: number[][];
  readonly groups: readonly ChoiceGroup[];
}>;

/** How much work shrinking may be. */
export interface ShrinkBudget {
  readonly runsMax: number;
  /** Asked between runs; shrinking ends when it says so. */
  readonly isOver?: () => boolean;
}

const RUNS_MAX = 3000;
const CHOICE_SIZE = 1000;
const STEP_SIZE = 4 * CHOICE_SIZE;
/** An action takes a handful of choices, seldom a power of two: these are tried at every place. */
const FINE_CHUNKS = [12, 9, 8, 7, 6, 5, 4, 3, 2];
/** Lanes longer than this are too long for that. */
const FINE_LENGTH_MAX = 120;
/** Cases with more choices have too many pairs. */
const PAIRS_LENGTH_MAX = 160;

export interface Shrunk {
  readonly lists: number[][];
  readonly runs: number;
}

/** Runs worlds from lists of choices. */
export function runListsOf(limits: WorldLimits, run: RunWorld): RunLists {
  return async (lists) => {
    const choices = Choices.fromLists(lists);
    const result = await run(choices, limits);
    return { result, recorded: choices.recorded(), groups: choices.groups };
  };
}

/** The smallest failing world found within the budget; `lists` itself must fail. */
export async function shrink(
  lists: ChoiceLists,
  run: RunLists,
  budget: ShrinkBudget = { runsMax: RUNS_MAX },
): Promise<Shrunk> {
  const shrinker = new Shrinker(run, budget);
  await shrinker.start(lists);
  let before: number;
  do {
    before = shrinker.size();
    await shrinker.dropItems();
    const lanes = shrinker.best.map((_list, lane) => lane);
    for (const lane of lanes) {
      await shrinker.zeroChunks(lane);
      await shrinker.deleteChunks(lane, 'coarse');
    }
    for (const lane of lanes) await shrinker.deleteChunks(lane, 'fine');
    for (const lane of lanes) await shrinker.lowerValues(lane);
    if (shrinker.size() === before) await shrinker.dropPairs();
  } while (shrinker.size() < before && !shrinker.isSpent());
  return { lists: shrinker.best, runs: shrinker.runs };
}

class Shrinker {
  best: number[][] = [];
  runs = 0;
  #groups: readonly ChoiceGroup[] = [];
  /** Steps of the best one's story. */
  #told = 0;
  #invariant: string | undefined;
  readonly #run: RunLists;
  readonly #budget: ShrinkBudget;
  readonly #tried = new Set<string>();

  constructor(run: RunLists, budget: ShrinkBudget) {
    this.#run = run;
    this.#budget = budget;
  }

  async start(lists: ChoiceLists): Promise<void> {
    const { result, recorded, groups } = await this.#run(lists);
    this.#invariant = result.violation?.invariant;
    this.best = recorded;
    this.#groups = groups;
    this.#told = result.told;
  }

  isSpent(): boolean {
    return this.runs >= this.#budget.runsMax || this.#budget.isOver?.() === true;
  }

  size(): number {
    return sizeOf(this.best, this.#told);
  }

  async deleteChunks(lane: number, grain: 'coarse' | 'fine'): Promise<void> {
    const { length } = this.#list(lane);
    if (grain === 'fine' && length > FINE_LENGTH_MAX) return;
    for (const chunk of grain === 'coarse' ? halves(length) : FINE_CHUNKS) {
      const stride = grain === 'coarse' ? chunk : 1;
      for (let end = this.#list(lane).length; end > 0; end -= stride) {
        const list = this.#list(lane);
        const start = Math.max(0, Math.min(end, list.length) - chunk);
        await this.#try(lane, [...list.slice(0, start), ...list.slice(start + chunk)]);
        if (this.isSpent()) return;
      }
    }
  }

  /** Leaves out whole things that follow one another, and counts them no more. */
  async dropItems(): Promise<void> {
    // The first group is that of the processes.
    await this.#dropItemsOf(0);
    for (let index = this.#groups.length - 1; index > 0; index--) await this.#dropItemsOf(index);
  }

  async #dropItemsOf(index: number): Promise<void> {
    const count = (): number => this.#groups[index]?.items.length ?? 0;
    for (const width of halves(count())) {
      for (let first = count() - width; first >= 0; first--) {
        await this.#dropOf(index, first, width);
        if (this.isSpent()) return;
      }
    }
  }

  async #dropOf(index: number, first: number, width: number): Promise<void> {
    const group = this.#groups[index];
    const from = group?.items[first];
    if (group === undefined || from === undefined) return;
    const { lane, items, countAt, end } = group;
    const next = this.#groups.slice(index + 1).find((other) => other.lane === lane);
    const to = items[first + width] ?? end ?? next?.start;
    const without = (list: number[], at: number): number[] => {
      return [...list.slice(0, from[at]), ...list.slice(to?.[at] ?? list.length)];
    };
    const counted = this.best.map((list, at) => {
      if (at !== lane || countAt === undefined || countAt >= list.length) return list;
      return list.with(countAt, Math.max(0, (list[countAt] ?? 0) - width));
    });
    // With all that happened meanwhile; else the thing alone.
    if (await this.#tryAll(counted.map(without))) return;
    await this.#tryAll(counted.map((list, at) => (at === lane ? without(list, at) : list)));
  }

  async zeroChunks(lane: number): Promise<void> {
    for (const chunk of halves(this.#list(lane).length)) {
      for (let start = 0; start < this.#list(lane).length; start += chunk) {
        const list = this.#list(lane);
        if (list.slice(start, start + chunk).every((value) => value === 0)) continue;
        await this.#try(
          lane,
          list.map((value, index) => (index >= start && index < start + chunk ? 0 : value)),
        );
        if (this.isSpent()) return;
      }
    }
  }

  /** What one choice brings about may have drawn in another lane: both have to go at once. */
  async dropPairs(): Promise<void> {
    for (const [lane, { length }] of this.best.entries()) {
      for (let index = length - 1; index >= 0; index--) {
        if (countOf(this.best) > PAIRS_LENGTH_MAX) return;
        if ((this.#list(lane)[index] ?? 0) > 0) await this.#dropWithOther(lane, index);
        if (this.isSpent()) return;
      }
    }
  }

  async #dropWithOther(lane: number, index: number): Promise<void> {
    const zeroed = this.#list(lane).map((value, at) => (at === index ? 0 : value));
    for (const [other, list] of this.best.entries()) {
      if (other === lane) continue;
      for (let at = list.length - 1; at >= 0; at--) {
        const pair = this.best.map((same, place) =>
          place === lane ? zeroed : place === other ? list.toSpliced(at, 1) : same,
        );
        if ((await this.#tryAll(pair)) || this.isSpent()) return;
      }
    }
  }

  async lowerValues(lane: number): Promise<void> {
    for (let index = 0; index < this.#list(lane).length; index++) {
      for (;;) {
        const value = this.#list(lane)[index] ?? 0;
        if (value <= 1 || this.isSpent()) break;
        if (await this.#lower(lane, index, value >> 1)) continue;
        if (!(await this.#lower(lane, index, value - 1))) break;
      }
    }
  }

  #lower(lane: number, index: number, value: number): Promise<boolean> {
    return this.#try(
      lane,
      this.#list(lane).map((old, at) => (at === index ? value : old)),
    );
  }

  #list(lane: number): number[] {
    return this.best[lane] ?? [];
  }

  #try(lane: number, list: number[]): Promise<boolean> {
    return this.#tryAll(this.best.map((old, index) => (index === lane ? list : old)));
  }

  async #tryAll(lists: readonly number[][]): Promise<boolean> {
    if (this.isSpent()) return false;
    const candidate = lists.map(trimZeros);
    const key = JSON.stringify(candidate);
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    this.runs += 1;
    const { result, recorded, groups } = await this.#run(candidate);
    if (result.violation === undefined || result.violation.invariant !== this.#invariant) {
      return false;
    }
    // What was really drawn, where it is no larger than what was asked for.
    const drawn = recorded.map((list, index) => shorter(list, candidate[index] ?? []));
    if (sizeOf(drawn, result.told) >= this.size()) return false;
    this.best = drawn;
    this.#groups = groups;
    this.#told = result.told;
    return true;
  }
}

function countOf(lists: ChoiceLists): number {
  return lists.reduce((sum, { length }) => sum + length, 0);
}

/** What shrinking lowers: steps of the story and choices first, then the values of the choices. */
function sizeOf(lists: ChoiceLists, told: number): number {
  let size = told * STEP_SIZE;
  for (const list of lists) {
    for (const value of list) size += CHOICE_SIZE + (value > 0 ? 100 : 0) + Math.min(value, 99);
  }
  return size;
}

function shorter(drawn: number[], asked: number[]): number[] {
  return drawn.length <= asked.length ? drawn : asked;
}

/** All of it, a half, a quarter, … one. */
function halves(length: number): number[] {
  const sizes: number[] = [];
  for (let size = length; size > 1; size = Math.ceil(size / 2)) sizes.push(size);
  return [...sizes, 1];
}
