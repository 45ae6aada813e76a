// The coverage table: fault × fired × invariants checked.

import { FAULTS, FAULT_NAMES } from './faults.js';
import { INVARIANT_NAMES } from './invariants.js';
import { type Counts, WATCHED, isExpected } from './tally.js';
import type { WorldLimits } from './world.js';

export function coverageTable(counts: Counts, limits: WorldLimits, wal = false): string {
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
        `${String(kinds)} of ${String(INVARIANT_NAMES.length)}`,
        FAULTS[name].says,
      ),
    );
  });
  lines.push('', `${'invariant'.padEnd(28)}${'checked'.padStart(14)}`);
  INVARIANT_NAMES.forEach((name, invariant) => {
    if (wal && !WATCHED.includes(name)) return;
    lines.push(`${name.padEnd(28)}${grouped(counts.checked[invariant] ?? 0).padStart(14)}`);
  });
  return lines.join('\n');
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
