// A release check that counts as passed what did not run would be worse than none.

import { describe, expect, it } from 'vitest';
import { closingOf, verdictOf } from './release-check.js';

describe('how a check ended', () => {
  it.each([
    ['nothing counted', 0, 'built\n', 'passed', 'passed'],
    ['tests', 0, '12 passed, 0 failed\n', 'passed', 'passed, 12 tests passed'],
    ['failed', 1, '11 passed, 1 failed\n', 'failed', 'FAILED'],
    ['failed without a count', 2, 'error\n', 'failed', 'FAILED'],
    [
      'some of it skipped',
      0,
      'SKIPPED arm64: no qemu\n12 passed, 0 failed, 1 skipped\n',
      'skipped',
      'SKIPPED IN PART: 1, 12 tests passed',
    ],
    [
      'all of it skipped',
      0,
      'SKIPPED: no clang\n0 passed, 0 failed, 1 skipped\n',
      'skipped',
      'SKIPPED',
    ],
    ['a skip that nobody counted', 0, 'SKIPPED: musl\nok\n', 'skipped', 'SKIPPED IN PART: 1'],
    [
      'the last of several counts is the whole',
      0,
      '3 passed, 0 failed, 1 skipped\n9 passed, 0 failed\n',
      'passed',
      'passed, 9 tests passed',
    ],
  ])('%s', (_, status, output, kind, words) => {
    expect(verdictOf({ status, output })).toEqual({ kind, words });
  });
});

describe('the closing lines', () => {
  const ended = (...kinds) =>
    kinds.map((kind, i) => ({ name: `check ${i}`, verdict: { kind, words: kind } }));

  it.each([
    [ended('passed', 'passed'), [], '2 passed, 0 failed'],
    [ended('passed', 'skipped', 'failed'), [], '1 passed, 1 failed, 1 skipped'],
    [ended('passed'), ['tests'], '1 passed, 0 failed, 1 left out'],
  ])('%j, left out %j', (checks, leftOut, last) => {
    const lines = closingOf(checks, leftOut);
    expect(lines.at(-1)).toBe(last);
    expect(lines).toHaveLength(checks.length + leftOut.length + 1);
  });
});
