// What a campaign has seen: for each fault how often it fired, and how often each invariant was
// checked in worlds where it had. Green means fired.

import { FAULTS, FAULT_NAMES, type FaultName } from './faults.js';
import { INVARIANT_NAMES, type InvariantName, WAL_ONLY } from './invariants.js';
import { WAL_ACTIVITY_NAMES } from './activities.js';
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
  /** What workloads came to, and how often. */
  reached: Record<string, number>;
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
    reached: {},
  };
}

export function countWorld(counts: Counts, world: WorldResult): void {
  counts.worlds += 1;
  counts.crashes += world.crashes;
  counts.lives += world.lives;
  counts.steps += world.steps;
  addTo(counts.checked, world.checked);
  addTo(counts.fired, world.fired);
  addNamed(counts.reached, world.reached);
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
  addNamed(into.reached, Object.entries(more.reached));
  more.checkedWith.forEach((row, fault) => {
    addTo(into.checkedWith[fault], row);
  });
}

/** What a campaign was to exercise and did not. */
export interface Missing {
  readonly faults: readonly FaultName[];
  readonly invariants: readonly InvariantName[];
  /** Of the segmented log's workload. */
  readonly activities: readonly string[];
}

/** With `wal`, of worlds of the segmented log. */
export function missingOf(counts: Counts, limits: WorldLimits, wal = false): Missing {
  return {
    faults: FAULT_NAMES.filter((name, fault) => {
      return counts.fired[fault] === 0 && isExpected(name, limits, wal);
    }),
    invariants: INVARIANT_NAMES.filter((name, invariant) => {
      return counts.checked[invariant] === 0 && isPromised(name, wal);
    }),
    activities: wal ? WAL_ACTIVITY_NAMES.filter((name) => counts.reached[name] === undefined) : [],
  };
}

/** Whether an invariant is one of the log that is simulated. */
export function isPromised(name: InvariantName, wal: boolean): boolean {
  return wal || !WAL_ONLY.has(name);
}

/** Whether the limits of a campaign leave room for a fault. */
export function isExpected(name: FaultName, limits: WorldLimits, wal = false): boolean {
  const { site } = FAULTS[name];
  // The segmented log's workload does its own damage, and counts it as its activity.
  if (wal && site === 'medium') return false;
  const isLie = name === 'torn-sector' || name === 'lying-sync';
  if (isLie && limits.profile !== undefined && limits.profile !== 'lying') return false;
  if (site === 'event' || name === 'reordered') return true;
  return limits.faults === undefined || limits.faults.includes(name);
}

function addNamed(into: Record<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [name, count] of more) into[name] = (into[name] ?? 0) + count;
}

function addTo(into: number[] | undefined, more: readonly number[]): void {
  if (into === undefined) return;
  more.forEach((value, index) => {
    into[index] = (into[index] ?? 0) + value;
  });
}
