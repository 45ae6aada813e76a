// The first and fastest test of a mutant: some hundred simulated worlds, in one process, from fixed
// seeds. Exits with 1 on the first broken invariant, or when a world does not come to an end.

import { clearTimeout, setTimeout } from 'node:timers';

const { Choices } = await import('../../dist/sim/choices.js');
const { runWorld } = await import('../../dist/sim/world.js');

const WORLDS = Number(process.argv[2] ?? 500);
const WORLD_MS_MAX = 30_000;

process.on('unhandledRejection', () => process.exit(1));
for (let seed = 1; seed <= WORLDS; seed++) {
  const watchdog = setTimeout(() => process.exit(1), WORLD_MS_MAX);
  const { violation } = await runWorld(Choices.fromSeed(seed));
  clearTimeout(watchdog);
  if (violation !== undefined) {
    console.log(`seed ${seed}: ${violation.invariant}: ${violation.message}`);
    process.exit(1);
  }
}
