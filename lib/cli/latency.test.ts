// Percentiles against sorting.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency.js';

function filled(durations: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const duration of durations) histogram.add(duration);
  return histogram;
}

describe('LatencyHistogram', () => {
  it('is within 3 % of the sorted truth', () => {
    const durations = fc.array(fc.double({ min: 0.001, max: 10_000, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (list, part) => {
        const sorted = list.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(part * list.length)) - 1] ?? NaN;
        const found = filled(list).percentileMs(part);
        expect(Math.abs(found / exact - 1)).toBeLessThan(0.03);
      }),
    );
  });

  it('adds up', () => {
    const both = filled([1, 2]);
    both.addAll(filled([30]));
    expect([both.count, both.maxMs]).toEqual([3, 30]);
    expect(both.percentileMs(1)).toBe(30);
  });

  it('knows nothing when empty, and survives extremes', () => {
    expect(filled([]).percentileMs(0.5)).toBeNaN();
    expect(filled([0]).percentileMs(0.5)).toBe(0);
    expect(filled([1e12]).percentileMs(0.5)).toBeGreaterThan(1e4);
  });
});
