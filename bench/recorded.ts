// Figures of the origin, AmateRS's wal_uring in Rust, which bench does not build. They were recorded
// on another run, on a 2-core VM with Linux 6.18 and ext4; a ratio to them is an order of magnitude.

import { quantity } from './format.js';
import { bestOurs, type WorkloadReport } from './report.js';

interface Recorded {
  readonly workload: string;
  readonly words: string;
  readonly perSecond: number;
  readonly wanted: number;
}

const RECORDED: readonly Recorded[] = [
  { workload: 'written-1024', words: 'appends written', perSecond: 178_000, wanted: 8 },
  { workload: 'durable-64', words: 'durable at 64 callers', perSecond: 13_000, wanted: 25 },
];

/** A line for each of them whose workload was measured. */
export function comparedWithRecorded(workloads: readonly WorkloadReport[]): string[] {
  return RECORDED.flatMap(({ workload, words, perSecond, wanted }) => {
    const measured = workloads.find((one) => one.name === workload);
    const ours = measured === undefined ? undefined : bestOurs(measured);
    if (ours?.summary === undefined) return [];
    const ratio = ours.summary.median / perSecond;
    return [
      `AmateRS wal_uring, ${words}: ${quantity(perSecond)}/s recorded; ` +
        `${ours.title} has ${quantity(ours.summary.median)}/s here, ${ratio.toFixed(1)} × ` +
        `(wanted ≥ ${String(wanted)} ×)`,
    ];
  });
}
