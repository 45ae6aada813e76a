// One opened segmented log of a world, and what is checked whenever it is opened, read and closed.

import { Wal, WalError, type WalOptions } from '../lib/index.js';
import { checkError, checkMemory, checkNothingLeft } from './scenario-checks.js';
import type { WatchedProcess } from './user-scenario.js';
import type { Doing, WalActivity } from './activities.js';
import {
  DIRECTORY,
  type ReadEntry,
  checkCopies,
  checkKeptIsDurable,
  checkOpenError,
  checkReading,
  plain,
} from './wal-checks.js';
import { mend } from './wal-damage.js';
import type { WalModel } from './wal-model.js';

/** Limits so small that a handful of appends meets them. */
export function drawWalOptions(process: WatchedProcess): WalOptions & {
  readonly channelCapacity: number;
  readonly queueBytesMax: number;
} {
  const pick = (range: number): number => process.pick(range);
  const hard = pick(3) === 1 ? { maxWalFilesHard: 2 + pick(2) } : {};
  return {
    driver: process.driver,
    maxFileSize: 4096 * (1 + pick(3)),
    directIo: pick(3) === 1,
    preallocateBytes: 4096 * pick(3),
    batchSize: 512 << pick(4),
    channelCapacity: 1 + pick(8),
    queueBytesMax: 1 << (20 - 4 * pick(3)),
    maxRecordBytes: 8192,
    sync: ['always', 'manual', { intervalMs: 1 + pick(20) }][pick(3)] as WalOptions['sync'] & {},
    verifyAll: pick(4) === 1,
    ...hard,
  };
}

/** A log with the options of one process. */
export class WalLog {
  readonly options: ReturnType<typeof drawWalOptions>;
  readonly #process: WatchedProcess;
  readonly #model: WalModel;
  #wal: Wal | undefined;
  #isClosing = false;
  /** Appends that are open. */
  open = 0;
  largestRecord = 0;

  constructor(process: WatchedProcess, model: WalModel) {
    this.#process = process;
    this.#model = model;
    this.options = drawWalOptions(process);
  }

  get wal(): Wal {
    if (this.#wal === undefined) throw new Error('the log is not open');
    return this.#wal;
  }

  /** Opens the log, as it was damaged if its owner has agreed to a loss; checks all of it. */
  async start(): Promise<void> {
    const { environment } = this.#process;
    const { loss } = this.#model;
    this.#process.be('opening');
    this.#isClosing = false;
    try {
      this.#wal =
        loss === undefined
          ? await Wal.open(DIRECTORY, this.options)
          : await this.during('mending-open', () => {
              // Damage in a sealed segment is only looked for when all of it is read.
              const mending = { recovery: loss.mode, verifyAll: true };
              return Wal.open(DIRECTORY, { ...this.options, ...mending });
            });
    } catch (error) {
      checkOpenError(environment, error);
      checkNothingLeft(environment, this.#process.driver, 'a failed open', 0);
      this.reached('failed-open');
      throw error;
    }
    environment.checks.that(true, 'crash-is-not-corruption', () => '');
    const { recovery } = this.#wal;
    environment.note('verdict', 0, () => {
      const cut = recovery.reason === undefined ? '' : `; discarded: ${recovery.reason}`;
      return `open: ${String(recovery.entriesRecovered)} entries in ${String(recovery.segments)} segments${cut}`;
    });
    checkKeptIsDurable(environment);
    const found = await this.read();
    checkReading(environment, found);
    const { entriesRecovered } = this.#wal.recovery;
    environment.checks.that(entriesRecovered === BigInt(found.length), 'offsets-exact', () => {
      return `recovery tells of ${String(entriesRecovered)} entries, and ${String(found.length)} are there`;
    });
    if (loss !== undefined) {
      checkCopies(environment, loss.copied);
      this.reached(loss.mode === 'trim' ? 'trimmed' : 'salvaged');
    }
    this.#model.recovered(found, environment.writebackFailures);
    this.#process.be('working');
  }

  async read(onFirst?: () => Promise<void>): Promise<ReadEntry[]> {
    const found: ReadEntry[] = [];
    for await (const record of this.wal.read()) {
      found.push(plain(record));
      if (found.length === 1) await onFirst?.();
    }
    return found;
  }

  /** Closes; `settle` waits for whatever else ends with the log. */
  async stop(settle: () => Promise<void>): Promise<void> {
    const { lastId } = this.#model;
    this.#process.be('closing');
    this.#isClosing = true;
    if (this.open > 0) this.#process.environment.fire('close-mid-batch');
    await this.wal.close();
    await settle();
    this.#model.flushed(lastId);
    checkNothingLeft(this.#process.environment, this.#process.driver, 'close', this.open);
  }

  /** Closes a log that has failed: it may reject, and must let go of everything. */
  async abandon(settle: () => Promise<void>): Promise<void> {
    this.#process.be('closing');
    this.#isClosing = true;
    await this.wal.close().catch((error: unknown) => {
      checkError(this.#process.environment, 'close', error);
    });
    await settle();
    checkNothingLeft(this.#process.environment, this.#process.driver, 'close', this.open);
    this.reached('close-after-failure');
  }

  /** The bounds of the queue, and of the number of files. */
  checkBounds(): void {
    const { environment } = this.#process;
    const { wal, options } = this;
    checkMemory(environment, { options, stats: () => wal.stats() }, this.largestRecord, this.open);
    const limit = (options.maxWalFilesHard ?? Infinity) + 1;
    const { segments } = wal.stats();
    environment.checks.that(
      segments <= Math.max(limit, wal.recovery.segments),
      'files-bounded',
      () => {
        return `there are ${String(segments)} files, and ${String(limit)} are allowed`;
      },
    );
  }

  /** Gives back what an earlier process took away; counts what it was about when it ended. */
  async inherit(): Promise<void> {
    const { endedBy, driver } = this.#process;
    const model = this.#model;
    model.checks = this.#process.environment.checks;
    for (const name of model.doing.keys())
      if (endedBy !== undefined) this.reached(`crash-in-${name}`);
    model.doing.clear();
    if (endedBy === 'power-cut') model.cacheLived = false;
    if (model.spoilt === undefined) return;
    await mend(driver, model.spoilt);
    model.spoilt = undefined;
  }

  /** While the work runs, a crash is one inside `name`. */
  async during<T>(name: Doing, work: () => Promise<T>): Promise<T> {
    const { doing } = this.#model;
    doing.set(name, (doing.get(name) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (doing.get(name) ?? 1) - 1;
      if (left > 0) doing.set(name, left);
      else doing.delete(name);
    }
  }

  /** An error that ends nothing: the caller is told, and the log goes on, or was closed by then. */
  isSurvivable(error: unknown): boolean {
    if (!(error instanceof WalError)) return false;
    if (error.code === 'ERR_WAL_CLOSED') return this.#isClosing;
    return error.code === 'ERR_WAL_WRITE' || error.code === 'ERR_WAL_FULL';
  }

  reached(what: WalActivity): void {
    this.#process.environment.reach(what);
  }

  /** Lets something happen: an operation like others, so that nobody knows how much. */
  wait(): Promise<void> {
    return this.#process.driver.run('wait', DIRECTORY, [], () => undefined);
  }

  /** Lets time pass, once nothing is in flight. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#process.driver.delay(ms, resolve);
    });
  }
}
