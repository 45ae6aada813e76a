// The tests that mutants meet: the unit tests of the modules below the segmented log, and the
// properties of bytes and of the simulated disk. The quickest come first, since one failure is
// enough. Left out is what starts processes to end them, and what takes seconds for one answer.

import { defineConfig } from 'vitest/config';

/** What knows bytes only is not asked what callers of a writer are told. */
const BYTES = [
  ...['record', 'checksum', 'entry', 'scan', 'window', 'tail', 'batch-value'].map(unit),
  ...['round-trip', 'offsets-add-up', 'nested-records', 'native-equals-portable'].map(promise),
  ...['crash-is-not-corruption', 'bit-flips-are-detected'].map(promise),
  ...['arbitrary-bytes-never-throw', 'damage-is-told', 'simulated-worlds'].map(promise),
  ...['golden', 'reader', 'recovery'].map(unit),
];
const WRITER = [
  ...['waiters', 'batch', 'sync-alone', 'sync-goal', 'write-fully', 'settlement'].map(unit),
  ...['watermarks', 'zero-ahead', 'write-lane', 'commit', 'batch-value'].map(unit),
  ...['simulated-worlds', 'replay-matches-what-was-submitted'].map(promise),
  ...['append-many', 'diagnostics'].map(unit),
  // It counts all memory of the process: before tests whose failures leave some behind.
  ...['counts', 'writer-open', 'writer-failure', 'writer', 'writer-full', 'writer-driver'].map(
    unit,
  ),
];
const FILES = process.env.MUTATION_TESTS === 'bytes' ? BYTES : WRITER;

function unit(name) {
  return `dist/lib/${name}.test.js`;
}

function promise(name) {
  return `dist/properties/${name}.test.js`;
}

/** As listed, not as vitest guesses from sizes and earlier runs. */
class QuickestFirst {
  shard(files) {
    return files;
  }

  sort(files) {
    return [...files].sort((one, other) => rank(one) - rank(other));
  }
}

function rank({ moduleId }) {
  return FILES.findIndex((name) => moduleId.endsWith(name));
}

export default defineConfig({
  test: {
    include: FILES,
    server: { deps: { external: [/\/dist\//] } },
    setupFiles: ['./properties/mutation/in-child-processes.js'],
    sequence: { sequencer: QuickestFirst },
    // Every mutant meets the same cases.
    env: { PROPERTY_SEED: '1', PROPERTY_RUNS: '60' },
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
