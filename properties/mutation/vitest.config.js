import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['properties/mutation/tests.js'],
    server: { deps: { external: [/\/dist\//] } },
    // Every mutant meets the same cases.
    env: { PROPERTY_SEED: '1', PROPERTY_RUNS: '150' },
    // No test takes a quarter of this; one that hangs with a mutant need not hang for long.
    testTimeout: 15_000,
    hookTimeout: 60_000,
  },
});
