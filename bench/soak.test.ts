import { describe, expect, it } from 'vitest';
import { verdict } from './soak.js';
import { slopeOf } from './statistics.js';

const MINUTES = 10;
const samples = (rssAt: (minutes: number) => number) =>
  Array.from({ length: 600 }, (_, at) => ({ minutes: at / 60, rssBytes: rssAt(at / 60) }));

describe('a soak', () => {
  it('lays a line through the samples', () => {
    expect(
      slopeOf([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
    ).toBe(2);
    expect(
      slopeOf([
        [1, 3],
        [1, 5],
      ]),
    ).toBeNaN();
  });

  it.each([
    ['flat', () => 1e8],
    ['flat', (minutes: number) => 1e8 + 3e6 * Math.sin(30 * minutes)],
    ['flat', (minutes: number) => 1e8 + (minutes < 1 ? 5e7 * minutes : 5e7)],
    ['GROWING', (minutes: number) => 1e8 + 2e6 * minutes],
  ])('says %s', (word, rssAt) => {
    expect(verdict(samples(rssAt), MINUTES, 1)).toMatch(new RegExp(`^${word}: `));
  });

  it('says when it was too short', () => {
    expect(verdict([], MINUTES, 0)).toMatch(/^too short to tell/);
  });
});
