// Runs one script step by step and stops at every crash point: there, every subset of the unsynced
// sectors and every prefix of the size's journal is a disk that a power cut could leave. Each one
// that was not seen before goes through the production recovery.

import { UringWalWriter, WalEntry, WalError } from '../lib/index.js';
import { Choices } from './choices.js';
import type { SimDisk } from './disk.js';
import type { SimInode } from './disk-file.js';
import type { SurvivalPlan } from './disk-survival.js';
import { SimDriver } from './driver.js';
import { nextTurn } from './turns.js';
import { SimEnvironment, type SimFileSystem } from './environment.js';
import { type Script, describeScript } from './exhaustive-script.js';
import type { Violation } from './invariants.js';
import type { ModelEntry } from './model.js';
import { Oracle } from './oracle.js';
import { SECTOR_BYTES } from './profile.js';
import { LOG_PATH } from './workload.js';

/** Subsets are exhausted up to so many unsynced sectors; torn ones up to fewer. */
const SECTORS_MAX = 12;
const TORN_SECTORS_MAX = 6;
const TORN_BYTES = 200;
const OPEN_STEPS_MAX = 500;

export interface ExhaustiveFailure {
  readonly violation: Violation;
  readonly script: string;
  /** What had survived, in words. */
  readonly crash: string;
}

/** What was visited, over all scripts. */
export class Visited {
  /** Distinct images, by hash. */
  readonly images = new Set<number>();
  readonly #judged = new Set<string>();
  crashPoints = 0;
  recoveries = 0;
  /** Crash points with more unsynced sectors than are exhausted. */
  skipped = 0;

  /** Whether this image was not judged yet in a world that had told its callers the same. */
  isNew(image: number, told: string): boolean {
    this.images.add(image);
    const key = `${String(image)} ${told}`;
    if (this.#judged.has(key)) return false;
    this.#judged.add(key);
    return true;
  }
}

const NO_FAULTS: ReadonlySet<never> = new Set<never>();
const HONEST: SimFileSystem = { profile: 'ext4', direct: true, honoursDsync: true };
const LYING: SimFileSystem = { profile: 'lying', direct: true, honoursDsync: true };

/** Exhausts one script; the first broken promise, if any. */
export async function exhaust(
  script: Script,
  visited: Visited,
  torn: boolean,
): Promise<ExhaustiveFailure | undefined> {
  const run = new ScriptRun(script, torn ? LYING : HONEST);
  for await (const crash of run.crashPoints()) {
    visited.crashPoints += 1;
    const failure = await judge(crash, visited, script, torn);
    if (failure !== undefined) return failure;
  }
  const { violation } = run.environment.checks;
  if (violation === undefined) return undefined;
  return { violation, script: describeScript(script), crash: 'no crash' };
}

class ScriptRun {
  readonly environment: SimEnvironment;
  readonly oracle: Oracle;
  readonly #script: Script;
  readonly #driver: SimDriver;
  readonly #settled: (() => void)[] = [];

  constructor(script: Script, fileSystem: SimFileSystem) {
    this.#script = script;
    this.environment = new SimEnvironment(Choices.fromLists([]), fileSystem, NO_FAULTS);
    this.oracle = new Oracle(this.environment, LOG_PATH);
    this.#driver = new SimDriver(this.environment);
  }

  /** Runs to the end, stopping after every event with the disk and the oracle as they stand. */
  async *crashPoints(): AsyncGenerator<{ disk: SimDisk; oracle: Oracle }> {
    let writer: UringWalWriter | undefined;
    const { directIo } = this.#script;
    void UringWalWriter.open(LOG_PATH, { driver: this.#driver, directIo, batchSize: 4096 }).then(
      (opened) => {
        writer = opened;
        this.#settled.push(() => {
          this.oracle.recovered(opened.recovery);
        });
      },
    );
    let next = 0;
    const { operations } = this.#script;
    for (;;) {
      await turn();
      for (const settle of this.#settled.splice(0)) settle();
      if (this.environment.checks.violation !== undefined) return;
      if (this.#driver.runDeferred()) continue;
      yield { disk: this.environment.disk, oracle: this.oracle };
      this.environment.step += 1;
      const isQuiet = this.#driver.operations.list.length === 0;
      if (writer !== undefined && next < operations.length && (isQuiet || this.#script.atOnce)) {
        this.#issue(writer, next++);
      } else if (isQuiet) {
        return;
      } else {
        this.#driver.operations.advance(0);
      }
    }
  }

  #issue(writer: UringWalWriter, index: number): void {
    const operation = this.#script.operations[index];
    if (operation === undefined) return;
    const { model } = this.oracle;
    if (operation.isFlush) {
      const count = model.entries.length;
      void writer.flush().then(() => {
        this.#settled.push(() => {
          this.oracle.flushed(count, 0);
        });
      });
      return;
    }
    const sequence = model.nextSequence();
    const value = new Uint8Array(operation.valueBytes).fill(0x61 + index);
    const plain = { sequence, type: 'put', key: new Uint8Array([index]), value } as const;
    const entry = model.submit(plain, operation.sync, 0, this.environment.step);
    const wal = WalEntry.put(sequence, plain.key, value);
    void writer.append(wal, { sync: operation.sync }).then((position) => {
      this.#settled.push(() => {
        this.oracle.acknowledged(entry, position);
      });
    });
  }
}

/** Judges every disk that a power cut could leave at this point. */
async function judge(
  crash: { readonly disk: SimDisk; readonly oracle: Oracle },
  visited: Visited,
  script: Script,
  torn: boolean,
): Promise<ExhaustiveFailure | undefined> {
  const log = crash.disk.file(LOG_PATH);
  if (log === undefined) return undefined;
  const sectors = log.unsyncedSectors();
  const states = torn ? 3 : 2;
  if (sectors.length > (torn ? TORN_SECTORS_MAX : SECTORS_MAX)) {
    visited.skipped += 1;
    return undefined;
  }
  const told = crash.oracle.model.entries.map(stateLetter).join('');
  const pending: Promise<ExhaustiveFailure | undefined>[] = [];
  for (let kept = 0; kept <= log.journal.length; kept++) {
    for (let subset = 0; subset < states ** sectors.length; subset++) {
      const left = log.clone();
      left.powerCut(planOf(sectors, subset, states, kept));
      if (!visited.isNew(hashOf(left), told)) continue;
      visited.recoveries += 1;
      const words = `${String(kept)} size changes and sectors ${digits(sectors, subset, states)}`;
      pending.push(recover(left, crash.oracle, torn, describeScript(script), words));
    }
  }
  const failures = await Promise.all(pending);
  return failures.find((failure) => failure !== undefined);
}

/** Runs the production recovery on one image, and holds the result against what was told. */
async function recover(
  image: SimInode,
  oracle: Oracle,
  torn: boolean,
  script: string,
  crash: string,
): Promise<ExhaustiveFailure | undefined> {
  const fileSystem = torn ? LYING : HONEST;
  const environment = new SimEnvironment(Choices.fromLists([]), fileSystem, NO_FAULTS);
  const { root } = environment.disk;
  root.link(LOG_PATH.slice(1), image);
  root.sync();
  const judge = oracle.fork(environment);
  judge.crashed(false);
  const driver = new SimDriver(environment);
  let isOpen = false;
  UringWalWriter.open(LOG_PATH, { driver }).then(
    (writer) => {
      isOpen = true;
      judge.recovered(writer.recovery);
    },
    (error: unknown) => {
      isOpen = true;
      const isCorrupt = error instanceof WalError && error.code === 'ERR_WAL_CORRUPT';
      if (isCorrupt) judge.refusedAsCorrupt();
      else environment.stray(error);
    },
  );
  for (let step = 0; !isOpen && step < OPEN_STEPS_MAX; step++) {
    await turn();
    environment.step += 1;
    while (!isOpen && driver.operations.list.length > 0 && !driver.operations.advance(0));
    driver.runDeferred();
  }
  const { violation } = environment.checks;
  return violation === undefined ? undefined : { violation, script, crash };
}

function planOf(
  sectors: readonly number[],
  subset: number,
  states: number,
  kept: number,
): SurvivalPlan {
  const digit = (sector: number): number =>
    Math.floor(subset / states ** sectors.indexOf(sector)) % states;
  return {
    changesKept: () => kept,
    sectorKept: (sector) => [0, SECTOR_BYTES, TORN_BYTES][digit(sector)] ?? 0,
  };
}

function digits(sectors: readonly number[], subset: number, states: number): string {
  const words = ['lost', 'kept', 'torn'];
  return sectors
    .map((sector, index) => {
      return `${String(sector)} ${words[Math.floor(subset / states ** index) % states] ?? ''}`;
    })
    .join(', ');
}

function stateLetter({ state }: ModelEntry): string {
  return state.charAt(0);
}

/** 53 bits over size and content. */
function hashOf(inode: SimInode): number {
  let low = inode.size | 0;
  let high = 0x9e3779b9;
  const words = new Int32Array(inode.medium.buffer, 0, Math.ceil(inode.size / 4));
  for (const word of words) {
    low = Math.imul(low ^ word, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high + (word ^ low), 0x85ebca6b);
    high ^= high >>> 13;
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0);
}

function turn(): Promise<void> {
  return new Promise(nextTurn);
}
