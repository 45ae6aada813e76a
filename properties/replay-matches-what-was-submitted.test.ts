// The library's one promise, in a simulated world: whatever callers do, whatever fails, in whatever
// order operations complete and whenever the process dies or the power goes, the next open replays
// what was acknowledged: in order, at its offset, to the byte.
//
// The world is plain data, so what breaks it shrinks to a handful of operations. The model that
// judges it is ours (model.ts), not the simulator's.

import fc from 'fast-check';
import { expect } from 'vitest';

import {
  independentLine,
  independentRead,
  type PlacedRecord,
} from '../lib/fixtures/independent.js';
import { UringWalWriter, type UringWalOptions, WalReader } from '../lib/index.js';
import type { FaultName } from '../sim/faults.js';
import { plainOf } from './harness/bytes.js';
import { type Mark, property } from './harness/property.js';
import {
  choiceLists,
  faultSets,
  type SimulatedDisk,
  simulatedDisks,
  Simulation,
} from './harness/simulation.js';
import { type Ending, Model } from './model.js';
import { Callers, type Operation, operations, writerOptions } from './operations.js';

const LOG = '/log';

/** One process on the disk: what its callers do, with how many events between, and its end. */
interface Life {
  readonly options: UringWalOptions;
  readonly steps: readonly (readonly [Operation, number])[];
  readonly ending: Ending;
  /** Events after the last step until the end; undefined crashes inside open. */
  readonly events: number;
  readonly crashInOpen: boolean;
}

const life: fc.Arbitrary<Life> = fc.record(
  {
    options: writerOptions,
    steps: operations.chain((list) =>
      fc.tuple(...list.map((step) => fc.tuple(fc.constant(step), fc.nat(12)))),
    ),
    ending: fc.constantFrom<Ending>('closed', 'killed', 'power lost', 'power lost'),
    events: fc.nat(40),
    crashInOpen: fc.integer({ min: 0, max: 7 }).map((number) => number === 7),
  },
  { noNullPrototype: true },
);

interface World {
  readonly disk: SimulatedDisk;
  readonly faults: readonly FaultName[];
  readonly lists: readonly number[][];
  readonly lives: readonly Life[];
}

const worlds: fc.Arbitrary<World> = fc.record(
  {
    disk: simulatedDisks,
    faults: faultSets,
    lists: choiceLists,
    lives: fc.array(life, { minLength: 1, maxLength: 4 }),
  },
  { noNullPrototype: true },
);

property({
  name: 'replay-matches-what-was-submitted',
  says: 'after any failures and crashes, the replayed log matches the submitted entries',
  level: 'simulated',
  cases: worlds,
  runs: 1200,
  reach: [
    ...['written', 'durable', 'rejected', 'closed', 'killed', 'power lost', 'crash inside open'],
    ...['flush with open appends', 'flush with waiting appends'],
    ...['close with open appends', 'no faults', 'lost what it may'],
    ...['short-write', 'zero-write', 'write-eio', 'enospc', 'edquot', 'efbig', 'write-eintr'],
    ...['write-eagain', 'sync-error', 'read-error', 'short-read', 'truncate-error', 'open-error'],
    ...['slow-completion', 'reordered', 'directory-error'],
  ],
  check: async (world, mark) => {
    const simulation = new Simulation(world.disk, world.faults, world.lists);
    if (world.faults.length === 0) mark('no faults');
    const model = new Model();
    for (const one of world.lives) await live(simulation, model, one, mark);
    // The last look: nothing fails any more, and the log opens.
    simulation.environment.faultsOn = false;
    // An error of the past may still be told once.
    let isOpened = false;
    for (let tries = 0; !isOpened && tries < 3; tries++) {
      isOpened = await live(simulation, model, { ...EMPTY_LIFE, ending: 'closed' }, mark);
    }
    expect(isOpened).toBe(true);
    for (const fault of simulation.fired()) mark(fault);
    expect(simulation.environment.checks.violation).toBeUndefined();
  },
});

const EMPTY_LIFE = { options: {}, steps: [], events: 0, crashInOpen: false };

/** How the process before this one ended, for the open that follows. */
const endings = new WeakMap<Simulation, Ending>();

/** False: the process never got its log open. */
async function live(simulation: Simulation, model: Model, one: Life, mark: Mark): Promise<boolean> {
  const before = endings.get(simulation) ?? 'closed';
  const writer = await open(simulation, one, mark);
  if (writer === undefined) {
    // Nobody was told anything; the next process finds the worse of what this one and those
    // before it left.
    const happened = one.crashInOpen ? one.ending : 'killed';
    endings.set(simulation, worse(before, afterFaults(simulation, happened)));
    return false;
  }
  const log = simulation.environment.disk.file(LOG);
  const found = independentRead(log?.cache.subarray(0, log.size) ?? new Uint8Array(0));
  expect(found.end).toBe(log?.size);
  if (model.entries.some(({ state }) => state === 'written')) mark('lost what it may');
  model.replayed(found.records, before);
  expect(writer.recovery).toMatchObject({ records: found.records.length, bytes: found.end });
  expect((await readBack(simulation)).map(independentLine)).toEqual(
    found.records.map(independentLine),
  );

  const callers = new Callers(writer, model, mark, true);
  for (const [step, events] of one.steps) {
    if (step.do === 'settle') await simulation.runUntil(() => callers.open === 0);
    else callers.start(step);
    await simulation.run(events);
  }
  endings.set(simulation, await end(simulation, callers, one, mark));
  if (callers.problems.length > 0) throw callers.problems[0];
  return true;
}

/** What the library's own reader finds beside the writer; nothing fails meanwhile. */
async function readBack(simulation: Simulation): Promise<PlacedRecord[]> {
  const { environment } = simulation;
  const before = environment.faultsOn;
  environment.faultsOn = false;
  const found: PlacedRecord[] = [];
  let isOver = false;
  const problems: unknown[] = [];
  const reading = async (): Promise<void> => {
    const reader = await WalReader.open(LOG, { driver: simulation.driver });
    for await (const record of reader) found.push(plainOf(record));
    expect(reader.end?.kind).toBe('clean');
    await reader.close();
  };
  reading()
    .catch((error: unknown) => void problems.push(error))
    .finally(() => (isOver = true));
  await simulation.runUntil(() => isOver);
  environment.faultsOn = before;
  if (problems.length > 0) throw problems[0];
  return found;
}

/** Undefined: the process did not outlive its open, or a fault kept it from opening. */
async function open(
  simulation: Simulation,
  one: Life,
  mark: Mark,
): Promise<UringWalWriter | undefined> {
  let writer: UringWalWriter | undefined;
  let error: unknown;
  UringWalWriter.open(LOG, { ...one.options, driver: simulation.driver }).then(
    (opened) => (writer = opened),
    (reason: unknown) => (error = reason),
  );
  if (one.crashInOpen && one.ending !== 'closed') {
    await simulation.run(one.events);
    if (writer === undefined && error === undefined) mark('crash inside open');
    simulation.crash(one.ending);
    return undefined;
  }
  await simulation.runUntil(() => writer !== undefined || error !== undefined);
  if (error === undefined) return writer;
  // A fault may keep it from opening; damage, which there was none of, may not.
  expect((error as { code?: unknown }).code).not.toBe('ERR_WAL_CORRUPT');
  return undefined;
}

async function end(
  simulation: Simulation,
  callers: Callers,
  one: Life,
  mark: Mark,
): Promise<Ending> {
  mark(one.ending);
  if (one.ending === 'closed') {
    callers.close();
    await simulation.runUntil(() => callers.open === 0);
    expect(simulation.driver.openFiles.size + simulation.driver.locksHeld).toBe(0);
    // What a failed close leaves behind is like what a power cut does: only the durable is sure.
    return callers.hasFailed ? 'power lost' : afterFaults(simulation, 'closed');
  }
  await simulation.run(one.events);
  simulation.crash(one.ending);
  return afterFaults(simulation, one.ending);
}

/** A written record is in the page cache; a failed writeback may have taken it from there. */
function afterFaults(simulation: Simulation, ending: Ending): Ending {
  return simulation.environment.writebackFailures > 0 ? 'power lost' : ending;
}

function worse(one: Ending, other: Ending): Ending {
  const order: readonly Ending[] = ['closed', 'killed', 'power lost'];
  return order[Math.max(order.indexOf(one), order.indexOf(other))] ?? 'power lost';
}
