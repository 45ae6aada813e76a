// The callers of a segmented log in a simulated world: they do what the case says, tell the model
// what they were told, and read everything back after each open.

import { expect } from 'vitest';

import { Wal } from '../lib/index.js';
import { indexAt, patterned } from './arbitraries.js';
import type { Mark } from './harness/property.js';
import { Simulation } from './harness/simulation.js';
import { type FoundEntry, type SegmentedEntry, SegmentedModel } from './segmented-model.js';
import type { Ending, Life, Step, World } from './segmented-worlds.js';

const DIRECTORY = '/wal';

/** One world: processes one after the other on a disk, and what their callers were told. */
export class Run {
  readonly simulation: Simulation;
  readonly #model = new SegmentedModel();
  readonly #mark: Mark;
  readonly #problems: unknown[] = [];
  #ending: Ending = 'closed';
  #open = 0;
  #hasFailed = false;

  constructor({ disk, faults, lists }: World, mark: Mark) {
    this.simulation = new Simulation(disk, faults, lists);
    this.#mark = mark;
  }

  /** False: the process never got its log open. */
  async live(one: Life): Promise<boolean> {
    this.#open = 0;
    this.#hasFailed = false;
    const wal = await this.#openLog(one);
    if (wal === undefined) return false;
    if (wal.stats().segments > 1) this.#mark('several files');
    const found = await this.#read(wal);
    if (found === undefined) return this.#abandon(wal);
    this.#model.replayed(found, this.#ending);
    for (const [action, events] of one.steps) {
      if (action.do === 'settle') await this.simulation.runUntil(() => this.#open === 0);
      else this.#start(wal, action);
      await this.simulation.run(events);
    }
    this.#mark(one.ending);
    if (one.ending === 'closed') {
      this.#later(wal.close(), () => undefined);
      await this.simulation.runUntil(() => this.#open === 0);
      this.#ending = this.#hasFailed ? 'power lost' : this.#afterFaults('closed');
    } else {
      await this.simulation.run(one.events);
      this.simulation.crash(one.ending);
      this.#ending = this.#afterFaults(one.ending);
    }
    if (this.#problems.length > 0) throw this.#problems[0];
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
    this.#later(wal.close(), () => undefined);
    await this.simulation.runUntil(() => this.#open === 0);
    this.#ending = this.#worse('killed');
    return false;
  }

  #start(wal: Wal, action: Exclude<Step, { do: 'settle' }>): void {
    const model = this.#model;
    switch (action.do) {
      case 'put':
      case 'delete': {
        const value = action.do === 'put' ? patterned(action.bytes, model.entries.length) : EMPTY;
        this.#append(wal, [{ type: action.do, value }], action.sync, false);
        return;
      }
      case 'batch': {
        const parts = Array.from({ length: action.count }, (_, index) => ({
          type: 'put' as const,
          value: patterned(action.bytes, index),
        }));
        this.#append(wal, parts, true, true);
        return;
      }
      case 'flush': {
        const count = model.entries.length;
        if (wal.stats().waiting > 0) this.#mark('flush with waiting appends');
        this.#later(wal.flush(), () => model.flushed(count));
        return;
      }
      case 'rotate':
        this.#later(wal.rotate(), () => undefined);
        return;
      case 'truncateBefore':
        this.#forget(wal, action.place);
        return;
      case 'truncateAfter':
        this.#cut(wal, action.place);
        return;
    }
  }

  #append(
    wal: Wal,
    parts: readonly Pick<SegmentedEntry, 'type' | 'value'>[],
    sync: boolean,
    isBatch: boolean,
  ): void {
    const entries = this.#model.submit(parts);
    const [first] = entries;
    if (first === undefined) return;
    const appended = isBatch ? wal.appendBatch(entries, { sync }) : wal.append(first, { sync });
    const told = appended.then(
      ({ sequence }) => {
        this.#mark(isBatch ? 'batch' : sync ? 'durable' : 'written');
        this.#model.acknowledge(entries, sequence, sync);
      },
      (error: unknown) => {
        const isTooLarge = error instanceof RangeError;
        const code = (error as { code?: unknown }).code;
        const isRefused = isTooLarge || code === 'ERR_WAL_CLOSED' || code === 'ERR_WAL_QUEUE_FULL';
        for (const entry of entries) entry.state = isRefused ? 'refused' : 'rejected';
        this.#mark(isRefused ? 'refused' : 'rejected');
        if (!isRefused) this.#hasFailed = true;
      },
    );
    this.#later(told, () => undefined);
  }

  #forget(wal: Wal, place: number): void {
    const sequences = this.#model.sequences();
    const bound = sequences[indexAt(place, sequences.length)] ?? 0n;
    this.#model.forget(bound);
    this.#later(wal.truncateBefore(bound), ({ removed }) => {
      if (removed.length > 0) this.#mark('forgotten');
    });
  }

  /** Only while nothing else is under way: what an append meanwhile becomes is nobody's promise. */
  #cut(wal: Wal, place: number): void {
    if (this.#open > 0) return;
    const sequences = this.#model.sequences();
    const bound = sequences[indexAt(place, sequences.length)];
    if (bound === undefined || this.#isInsideBatch(bound)) return;
    this.#model.cut(bound);
    const done = wal.truncateAfter(bound).then(
      () => {
        this.#mark('cut');
        this.#model.cutDone(bound);
      },
      (error: unknown) => {
        // Forgotten meanwhile: it is not in the log any more.
        if (!(error instanceof RangeError)) this.#hasFailed = true;
      },
    );
    this.#later(done, () => undefined);
  }

  #isInsideBatch(bound: bigint): boolean {
    const at = this.#model.entries.find(({ sequence }) => sequence === bound);
    return this.#model.entries.filter(({ group }) => group === at?.group).length > 1;
  }

  #later<T>(promise: Promise<T>, done: (value: T) => void): void {
    const { driver } = this.simulation;
    this.#open += 1;
    promise
      .then(done, () => void (this.#hasFailed = true))
      .catch((problem: unknown) => void this.#problems.push(problem))
      .finally(() => {
        if (driver === this.simulation.driver) this.#open -= 1;
      });
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

const EMPTY = new Uint8Array(0);
