// The tests that mutants meet: the unit tests of the modules below the segmented log, and the
// properties of bytes and of the simulated disk. The quickest come first, since one failure is
// enough. Left out is what starts processes to end them, and what takes seconds for one answer.
// They are one file, so that a mutant costs one thread and one load of the library.

import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe } from 'vitest';

/** What knows bytes only is not asked what callers of a writer are told. */
const BYTES = [
  ...['record', 'checksum', 'entry', 'scan', 'window', 'tail', 'batch-value'].map(unit),
  ...['tail-search', 'without-addon'].map(unit),
  ...['round-trip', 'offsets-add-up', 'nested-records', 'native-equals-portable'].map(promise),
  ...['crash-is-not-corruption', 'bit-flips-are-detected'].map(promise),
  ...['arbitrary-bytes-never-throw', 'damage-is-told', 'simulated-worlds'].map(promise),
  ...['golden', 'reader', 'recovery', 'recovery-sequence', 'resized-value'].map(unit),
];
const WRITER = [
  ...['waiters', 'batch', 'sync-alone', 'sync-goal', 'write-fully', 'settlement'].map(unit),
  ...['watermarks', 'zero-ahead', 'write-lane', 'commit', 'batch-value', 'batch-memory'].map(unit),
  unit('write-mode'),
  ...['simulated-worlds', 'replay-matches-what-was-submitted'].map(promise),
  ...['append-many', 'diagnostics', 'resized-value'].map(unit),
  // It counts all memory of the process: before tests whose failures leave some behind.
  ...['counts', 'writer-open', 'writer-failure', 'writer', 'writer-full', 'writer-driver'].map(
    unit,
  ),
];

const files = process.env.MUTATION_TESTS === 'bytes' ? BYTES : WRITER;
for (const file of files.filter((name) => existsSync(name))) {
  describe(file, async () => {
    await import(join(process.cwd(), file));
  });
}

// Some tests start processes that import the library: the mutant is there as well. Some of those run
// as another user, who must be let in.
beforeAll(() => {
  chmodSync(process.cwd(), 0o755);
  const active = globalThis.__stryker__?.activeMutant;
  if (active !== undefined) process.env.__STRYKER_ACTIVE_MUTANT__ = active;
});

function unit(name) {
  return `dist/lib/${name}.test.js`;
}

function promise(name) {
  return `dist/properties/${name}.test.js`;
}
