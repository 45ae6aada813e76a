// What a power cut leaves behind: the question a disk asks, and the ways to answer it.

import { type Choices, LANE } from './choices.js';
import { SECTOR_BYTES } from './profile.js';

/** A change of a file's size that a crash can lose. */
export interface SizeChange {
  readonly size: number;
  readonly shrinks: boolean;
}

/** Decides what of the unsynced state had reached the medium when the power went. */
export interface SurvivalPlan {
  /** Of `count` journalled changes, oldest first: how many survive. */
  changesKept(count: number): number;
  /**
   * How many bytes from the sector's front survive in their newest version: 0, a whole sector, or
   * part of one where sectors can tear. Negative: that many bytes of the version on the device, when
   * the cache has a newer one (`twice`).
   */
  sectorKept(sector: number, twice: boolean): number;
  /**
   * Called before, with how many sectors will be asked for, and of which the medium has an older
   * version: what is left without the newer one is a mix of both, harder to tell than a gap.
   */
  begin?(count: number, hasOlder: (index: number) => boolean): void;
}

/** Nothing that was not synced survives. */
export const NOTHING_SURVIVES: SurvivalPlan = { changesKept: () => 0, sectorKept: () => 0 };

const NOTHING = 0;
const EVERYTHING = 1;
const ALL_BUT_ONE = 3;
const MODE_WEIGHTS = [2, 1, 4, 6];
/** How much rather a sector is lost that has an older version than one that was never written. */
const OLDER = 8;

/** Draws what survives: nothing, everything, each sector by itself, or all but one. */
export function drawnSurvival(choices: Choices, torn: () => boolean): SurvivalPlan {
  const mode = choices.weighted(LANE.crash, MODE_WEIGHTS);
  let untilLost = -1;
  return {
    changesKept(count) {
      if (mode === NOTHING) return 0;
      if (mode === EVERYTHING) return count;
      // A size that is lost takes the sectors behind it along: often, none is.
      const weights = new Array<number>(count + 1).fill(1);
      weights[0] = count + 1;
      return count - choices.weighted(LANE.crash, weights);
    },
    begin(count, hasOlder) {
      if (mode !== ALL_BUT_ONE || count === 0) return;
      const weights = Array.from({ length: count }, (_, index) => (hasOlder(index) ? OLDER : 1));
      untilLost = choices.weighted(LANE.crash, weights);
    },
    sectorKept(_sector, twice) {
      if (mode === NOTHING) return 0;
      if (mode === EVERYTHING) return SECTOR_BYTES;
      if (mode === ALL_BUT_ONE) return untilLost-- === 0 ? 0 : SECTOR_BYTES;
      if (torn()) return choices.below(LANE.crash, SECTOR_BYTES);
      const version = choices.below(LANE.crash, twice ? 3 : 2);
      return version === 0 ? 0 : version === 1 ? SECTOR_BYTES : -SECTOR_BYTES;
    },
  };
}
