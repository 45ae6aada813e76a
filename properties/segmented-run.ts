// The callers of a segmented log in a simulated world: they do what the case says, tell the model
// what they were told, and read everything back after each open.

import { expect } from 'vitest';

import { Wal } from '../lib/index.js';
import type { Mark } from './harness/property.js';
import { Simulation } from './harness/simulation.js';
import { SegmentedCallers } from './segmented-callers.js';
import { type FoundEntry, SegmentedModel } from './segmented-model.js';
import type { Ending, Life, World } from './segmented-worlds.js';

const DIRECTORY = '/wal';

/** One world: processes one after the other on a disk, and what their callers were told. */
export class Run {
  readonly simulation: Simulation;
  readonly #model = new SegmentedModel();
  readonly #mark: Mark;
  #ending: Ending = 'closed';

  constructor({ disk, faults, lists }: World, mark: Mark) {
    this.simulation = new Simulation(disk, faults, lists);
    this.#mark = mark;
  }

  /** False: the process never got its log open. */
  async live(one: Life): Promise<boolean> {
    const wal = await this.#openLog(one);
    if (wal === undefined) return false;
    if (wal.stats().segments > 1) this.#mark('several files');
    const found = await this.#read(wal);
    if (found === undefined) return this.#abandon(wal);
    this.#model.replayed(found, this.#ending);
    const callers = new SegmentedCallers(wal, this.#model, this.#mark);
    for (const [action, events] of one.steps) {
      if (action.do === 'settle') await this.simulation.runUntil(() => callers.open === 0);
      else callers.start(action);
      await this.simulation.run(events);
    }
    this.#mark(one.ending);
    if (one.ending === 'closed') {
      callers.close();
      await this.simulation.runUntil(() => callers.open === 0);
      this.#ending = callers.hasFailed ? 'power lost' : this.#afterFaults('closed');
    } else {
      await this.simulation.run(one.events);
      this.simulation.crash(one.ending);
      this.#ending = this.#afterFaults(one.ending);
    }
    if (callers.problems.length > 0) throw callers.problems[0];
    return true;
  }

  async #openLog(one: Life): Promise<Wal | undefined> {
    let wal: Wal | undefined;
    let error: unknown;
    Wal.open(DIRECTORY, { ...one.options, driver: this.simulation.driver }).then(
      (opened) => (wal = opened),
      (reason: unknown) => (error = reason),
    );
    if (one.crashInOpen && one.ending !== 'closed') {
      await this.simulation.run(one.events);
      if (wal === undefined && error === undefined) this.#mark('crash inside open');
      this.simulation.crash(one.ending);
      this.#ending = this.#worse(one.ending);
      return undefined;
    }
    await this.simulation.runUntil(() => wal !== undefined || error !== undefined);
    if (error === undefined) return wal;
    expect((error as { code?: unknown }).code).not.toBe('ERR_WAL_CORRUPT');
    this.#ending = this.#worse('killed');
    return undefined;
  }

  /** Undefined: a fault kept it from reading. */
  async #read(wal: Wal): Promise<FoundEntry[] | undefined> {
    const found: FoundEntry[] = [];
    let isOver: boolean | 'failed' = false;
    const reading = async (): Promise<void> => {
      for await (const record of wal.read()) found.push(record);
    };
    reading().then(
      () => (isOver = true),
      () => (isOver = 'failed'),
    );
    await this.simulation.runUntil(() => isOver !== false);
    return (isOver as boolean | 'failed') === 'failed' ? undefined : found;
  }

  async #abandon(wal: Wal): Promise<boolean> {
    expect(this.simulation.environment.faultsOn).toBe(true);
    const callers = new SegmentedCallers(wal, this.#model, this.#mark);
    callers.close();
    await this.simulation.runUntil(() => callers.open === 0);
    this.#ending = this.#worse('killed');
    return false;
  }

  #afterFaults(ending: Ending): Ending {
    return this.simulation.environment.writebackFailures > 0 ? 'power lost' : ending;
  }

  #worse(happened: Ending): Ending {
    const order: readonly Ending[] = ['closed', 'killed', 'power lost'];
    const other = this.#afterFaults(happened);
    return order[Math.max(order.indexOf(this.#ending), order.indexOf(other))] ?? 'power lost';
  }
}
