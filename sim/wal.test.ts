// The segmented log on the simulated disk: crashes and faults inside rotation, truncation, batches,
// recovery, with readers at work.

import { expect, test } from 'vitest';
import { runCampaign } from './campaign.js';
import { missingOf } from './tally.js';
import { FAIR_FAULTS } from './user-world.js';

const SEED = Number(process.env['PROPERTY_SEED'] ?? 20261124);

test('a segmented log keeps its promises through crashes and faults', async () => {
  const limits = { faults: FAIR_FAULTS };
  const { failure, counts } = await runCampaign({ seed: SEED, worlds: 1500, limits, wal: true });
  expect(failure).toBeUndefined();
  expect(counts.worlds).toBe(1500);
  expect(counts.crashes).toBeGreaterThan(1500);
  expect(missingOf(counts, limits, true).activities).toEqual([]);
});
