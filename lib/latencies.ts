// How long writes and syncs take, one figure for each batch and each sync, never one for each
// append: HDR histograms of node:perf_hooks. They cost memory and time to make, so the first
// figures are only kept, and a histogram is made when there are many.

import type { RecordableHistogram } from 'node:perf_hooks';
import { createHistogram } from 'node:perf_hooks';

/**
 * What was measured since the log was opened; durations are in microseconds, 0 when `count` is 0.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * await writer.append(WalEntry.put(2n, 'key', 'value'), { sync: true });
 * const latency: LatencySummary = writer.stats().syncLatency;
 * console.log(latency.count > 0, latency.p50 <= latency.p99); // → true true
 * await writer.close();
 */
export interface LatencySummary {
  /** Operations measured. */
  readonly count: number;
  /** The shortest. */
  readonly min: number;
  /** Their average. */
  readonly mean: number;
  /** The median. */
  readonly p50: number;
  /** Nine of ten took no longer. */
  readonly p90: number;
  /** 99 of 100 took no longer. */
  readonly p99: number;
  /** 999 of 1000 took no longer. */
  readonly p999: number;
  /** The longest. */
  readonly max: number;
}

/**
 * Latencies of a log.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * await writer.append(WalEntry.put(2n, 'key', 'value'));
 * const { writeLatency }: LatencyStats = writer.stats();
 * console.log(writeLatency.count); // → 1
 * await writer.close();
 */
export interface LatencyStats {
  /** From the submission of a batch to its completion. */
  readonly writeLatency: LatencySummary;
  /** From the submission of a sync to its completion. */
  readonly syncLatency: LatencySummary;
}

/** The histogram counts in tenths of a microsecond, to about 1 %. */
const UNITS_PER_MS = 10_000;
const UNITS_PER_MICROSECOND = UNITS_PER_MS / 1000;
/** Longer ones count as this long. */
const LONGEST_MS = 600_000;
const FIGURES = 2;
/** So many figures are kept before they are counted. */
const KEPT_MAX = 256;

/** Durations of one kind of operation. */
export class LatencyHistogram {
  #histogram: RecordableHistogram | undefined;
  readonly #kept: number[] = [];

  /** Notes a duration, in milliseconds. */
  record(durationMs: number): void {
    this.#kept.push(durationMs);
    if (this.#kept.length >= KEPT_MAX) this.#count();
  }

  /** All that was noted so far. */
  summary(): LatencySummary {
    if (this.#histogram === undefined) return summaryOfFew(this.#kept);
    const histogram = this.#count();
    const at = (part: number): number => histogram.percentile(part) / UNITS_PER_MICROSECOND;
    return {
      count: histogram.count,
      min: histogram.min / UNITS_PER_MICROSECOND,
      mean: histogram.mean / UNITS_PER_MICROSECOND,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: histogram.max / UNITS_PER_MICROSECOND,
    };
  }

  #count(): RecordableHistogram {
    const highest = LONGEST_MS * UNITS_PER_MS;
    this.#histogram ??= createHistogram({ lowest: 1, highest, figures: FIGURES });
    for (const durationMs of this.#kept) this.#histogram.record(unitsOf(durationMs));
    this.#kept.length = 0;
    return this.#histogram;
  }
}

function unitsOf(durationMs: number): number {
  return Math.max(1, Math.round(Math.min(durationMs, LONGEST_MS) * UNITS_PER_MS));
}

/** As the histogram would tell it, but exactly. */
function summaryOfFew(durationsMs: readonly number[]): LatencySummary {
  const count = durationsMs.length;
  if (count === 0) return { count, min: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
  const sorted = Float64Array.from(durationsMs, unitsOf).sort();
  const at = (part: number): number =>
    (sorted[Math.ceil((part / 100) * count) - 1] ?? 0) / UNITS_PER_MICROSECOND;
  const sum = sorted.reduce((total, units) => total + units, 0);
  return {
    count,
    min: at(0.001),
    mean: sum / count / UNITS_PER_MICROSECOND,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: at(100),
  };
}

/** The histograms of one log, whatever files it goes through. */
export class Latencies {
  readonly write = new LatencyHistogram();
  readonly sync = new LatencyHistogram();

  get stats(): LatencyStats {
    return { writeLatency: this.write.summary(), syncLatency: this.sync.summary() };
  }
}
