// An application's own workload as a scenario: one asynchronous function is a process; whatever it
// throws that the simulated faults do not explain is a broken check.

import { WalError } from '../lib/index.js';
import { IoError, type IoDriver } from '../lib/io/driver.js';
import { LANE } from './choices.js';
import type { SimDriver } from './driver.js';
import type { CrashKind, Scenario } from './engine.js';
import type { SimEnvironment } from './environment.js';

/**
 * What a simulated process is given.
 *
 * @example
 * async function run({ driver, pick, note }: SimProcess): Promise<void> {
 *   const wal = await Wal.open('/log', { driver });
 *   const count = pick(3);
 *   note(`${count} entries`);
 *   for (let i = 0; i < count; i++) await wal.put('key', 'value');
 *   await wal.close();
 * }
 * console.log((await simulate({ state: () => 0, run }, { worlds: 10 })).failure); // → undefined
 */
export interface SimProcess {
  /** Give it to `UringWalWriter.open`, `WalReader.open` or `Wal.open` as `driver`. */
  readonly driver: IoDriver;
  /** 0 for the first process of a world; every crash starts another. */
  readonly life: number;
  /** No fault and no crash strikes in this process: everything can be checked to the end. */
  readonly isLast: boolean;
  /** A decision, 0 … range - 1: part of the world, replayed and shrunk with it. */
  pick(range: number): number;
  /** Adds a line to the story of the world. */
  note(text: string): void;
}

/** What a process is about: decides which crashes a world aims at it. */
export type Mood = 'opening' | 'working' | 'closing';

/** More of a process than applications see, for the workloads that judge the library itself. */
export interface WatchedProcess extends SimProcess {
  readonly driver: SimDriver;
  readonly environment: SimEnvironment;
  /** How the process before this one ended; undefined: by itself, or there was none. */
  readonly endedBy: CrashKind | undefined;
  /** Says what the process is about from now on. */
  be(mood: Mood): void;
}

/**
 * A workload: what the outside knows, and what one process does.
 *
 * @example
 * const workload: SimWorkload<{ durable: bigint }> = {
 *   state: () => ({ durable: 0n }),
 *   run: async ({ driver }, told) => {
 *     const wal = await Wal.open('/log', { driver });
 *     if ((wal.writtenSequence ?? 0n) < told.durable) throw new Error('an entry is lost');
 *     told.durable = (await wal.put('key', 'value')).sequence;
 *     await wal.close();
 *   },
 * };
 * console.log((await simulate(workload, { worlds: 100 })).failure); // → undefined
 */
export interface SimWorkload<State> {
  /** Called once a world: what survives every crash because it is not in the computer. */
  readonly state: () => State;
  /**
   * One process: opens the log, checks what it finds against `state`, works on. It can end at any
   * `await`. A `WalError` or `IoError` that it throws ends the process; anything else that it
   * throws is a failed check. It must wait for nothing but the library's promises.
   */
  readonly run: (process: SimProcess, state: State) => Promise<void>;
}

/** A workload of the simulator's own. */
export interface WatchedWorkload<State> {
  readonly state: () => State;
  readonly run: (process: WatchedProcess, state: State) => Promise<void>;
}

export class UserScenario<State> implements Scenario {
  readonly #environment: SimEnvironment;
  readonly #workload: WatchedWorkload<State>;
  readonly #lives: number;
  readonly #state: State;
  #mood: Mood | 'over' = 'over';
  #endedBy: CrashKind | undefined;

  constructor(environment: SimEnvironment, workload: WatchedWorkload<State>, lives: number) {
    this.#environment = environment;
    this.#workload = workload;
    this.#lives = lives;
    this.#state = workload.state();
  }

  start(driver: SimDriver, life: number): void {
    const environment = this.#environment;
    const isLast = life === this.#lives - 1;
    environment.faultsOn = !isLast;
    if (isLast) environment.disk.forgetErrors();
    this.#mood = 'working';
    const process: WatchedProcess = {
      driver,
      environment,
      endedBy: this.#endedBy,
      be: (mood) => {
        if (!driver.dead) this.#mood = mood;
      },
      life,
      isLast,
      pick: (range) => environment.choices.below(LANE.action, range),
      note: (text) => {
        if (!driver.dead) environment.note('caller', 0, () => text);
      },
    };
    this.#endedBy = undefined;
    const end = (error?: unknown): void => {
      if (driver.dead) return;
      this.#mood = 'over';
      if (error === undefined) return;
      const isFault = error instanceof WalError || error instanceof IoError;
      if (!isFault || isLast) environment.checks.fail(wordsOf(error));
      else environment.note('caller', 0, () => `the process ends: ${error.message}`);
    };
    Promise.resolve()
      .then(() => this.#workload.run(process, this.#state))
      .then(() => {
        end();
      }, end);
  }

  mood(): Mood | 'over' {
    return this.#mood;
  }

  canAct(): boolean {
    return false;
  }

  act(): void {
    // Callers of an application act by themselves.
  }

  drained(): void {
    // The application checks for itself.
  }

  windDown(): boolean {
    return false;
  }

  crashed(kind: CrashKind): void {
    this.#mood = 'over';
    this.#endedBy = kind;
    this.#environment.note('world', 0, () =>
      kind === 'kill' ? 'the process is killed' : 'the power is cut',
    );
  }

  between(): void {
    // No damage to the medium: applications cannot be asked to survive that.
  }

  mayCrash(): boolean {
    return true;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
