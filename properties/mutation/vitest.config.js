import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['properties/mutation/tests.js'],
    server: { deps: { external: [/\/dist\//] } },
    // Every mutant meets the same cases.
    env: { PROPERTY_SEED: '1', PROPERTY_RUNS: '150' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
