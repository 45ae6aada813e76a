// The first and fastest test of a mutant: some hundred simulated worlds, in one process, from fixed
// seeds. Exits with 1 on the first broken invariant.

import { clearTimeout, setTimeout } from 'node:timers';

const { Choices } = await import('../../dist/sim/choices.js');
const { runWorld } = await import('../../dist/sim/world.js');

const WORLDS = Number(process.argv[2] ?? 500);
const WORLD_MS_MAX = 10_000;

const watchdog = setTimeout(() => process.exit(1), WORLD_MS_MAX * 3);
process.on('unhandledRejection', () => process.exit(1));
for (let seed = 1; seed <= WORLDS; seed++) {
  const { violation } = await runWorld(Choices.fromSeed(seed));
  if (violation !== undefined) process.exit(1);
}
clearTimeout(watchdog);
