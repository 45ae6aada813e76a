// How figures are written: three significant digits, units that people read.

import type { Metric } from './workloads.js';

/** 1234567 → "1.23 M". */
export function quantity(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (value >= 1e9) return `${significant(value / 1e9)} G`;
  if (value >= 1e6) return `${significant(value / 1e6)} M`;
  if (value >= 1e3) return `${significant(value / 1e3)} k`;
  return significant(value);
}

/** Three significant digits, without an exponent. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (value === 0) return '0';
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(Math.max(digits, 0), 3));
}

/** The unit of a workload's figures. */
export function unitOf(metric: Metric): string {
  switch (metric) {
    case 'rate':
      return '/s';
    case 'throughput':
      return 'B/s';
    case 'latency':
      return 'µs';
    case 'duration':
      return 'ms';
  }
}

/** A figure with its unit: "1.23 M/s", "2.2 GB/s", "105 µs". */
export function figure(metric: Metric, value: number): string {
  const large = metric === 'rate' || metric === 'throughput';
  return large ? `${quantity(value)}${unitOf(metric)}` : `${significant(value)} ${unitOf(metric)}`;
}

/** What a workload's figures are. */
export function metricWords(metric: Metric): string {
  switch (metric) {
    case 'rate':
      return 'per second, more is better';
    case 'throughput':
      return 'bytes per second, more is better';
    case 'latency':
      return 'median latency, less is better';
    case 'duration':
      return 'time, less is better';
  }
}
