// What the cases of a segmented log are made of: a simulated disk, its faults and its choices, and
// processes one after the other, each with what its callers do and how it ends.

import fc from 'fast-check';

import type { WalOptions } from '../lib/index.js';
import type { FaultName } from '../sim/faults.js';
import { places } from './arbitraries.js';
import {
  choiceLists,
  faultSets,
  type SimulatedDisk,
  simulatedDisks,
} from './harness/simulation.js';

export type Step =
  | { readonly do: 'put'; readonly bytes: number; readonly sync: boolean }
  | { readonly do: 'delete'; readonly sync: boolean }
  | { readonly do: 'batch'; readonly count: number; readonly bytes: number }
  | { readonly do: 'flush' | 'rotate' }
  | { readonly do: 'settle' }
  | { readonly do: 'truncateBefore' | 'truncateAfter'; readonly place: number };

export type Ending = 'closed' | 'killed' | 'power lost';

export interface Life {
  readonly options: WalOptions;
  readonly steps: readonly (readonly [Step, number])[];
  readonly ending: Ending;
  readonly events: number;
  readonly crashInOpen: boolean;
}

export interface World {
  readonly disk: SimulatedDisk;
  readonly faults: readonly FaultName[];
  readonly lists: readonly number[][];
  readonly lives: readonly Life[];
}

const bytes = fc.oneof(fc.constantFrom(0, 10), fc.nat(300), fc.nat(3000));

function step<Name extends string, Fields>(
  name: Name,
  fields: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> },
): fc.Arbitrary<{ do: Name } & Fields> {
  const all = { do: fc.constant(name), ...fields };
  return fc.record(all, { noNullPrototype: true }) as unknown as fc.Arbitrary<
    { do: Name } & Fields
  >;
}

export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: step('put', { bytes, sync: fc.boolean() }) },
  { weight: 1, arbitrary: step('delete', { sync: fc.boolean() }) },
  { weight: 3, arbitrary: step('batch', { count: fc.integer({ min: 1, max: 5 }), bytes }) },
  { weight: 3, arbitrary: step('flush', {}) },
  { weight: 2, arbitrary: step('rotate', {}) },
  { weight: 2, arbitrary: step('settle', {}) },
  { weight: 2, arbitrary: step('truncateBefore', { place: places }) },
  { weight: 1, arbitrary: step('truncateAfter', { place: places }) },
);

/** Options of a log: small limits far more often than large ones, so that each is hit. */
export const options: fc.Arbitrary<WalOptions> = fc.record(
  {
    maxFileSize: fc.constantFrom(4096, 8192, 1 << 20),
    batchSize: fc.constantFrom(65_536, 300),
    channelCapacity: fc.constantFrom(1024, 2),
    directIo: fc.boolean(),
    preallocateBytes: fc.constantFrom(0, 4096),
    sync: fc.constantFrom('always' as const, 'manual' as const),
    verifyAll: fc.boolean(),
  },
  { noNullPrototype: true },
);

const life: fc.Arbitrary<Life> = fc.record(
  {
    options,
    steps: fc.array(fc.tuple(steps, fc.nat(12)), { maxLength: 12 }),
    ending: fc.constantFrom<Ending>('closed', 'killed', 'power lost', 'power lost'),
    events: fc.nat(60),
    crashInOpen: fc.integer({ min: 0, max: 7 }).map((number) => number === 7),
  },
  { noNullPrototype: true },
);

export const worlds: fc.Arbitrary<World> = fc.record(
  {
    disk: simulatedDisks,
    faults: faultSets,
    lists: choiceLists,
    lives: fc.array(life, { minLength: 1, maxLength: 4 }),
  },
  { noNullPrototype: true },
);
