// A planted bug is a change of text: one that no longer fits its source plants nothing.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMIT_BUGS } from './bugs-commit.js';
import { OTHER_BUGS } from './bugs-recovery.js';
import { WAL_BUGS } from './bugs-wal.js';
import { CANARIES } from './canaries.js';
import { type Mutation, edited } from './mutation.js';

const MUTATIONS: readonly Mutation[] = [
  ...COMMIT_BUGS,
  ...OTHER_BUGS,
  ...WAL_BUGS,
  ...CANARIES.map(({ mutation }) => mutation),
];

describe('planted bugs', () => {
  it.each(MUTATIONS)('$name fits its source', ({ edits }) => {
    for (const { file, find, replace } of edits) {
      const text = readFileSync(file, 'utf8');
      expect(edited(text, file, find, replace)).not.toBe(text);
    }
  });

  it('have names of their own', () => {
    const names = MUTATIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(40);
  });

  it('are refused where their text is gone, or there twice', () => {
    expect(() => edited('a b', 'x.ts', 'c', 'd')).toThrow(/gone from x\.ts/);
    expect(() => edited('a b a', 'x.ts', 'a', 'd')).toThrow(/more than once in x\.ts/);
  });
});
