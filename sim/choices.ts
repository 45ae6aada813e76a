// The one source of decisions. A world draws everything that is not fixed from here: from a seed
// while exploring, from a recorded list while replaying or shrinking. What was drawn is recorded,
// so any world becomes a list. In every draw 0 is the mildest choice, and an exhausted list goes
// on with 0: a shorter list is a quieter world, which is what makes shrinking work.
//
// Decisions come in lanes (what the callers do, what fails, what survives …), so that taking a
// step away from the workload does not shift the meaning of every fault behind it.

import { Random } from './random.js';

/** The lanes, by what is decided in them. */
export const LANES = ['config', 'action', 'order', 'fault', 'extent', 'crash'] as const;
export type Lane = (typeof LANES)[number];

/** A recorded world: for each lane in the order of {@link LANES}, the values drawn. */
export type ChoiceLists = readonly (readonly number[])[];

/** How many choices of each lane were drawn at some moment. */
export type Mark = readonly number[];

/**
 * Where the choices of one thing after the other stand, so that one can be left out: those of its own
 * lane, or of all lanes, for what fails and what survives meanwhile goes with it.
 */
export interface ChoiceGroup {
  readonly lane: number;
  readonly start: Mark;
  /** Where each thing begins. */
  readonly items: Mark[];
  /** Where it is drawn how many come, if that is drawn. */
  countAt?: number;
  /** Where the last one ends; up to the next group, when nobody said. */
  end?: Mark;
}

/** A stream of decisions that remembers what it decided. */
export class Choices {
  readonly #random: Random | undefined;
  readonly #replayed: ChoiceLists;
  readonly #recorded: number[][] = LANES.map(() => []);

  /** What shrinking may leave out as a whole. */
  readonly groups: ChoiceGroup[] = [];
  readonly #mildness: number;

  private constructor(random: Random | undefined, replayed: ChoiceLists, mildness = 0) {
    this.#random = random;
    this.#replayed = replayed;
    this.#mildness = mildness;
  }

  /** `mildness` of 256 draws are 0 whatever their range: for small worlds. */
  static fromSeed(seed: number, mildness = 0): Choices {
    return new Choices(new Random(seed), [], mildness);
  }

  /** Replays; a value out of range counts modulo the range, a missing one as 0. */
  static fromLists(lists: ChoiceLists): Choices {
    return new Choices(undefined, lists);
  }

  /** One plain list, dealt to the lanes in turn: what a property test generates and shrinks. */
  static fromList(list: readonly number[]): Choices {
    const lists: number[][] = LANES.map(() => []);
    list.forEach((value, index) => lists[index % LANES.length]?.push(value));
    return new Choices(undefined, lists);
  }

  /** 0 … range - 1, evenly; in a drawn world `from` … range - 1. */
  below(lane: number, range: number, from = 0): number {
    if (range <= 1) return 0;
    const random = this.#random;
    if (random === undefined) return this.#replay(lane, range);
    if (this.#isMild(random)) return this.#record(lane, 0);
    return this.#record(lane, from + (random.next() % (range - from)));
  }

  /** True in `numerator` of 256 cases; false is the mild choice. */
  chance(lane: number, numerator: number): boolean {
    if (numerator <= 0) return false;
    const random = this.#random;
    if (random === undefined) return this.#replay(lane, 2) === 1;
    const isTrue = !this.#isMild(random) && (random.next() & 255) < numerator;
    return this.#record(lane, isTrue ? 1 : 0) === 1;
  }

  /** An index into `weights`, by weight while exploring; any index with weight > 0 in a replay. */
  weighted(lane: number, weights: readonly number[]): number {
    const random = this.#random;
    if (random === undefined) {
      const index = this.#replay(lane, weights.length);
      return (weights[index] ?? 0) > 0 || index === 0 ? index : 0;
    }
    if (this.#isMild(random)) return this.#record(lane, 0);
    return this.#record(lane, drawIndex(random, weights));
  }

  /** 0 … max, small values far more often than large ones. */
  small(lane: number, max: number): number {
    const random = this.#random;
    if (random === undefined) return this.#replay(lane, max + 1);
    if (this.#isMild(random)) return this.#record(lane, 0);
    const bits = random.next() % 32;
    const value = bits === 0 ? random.next() : random.next() >>> bits;
    return this.#record(lane, value % (max + 1));
  }

  /**
   * An index into `weights` that only bends the odds of later draws: not recorded, and 0 in a
   * replay, where odds have no meaning. What it bends must draw as often whatever it says.
   */
  bias(weights: readonly number[]): number {
    return this.#random === undefined ? 0 : drawIndex(this.#random, weights);
  }

  /** What was drawn so far, trailing zeros left off: they are what an exhausted list gives. */
  recorded(): number[][] {
    return this.#recorded.map(trimZeros);
  }

  /** Begins a group where the lane stands. */
  group(lane: number): ChoiceGroup {
    const group: ChoiceGroup = { lane, start: this.mark(), items: [] };
    this.groups.push(group);
    return group;
  }

  /** Where all lanes stand. */
  mark(): Mark {
    return this.#recorded.map(({ length }) => length);
  }

  /** How many choices of a lane were drawn. */
  position(lane: number): number {
    return this.#recorded[lane]?.length ?? 0;
  }

  #isMild(random: Random): boolean {
    return this.#mildness > 0 && (random.next() & 255) < this.#mildness;
  }

  #replay(lane: number, range: number): number {
    const drawn = this.#recorded[lane];
    const value = this.#replayed[lane]?.[drawn?.length ?? 0] ?? 0;
    return this.#record(lane, value % range);
  }

  #record(lane: number, value: number): number {
    this.#recorded[lane]?.push(value);
    return value;
  }
}

function drawIndex(random: Random, weights: readonly number[]): number {
  let total = 0;
  for (const weight of weights) total += weight;
  let rest = random.next() % Math.max(total, 1);
  for (let index = 0; index < weights.length; index++) {
    rest -= weights[index] ?? 0;
    if (rest < 0) return index;
  }
  return 0;
}

/** A lane's number by its name, for readable draws. */
export const LANE = Object.fromEntries(LANES.map((name, index) => [name, index])) as {
  readonly [name in Lane]: number;
};

export function trimZeros(list: readonly number[]): number[] {
  let end = list.length;
  while (end > 0 && list[end - 1] === 0) end--;
  return list.slice(0, end);
}
