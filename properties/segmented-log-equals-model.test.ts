// The log of many files: puts, deletes, atomic batches, rotation, forgetting from the front and
// cutting at the end, in simulated worlds with faults and crashes. What is read back after each
// open is what callers were told: in order, without gaps in the sequences, batches whole or absent.

import { expect } from 'vitest';

import { property } from './harness/property.js';
import { Run } from './segmented-run.js';
import { type Life, worlds } from './segmented-worlds.js';

property({
  name: 'segmented-log-equals-model',
  says: 'after any failures and crashes, a log of many files is what its callers were told',
  level: 'simulated',
  cases: worlds,
  runs: 500,
  reach: [
    ...['flush with waiting appends'],
    ...['written', 'durable', 'batch', 'several files', 'forgotten', 'cut', 'rejected'],
    ...['closed', 'killed', 'power lost', 'crash inside open', 'short-write', 'sync-error'],
  ],
  check: async (world, mark) => {
    const run = new Run(world, mark);
    for (const one of world.lives) await run.live(one);
    run.simulation.environment.faultsOn = false;
    let isOpened = false;
    for (let tries = 0; !isOpened && tries < 3; tries++) isOpened = await run.live(LAST_LIFE);
    expect(isOpened).toBe(true);
    for (const fault of run.simulation.fired()) mark(fault);
    expect(run.simulation.environment.checks.violation).toBeUndefined();
  },
});

const LAST_LIFE: Life = {
  options: { verifyAll: true },
  steps: [],
  ending: 'closed',
  events: 0,
  crashInOpen: false,
};
