// Tests run on the built JavaScript (dist/), loaded by Node itself: coverage then maps back to the
// TypeScript exactly, and what is tested is what is shipped. `npm test` builds first.

import { defineConfig } from 'vitest/config';

/** A project inherits everything below but its name, its files and its time limit. */
function project(name, include, timeoutMs) {
  return {
    extends: true,
    test: { name, include, testTimeout: timeoutMs, hookTimeout: timeoutMs },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', ['dist/{lib,native,sim,bench}/**/*.test.js'], 120_000),
      project('properties', ['dist/properties/**/*.test.js'], 120_000),
      project('tooling', ['.ci/**/*.test.js'], 60_000),
    ],
    pool: 'forks',
    maxWorkers: '100%',
    execArgv: ['--enable-source-maps'],
    server: { deps: { external: [/\/dist\//] } },
    setupFiles: ['./.ci/take-coverage.js'],
    // A forgotten `.only` would pass for a full run.
    allowOnly: false,
    passWithNoTests: false,
    reporters: ['default', './.ci/tally-reporter.js'],
  },
});
