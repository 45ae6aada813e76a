// Worlds that once broke a promise, kept as JSON beside the sources and run before everything else.

import { readFile, readdir } from 'node:fs/promises';
import type { Violation } from './invariants.js';
import { choicesOf, decodeToken } from './token.js';
import { runWalWorld } from './wal-world.js';
import { runWorld } from './world.js';

/** One kept case. */
export interface Regression {
  /** What was wrong, in a sentence. */
  readonly what: string;
  readonly invariant: string;
  readonly token: string;
  /** A world of the segmented log. */
  readonly wal?: boolean;
}

export interface FailedRegression {
  readonly file: string;
  readonly token: string;
  readonly wal: boolean;
  readonly violation: Violation;
}

/** Runs all kept cases; the first that fails again, if any. */
export async function runRegressions(): Promise<FailedRegression | undefined> {
  for (const { file, regression } of await loadRegressions()) {
    const { source, limits } = decodeToken(regression.token);
    const { token, wal = false } = regression;
    const { violation } = await (wal ? runWalWorld : runWorld)(choicesOf(source), limits);
    if (violation !== undefined) return { file, token, wal, violation };
  }
  return undefined;
}

export async function loadRegressions(): Promise<{ file: string; regression: Regression }[]> {
  // The built file stands in dist/sim, the cases in sim/regressions.
  const directory = new URL('../../sim/regressions/', import.meta.url);
  const files = await readdir(directory).catch(() => []);
  const cases = files.filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    cases.map(async (file) => {
      const text = await readFile(new URL(file, directory), 'utf8');
      return { file, regression: JSON.parse(text) as Regression };
    }),
  );
}
