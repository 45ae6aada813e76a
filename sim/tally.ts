// What a campaign has seen: for each fault how often it fired, and how often each invariant was
// checked in worlds where it had. Green means fired.

import { FAULTS, FAULT_NAMES, type FaultName } from './faults.js';
import { INVARIANT_NAMES, type InvariantName } from './invariants.js';
import type { WorldLimits, WorldResult } from './world.js';

/** Counts that can be sent between threads. */
export interface Counts {
  worlds: number;
  crashes: number;
  lives: number;
  steps: number;
  /** Worlds that were run a second time, to compare. */
  twice: number;
  /** By fault. */
  fired: number[];
  /** Worlds in which each fault fired. */
  worldsWith: number[];
  /** By invariant. */
  checked: number[];
  /** By fault, then by invariant: checks in worlds where the fault fired. */
  checkedWith: number[][];
}

export function emptyCounts(): Counts {
  return {
    worlds: 0,
    crashes: 0,
    lives: 0,
    steps: 0,
    twice: 0,
    fired: FAULT_NAMES.map(() => 0),
    worldsWith: FAULT_NAMES.map(() => 0),
    checked: INVARIANT_NAMES.map(() => 0),
    checkedWith: FAULT_NAMES.map(() => INVARIANT_NAMES.map(() => 0)),
  };
}

export function countWorld(counts: Counts, world: WorldResult): void {
  counts.worlds += 1;
  counts.crashes += world.crashes;
  counts.lives += world.lives;
  counts.steps += world.steps;
  addTo(counts.checked, world.checked);
  addTo(counts.fired, world.fired);
  world.fired.forEach((times, fault) => {
    if (times === 0) return;
    counts.worldsWith[fault] = (counts.worldsWith[fault] ?? 0) + 1;
    addTo(counts.checkedWith[fault], world.checked);
  });
}

export function addCounts(into: Counts, more: Counts): void {
  into.worlds += more.worlds;
  into.crashes += more.crashes;
  into.lives += more.lives;
  into.steps += more.steps;
  into.twice += more.twice;
  addTo(into.fired, more.fired);
  addTo(into.worldsWith, more.worldsWith);
  addTo(into.checked, more.checked);
  more.checkedWith.forEach((row, fault) => {
    addTo(into.checkedWith[fault], row);
  });
}

/** Invariants that the simulated driver itself watches, whatever runs on it. */
export const WATCHED: readonly InvariantName[] = [
  'buffer-unchanged-in-flight',
  'no-overlap-in-flight',
];
/** Events that only the single-file scenario tells of. */
const CALLERS_EVENTS: readonly FaultName[] = [
  'crash-in-open',
  'crash-in-recovery-again',
  'crash-in-close',
  'abort',
  'flush-mid-batch',
  'close-mid-batch',
];

/** What a campaign was to exercise and did not. */
export interface Missing {
  readonly faults: readonly FaultName[];
  readonly invariants: readonly InvariantName[];
}

/** With `wal`, of worlds whose model checks by itself and counts no checks, and no callers' events. */
export function missingOf(counts: Counts, limits: WorldLimits, wal = false): Missing {
  return {
    faults: FAULT_NAMES.filter((name, fault) => {
      return counts.fired[fault] === 0 && isExpected(name, limits, wal);
    }),
    invariants: INVARIANT_NAMES.filter((name, invariant) => {
      return counts.checked[invariant] === 0 && (!wal || WATCHED.includes(name));
    }),
  };
}

/** Whether the limits of a campaign leave room for a fault. */
export function isExpected(name: FaultName, limits: WorldLimits, wal = false): boolean {
  const { site } = FAULTS[name];
  if (wal && CALLERS_EVENTS.includes(name)) return false;
  const isLie = name === 'torn-sector' || name === 'lying-sync';
  if (isLie && limits.profile !== undefined && limits.profile !== 'lying') return false;
  if (site === 'event' || name === 'reordered') return true;
  return limits.faults === undefined || limits.faults.includes(name);
}

function addTo(into: number[] | undefined, more: readonly number[]): void {
  if (into === undefined) return;
  more.forEach((value, index) => {
    into[index] = (into[index] ?? 0) + value;
  });
}
