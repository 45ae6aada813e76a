// A simulated world that a property drives by itself: the simulator's disk and driver, the real
// library on top, and plain arrays for everything that the world decides.

import fc from 'fast-check';

import { Choices, LANES } from '../../sim/choices.js';
import { SimDriver } from '../../sim/driver.js';
import { SimEnvironment } from '../../sim/environment.js';
import { FAULTS, FAULT_NAMES, type FaultName } from '../../sim/faults.js';

/** How a world decides: mostly the mild way, 0. */
const decision = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.nat(65_535) },
);

/** Lanes that decide for something more often than not. */
const EAGER: ReadonlySet<string> = new Set(['config', 'action', 'detail', 'extent']);

/** The choices of a world, lane by lane, in the order of sim's LANES. */
export const choiceLists: fc.Arbitrary<number[][]> = fc.tuple(
  ...LANES.map((lane) =>
    fc.array(EAGER.has(lane) ? fc.nat(65_535) : decision, {
      maxLength: lane === 'config' ? 80 : 120,
      size: 'max',
    }),
  ),
);

const FILE_SYSTEM_FAULTS = FAULT_NAMES.filter((name) => {
  const { site } = FAULTS[name];
  return site !== 'medium' && site !== 'event';
});

/** What fails a write, or leaves it short: the log is cut back, and goes on. */
const WRITE_FAULTS = FILE_SYSTEM_FAULTS.filter((name) => FAULTS[name].site === 'write');

/** Which fault classes exist in a world: some none, some a few, some all. */
export const faultSets: fc.Arbitrary<FaultName[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<FaultName[]>([]) },
  { weight: 3, arbitrary: fc.subarray(WRITE_FAULTS, { minLength: 1 }) },
  { weight: 3, arbitrary: fc.subarray(FILE_SYSTEM_FAULTS, { minLength: 1, maxLength: 4 }) },
  { weight: 3, arbitrary: fc.subarray(FILE_SYSTEM_FAULTS) },
);

/** How a simulated file system is. */
export interface SimulatedDisk {
  readonly profile: 'ext4' | 'ext4-journal' | 'btrfs';
  readonly honoursDsync: boolean;
  readonly direct: boolean;
}

export const simulatedDisks: fc.Arbitrary<SimulatedDisk> = fc.record(
  {
    profile: fc.constantFrom('ext4' as const, 'ext4-journal' as const, 'btrfs' as const),
    honoursDsync: fc.boolean(),
    // What recovery cannot read past the cache it cannot judge; it says so. Asserted is the rest.
    direct: fc.constant(true),
  },
  { noNullPrototype: true },
);

/** Drives the processes of one world, event after event. */
export class Simulation {
  readonly environment: SimEnvironment;
  driver: SimDriver;

  constructor(disk: SimulatedDisk, faults: readonly FaultName[], lists: readonly number[][]) {
    const choices = Choices.fromLists(lists);
    this.environment = new SimEnvironment(choices, disk, new Set(faults));
    this.driver = new SimDriver(this.environment);
  }

  /** Takes up to `events` events, each after what the last one woke has run. */
  async run(events: number): Promise<void> {
    for (let event = 0; event < events; event++) {
      await drained();
      if (!this.#step()) return;
    }
    await drained();
  }

  /** Goes on until `isOver`, or throws when nothing moves any more. */
  async runUntil(isOver: () => boolean): Promise<void> {
    for (let event = 0; event < EVENTS_MAX; event++) {
      await drained();
      if (isOver()) return;
      if (!this.#step()) throw new Error('a promise is open, and nothing is left to happen');
    }
    throw new Error(`promises are still open after ${EVENTS_MAX} events`);
  }

  /** The process ends, as it may; a new one starts on the same disk. */
  crash(kind: 'killed' | 'power lost'): void {
    if (kind === 'killed') this.driver.kill();
    else this.driver.powerCut();
    this.driver = new SimDriver(this.environment);
  }

  /** How often each fault fired, by name. */
  fired(): FaultName[] {
    return FAULT_NAMES.filter((_name, index) => (this.environment.fired[index] ?? 0) > 0);
  }

  #step(): boolean {
    const { driver, environment } = this;
    environment.step += 1;
    environment.clock += 0.01;
    if (driver.runDeferred()) return true;
    const ready = driver.operations.eligible();
    if (ready > 0) driver.operations.advance(environment.choices.below(ORDER_LANE, ready));
    else if (driver.operations.list.length > 0) driver.operations.advance(0);
    else if (driver.timers > 0) driver.fireTimer();
    else return false;
    return true;
  }
}

const ORDER_LANE = LANES.indexOf('order');
/** A world that needs more is stuck. */
const EVENTS_MAX = 20_000;

function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
