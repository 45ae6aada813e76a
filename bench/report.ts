// What a run found, as it stands in the JSON: everything the table and the chart are made from.

import type { Family, Task, TrialResult } from './contender.js';
import type { Environment } from './environment.js';
import { median, summarize, type Summary } from './statistics.js';
import { lowerIsBetter, metricOf, type Metric, type Target, type Workload } from './workloads.js';
import { entryOf } from './contenders/catalogue.js';

export interface Report {
  readonly environment: Environment;
  readonly rounds: number;
  /** Rounds of workloads that open a log, where these are not as many. */
  readonly recoverRounds?: number;
  readonly measureMs: number;
  readonly workloads: readonly WorkloadReport[];
}

export interface WorkloadReport {
  readonly name: string;
  readonly title: string;
  readonly task: Task;
  readonly metric: Metric;
  readonly rows: readonly RowReport[];
  readonly target?: TargetReport;
}

/** One contender in one workload. */
export interface RowReport {
  readonly id: string;
  readonly title: string;
  readonly family: Family;
  readonly blocks: boolean;
  readonly lacks: string;
  /** One figure a round; empty when there is none. */
  readonly values: readonly number[];
  readonly summary?: Summary;
  readonly p50Us?: number;
  readonly p99Us?: number;
  readonly cpuUs?: number;
  readonly loopDelayP99Ms?: number;
  readonly rssBytes?: number;
  readonly note?: string;
  /** Why there are no figures. */
  readonly missing?: string;
}

export interface TargetReport {
  readonly ratio: number;
  readonly atMost: boolean;
  /** Titles of who was compared; undefined when one of them has no figures. */
  readonly ours?: string;
  readonly yardstick?: string;
  /** The median of the ratios of the rounds, in each of which both were measured side by side. */
  readonly reached?: number;
  readonly reachedMin?: number;
  readonly reachedMax?: number;
  /** Rounds in which the target was met, and rounds in which both have a figure. */
  readonly metRounds: number;
  readonly pairedRounds: number;
  readonly verdict: Verdict;
}

/** `noisy`: the median says one thing, but the rounds differ too much to believe it. */
export type Verdict = 'met' | 'missed' | 'noisy' | 'unmeasured';

/** Ratios of rounds that lie further apart than this factor prove nothing. */
const SPREAD_MAX = 2;
/** One round in so many may stand apart: a machine is never quite alone. */
const ROUNDS_PER_OUTLIER = 5;

/** One row from its trials. */
export function rowOf(
  workload: Workload,
  id: string,
  results: readonly TrialResult[],
  missing: string | undefined,
): RowReport {
  const { title, family, blocks, lacks } = entryOf(id);
  const facts = { id, title, family, blocks, lacks };
  if (results.length === 0) return { ...facts, values: [], missing: missing ?? 'did not run' };
  const values = results.map((result) => metricOf(workload.metric, result));
  const middle = (pick: (result: TrialResult) => number | undefined): number | undefined => {
    const known = results.map(pick).filter((value) => value !== undefined);
    return known.length > 0 ? median(known) : undefined;
  };
  const optional = {
    p50Us: middle((result) => result.p50Us),
    p99Us: middle((result) => result.p99Us),
    cpuUs: middle((result) => result.cpuUs),
    loopDelayP99Ms: middle((result) => result.loopDelayP99Ms),
    rssBytes: largest(results.flatMap(({ rssBytes }) => rssBytes ?? [])),
    note: results[0]?.note,
    missing,
  };
  const known = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    ...facts,
    values,
    summary: summarize(values),
    ...(Object.fromEntries(known) as Partial<RowReport>),
  };
}

/** Of a peak that was read again and again. */
function largest(values: readonly number[]): number | undefined {
  return values.length > 0 ? Math.max(...values) : undefined;
}

/** "medians of 9 rounds of 100 ms". */
export function roundsWords({ rounds, recoverRounds = rounds, measureMs }: Report): string {
  const others = recoverRounds === rounds ? '' : ` (${String(recoverRounds)} of opening a log)`;
  return `medians of ${String(rounds)} rounds of ${String(measureMs)} ms${others}`;
}

/** The best of some rows; undefined when none has figures. */
export function bestOf(metric: Metric, rows: readonly RowReport[]): RowReport | undefined {
  const sign = lowerIsBetter(metric) ? 1 : -1;
  const withFigures = rows.filter((row) => row.summary !== undefined);
  withFigures.sort((a, b) => sign * ((a.summary?.median ?? 0) - (b.summary?.median ?? 0)));
  return withFigures[0];
}

/** Who stands for ours: its best row. */
export function bestOurs(report: Pick<WorkloadReport, 'metric' | 'rows'>): RowReport | undefined {
  return bestOf(
    report.metric,
    report.rows.filter((row) => row.family === 'ours'),
  );
}

/** The best peer that leaves the event loop free. */
export function bestPeer(report: Pick<WorkloadReport, 'metric' | 'rows'>): RowReport | undefined {
  return bestOf(
    report.metric,
    report.rows.filter((row) => row.family === 'peer' && !row.blocks),
  );
}

/** How ours stands to the target's yardstick. */
export function judge(
  target: Target,
  workload: Pick<WorkloadReport, 'metric' | 'rows'>,
): TargetReport {
  const { yardstick } = target;
  const ours = bestOurs(workload);
  const other =
    yardstick.against === 'best-peer'
      ? bestPeer(workload)
      : workload.rows.find((row) => row.id === yardstick.id);
  const atMost = lowerIsBetter(workload.metric);
  const facts = { ratio: target.ratio, atMost };
  if (ours?.summary === undefined || other?.summary === undefined) {
    return { ...facts, metRounds: 0, pairedRounds: 0, verdict: 'unmeasured' };
  }
  const isMet = (ratio: number): boolean =>
    atMost ? ratio <= target.ratio : ratio >= target.ratio;
  const paired = Math.min(ours.values.length, other.values.length);
  const ratios = ours.values.slice(0, paired).map((value, at) => value / (other.values[at] ?? 0));
  const { median: reached, min: reachedMin, max: reachedMax } = summarize(ratios);
  const metRounds = ratios.filter(isMet).length;
  const against = isMet(reached) ? paired - metRounds : metRounds;
  const noisy = against > Math.floor(paired / ROUNDS_PER_OUTLIER) || isWide(ratios);
  return {
    ...facts,
    ours: ours.title,
    yardstick: other.title,
    reached,
    reachedMin,
    reachedMax,
    metRounds,
    pairedRounds: paired,
    verdict: noisy ? 'noisy' : isMet(reached) ? 'met' : 'missed',
  };
}

/** Whether the rounds, but for those furthest from the median, lie too far apart. */
function isWide(values: readonly number[]): boolean {
  const middle = median(values);
  const distance = (value: number): number => Math.abs(Math.log(value / middle));
  const near = [...values].sort((a, b) => distance(a) - distance(b));
  near.length -= Math.floor(values.length / ROUNDS_PER_OUTLIER);
  return Math.max(...near) > SPREAD_MAX * Math.min(...near);
}
