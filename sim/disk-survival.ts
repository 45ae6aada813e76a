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
}

/** Nothing that was not synced survives. */
export const NOTHING_SURVIVES: SurvivalPlan = { changesKept: () => 0, sectorKept: () => 0 };

const NOTHING = 0;
const EVERYTHING = 1;

/** Draws what survives: nothing, everything, or each sector by itself. */
export function drawnSurvival(choices: Choices, torn: () => boolean): SurvivalPlan {
  const mode = choices.weighted(LANE.crash, [3, 2, 6]);
  return {
    changesKept(count) {
      if (mode === NOTHING) return 0;
      if (mode === EVERYTHING) return count;
      return count - choices.below(LANE.crash, count + 1);
    },
    sectorKept(_sector, twice) {
      if (mode === NOTHING) return 0;
      if (mode === EVERYTHING) return SECTOR_BYTES;
      if (torn()) return choices.below(LANE.crash, SECTOR_BYTES);
      const version = choices.below(LANE.crash, twice ? 3 : 2);
      return version === 0 ? 0 : version === 1 ? SECTOR_BYTES : -SECTOR_BYTES;
    },
  };
}
