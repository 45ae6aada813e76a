// The simulator's own worlds, from plain lists of numbers: its scenario, its faults, its oracle,
// which holds every invariant of the design after every step. Each case allows a set of fault
// classes of its own.

import fc from 'fast-check';

import { Choices } from '../sim/choices.js';
import { FAULTS, FAULT_NAMES, type FaultName } from '../sim/faults.js';
import { INVARIANT_NAMES } from '../sim/invariants.js';
import { runWorld } from '../sim/world.js';
import { property } from './harness/property.js';
import { choiceLists } from './harness/simulation.js';

const classes = FAULT_NAMES.filter((name) => FAULTS[name].site !== 'event');

const faults: fc.Arbitrary<FaultName[]> = fc.oneof(
  fc.constant(classes),
  fc.subarray(classes),
  fc.subarray(classes, { maxLength: 3 }),
);

property({
  name: 'simulated-worlds',
  says: 'every invariant holds in every simulated world',
  level: 'simulated',
  cases: fc.tuple(choiceLists, faults),
  runs: 4000,
  reach: [...INVARIANT_NAMES, ...FAULT_NAMES.filter((name) => !isRare(name))],
  check: async ([lists, allowed], mark) => {
    const { violation, fired, checked } = await runWorld(Choices.fromLists(lists), {
      faults: allowed,
    });
    FAULT_NAMES.forEach((name, index) => (fired[index] ?? 0) > 0 && mark(name));
    INVARIANT_NAMES.forEach((name, index) => (checked[index] ?? 0) > 0 && mark(name));
    if (violation !== undefined) throw new Error(`${violation.invariant}: ${violation.message}`);
  },
});

/** Left to the simulator's own campaigns, which reach them by many more worlds. */
function isRare(name: FaultName): boolean {
  const rare = ['crash-in-recovery-again', 'crash-in-trim', 'allocate-error', 'torn-sector'];
  return rare.includes(name) || name.startsWith('dsync');
}
