// The segmented log on the simulated disk: crashes and faults inside rotation, truncation, batches,
// recovery, with readers at work.

import { expect, test } from 'vitest';
import { simulate } from './index.js';
import { walWorkload } from './wal-workload.js';

const SEED = Number(process.env['PROPERTY_SEED'] ?? 20261124);

test('a segmented log keeps its promises through crashes and faults', async () => {
  const { failure, crashes, worlds } = await simulate(walWorkload, { worlds: 300, seed: SEED });
  expect(failure && [failure.message, ...failure.steps, failure.token].join('\n')).toBeUndefined();
  expect(worlds).toBe(300);
  expect(crashes).toBeGreaterThan(300);
});
