// The simulator's own worlds, from plain lists of numbers: its scenario, its faults, its oracle,
// which holds every invariant of the design after every step. Each case allows a set of fault
// classes of its own. Half of the worlds come from a seed instead of lists: they draw without end,
// and so get to what only long worlds meet.

import fc from 'fast-check';

import { Choices } from '../sim/choices.js';
import { FAULTS, FAULT_NAMES, type FaultName } from '../sim/faults.js';
import { INVARIANT_NAMES } from '../sim/invariants.js';
import { isPromised } from '../sim/tally.js';
import { runWorld } from '../sim/world.js';
import { property } from './harness/property.js';
import { choiceLists } from './harness/simulation.js';

const classes = FAULT_NAMES.filter((name) => FAULTS[name].site !== 'event');

/** What few worlds meet meets more often where nothing else gets in its way. */
const rare: FaultName[] = [
  'dsync-write-half',
  'dsync-sync-half',
  'dsync-enospc',
  'allocate-error',
  'torn-sector',
];

const faults: fc.Arbitrary<FaultName[]> = fc.oneof(
  fc.constant(classes),
  fc.subarray(classes),
  fc.subarray(classes, { maxLength: 3 }),
  fc.constant(rare),
);

property({
  name: 'simulated-worlds',
  says: 'every invariant holds in every simulated world',
  level: 'simulated',
  cases: fc.tuple(fc.oneof(choiceLists, fc.nat()), faults),
  runs: 3000,
  reach: [...INVARIANT_NAMES.filter((name) => isPromised(name, false)), ...FAULT_NAMES],
  check: async ([drawn, allowed], mark) => {
    const { violation, fired, checked } = await runWorld(
      typeof drawn === 'number' ? Choices.fromSeed(drawn) : Choices.fromLists(drawn),
      { faults: allowed },
    );
    FAULT_NAMES.forEach((name, index) => (fired[index] ?? 0) > 0 && mark(name));
    INVARIANT_NAMES.forEach((name, index) => (checked[index] ?? 0) > 0 && mark(name));
    if (violation !== undefined) throw new Error(`${violation.invariant}: ${violation.message}`);
  },
});
