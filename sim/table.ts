// The coverage table: fault × fired × invariants checked.

import { FAULTS, FAULT_NAMES } from './faults.js';
import { INVARIANT_NAMES } from './invariants.js';
import { type Counts, isExpected, isPromised } from './tally.js';
import { WAL_ACTIVITIES, WAL_ACTIVITY_NAMES } from './activities.js';
import type { WorldLimits } from './world.js';

export function coverageTable(counts: Counts, limits: WorldLimits, wal = false): string {
  const promised = INVARIANT_NAMES.filter((name) => isPromised(name, wal)).length;
  const lines = [row('fault', 'fired', 'worlds', 'invariants', 'what it is')];
  FAULT_NAMES.forEach((name, fault) => {
    if (!isExpected(name, limits, wal)) return;
    const checks = counts.checkedWith[fault] ?? [];
    const kinds = checks.filter((count) => count > 0).length;
    lines.push(
      row(
        name,
        grouped(counts.fired[fault] ?? 0),
        grouped(counts.worldsWith[fault] ?? 0),
        `${String(kinds)} of ${String(promised)}`,
        FAULTS[name].says,
      ),
    );
  });
  lines.push('', `${'invariant'.padEnd(28)}${'checked'.padStart(14)}`);
  INVARIANT_NAMES.forEach((name, invariant) => {
    if (!isPromised(name, wal)) return;
    lines.push(`${name.padEnd(28)}${grouped(counts.checked[invariant] ?? 0).padStart(14)}`);
  });
  if (wal) lines.push('', ...activityRows(counts));
  return lines.join('\n');
}

function activityRows(counts: Counts): string[] {
  return [
    `${'activity'.padEnd(28)}${'times'.padStart(14)}`,
    ...WAL_ACTIVITY_NAMES.map((name) => {
      const times = grouped(counts.reached[name] ?? 0);
      return `${name.padEnd(28)}${times.padStart(14)}  ${WAL_ACTIVITIES[name]}`;
    }),
  ];
}

/** A number with spaces between its thousands. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

function row(name: string, fired: string, worlds: string, checks: string, says: string): string {
  return `${name.padEnd(25)}${fired.padStart(10)}${worlds.padStart(10)}${checks.padStart(12)}  ${says}`;
}
