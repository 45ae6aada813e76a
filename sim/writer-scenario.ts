// The callers of a simulated world: they open the log, append, flush, abort, read and close, all at
// once, and open it again after whatever happened to them. Every settled promise goes to the oracle.
//
// Longer than most files here: it is every way in which one caller uses one writer; what can stand
// alone (drawing, outcomes, checks) already does.
/* eslint max-lines: off -- see above */

import { WalEntry, type WalReader, UringWalWriter, WalError } from '../lib/index.js';
import type { UringWalOptions } from '../lib/options.js';
import { type ChoiceGroup, LANE } from './choices.js';
import type { SimDriver } from './driver.js';
import type { CrashKind, Scenario } from './engine.js';
import { drawEntry } from './entries.js';
import type { SimEnvironment } from './environment.js';
import { drawDamage } from './medium.js';
import { type ModelEntry, describe } from './model.js';
import { Oracle } from './oracle.js';
import type { PlainEntry } from './oracle-codec.js';
import { checkError, checkMemory, checkNothingLeft } from './scenario-checks.js';
import { Outcomes } from './outcomes.js';
import { type ReadBack, checkReadBack, readLog } from './read-back.js';
import { watchTrims } from './trim-watch.js';
import { ACTIONS, LOG_PATH, type Workload } from './workload.js';

/** A writer zeroes space ahead once its log has grown this much since it was opened. */
const ZEROING_STARTS_BYTES = 20_000;
/** Every so many turns in which something settled, the bounds of the queue are looked at. */
const MEMORY_CHECK_TURNS = 3;
const BURST_MAX = 12;
const IDLE_STEPS_MAX = 30;
/** Opens that failed by an injected fault: after so many in a row, the faults stop. */
const OPEN_FAILURES_MAX = 3;

type Phase =
  | { readonly kind: 'opening' }
  | { readonly kind: 'serving'; readonly writer: UringWalWriter }
  | { readonly kind: 'closing'; readonly writer: UringWalWriter }
  /** Closed, or never opened; promises that are still open must settle now. */
  | { readonly kind: 'ending'; readonly what: string }
  | { readonly kind: 'over' };

/** The reason that aborted appends reject with. */
const ABORTED = Object.assign(new Error('the caller gave up'), { code: 'ABORT_ERR' });

export class WriterScenario implements Scenario {
  readonly oracle: Oracle;
  readonly #environment: SimEnvironment;
  readonly #workload: Workload;
  readonly #outcomes = new Outcomes();
  readonly #aborts: AbortController[] = [];
  #callerBytes = new Uint8Array(512);
  #driver: SimDriver | undefined;
  #life = 0;
  #phase: Phase = { kind: 'over' };
  #acts: ChoiceGroup | undefined;
  #actionsLeft = 0;
  #idleUntil = 0;
  #largestRecord = 0;
  /** Bytes submitted in this life. */
  #lifeBytes = 0;
  #openFailures = 0;
  #settledTurns = 0;
  #trimAllowed = false;

  constructor(environment: SimEnvironment, workload: Workload) {
    this.#environment = environment;
    this.#workload = workload;
    this.oracle = new Oracle(environment, LOG_PATH);
    environment.onTruncate = (path, inode, size) => {
      if (this.#phase.kind !== 'opening' || path !== LOG_PATH) return;
      watchTrims(environment, this.oracle.model, { path, inode, size });
    };
  }

  start(driver: SimDriver, life: number): void {
    this.#driver = driver;
    this.#life = life;
    this.#outcomes.restart(driver);
    this.#aborts.length = 0;
    this.#actionsLeft = this.#workload.actionsMax;
    this.#largestRecord = 0;
    this.#lifeBytes = 0;
    this.#acts = this.#environment.choices.group(LANE.action);
    this.#openLog(driver);
  }

  mood(): 'opening' | 'working' | 'closing' | 'over' {
    const { kind } = this.#phase;
    if (kind === 'serving') return 'working';
    return kind === 'ending' ? 'closing' : kind;
  }

  canAct(): boolean {
    const isOpen = this.#phase.kind === 'serving' || this.#phase.kind === 'closing';
    return isOpen && this.#actionsLeft > 0 && this.#environment.step >= this.#idleUntil;
  }

  act(): void {
    if (this.#phase.kind !== 'serving' && this.#phase.kind !== 'closing') return;
    const { writer } = this.#phase;
    const { choices } = this.#environment;
    this.#actionsLeft -= 1;
    this.#acts?.items.push(choices.mark());
    const action = ACTIONS[choices.weighted(LANE.action, this.#workload.weights)] ?? 'stop';
    this.#environment.mix(action.length * 31 + this.#outcomes.open);
    switch (action) {
      case 'stop':
        this.#actionsLeft = 0;
        return;
      case 'append':
        this.#append(writer, false);
        return;
      case 'append-sync':
        this.#append(writer, true);
        return;
      case 'burst':
        this.#burst(writer, 2 + choices.below(LANE.action, BURST_MAX));
        return;
      case 'flush':
        this.#flush(writer);
        return;
      case 'append-abortable':
        this.#append(writer, choices.chance(LANE.action, 100), {
          abort: new AbortController(),
        });
        return;
      case 'abort':
        this.#abort();
        return;
      case 'read':
        this.#read();
        return;
      case 'idle':
        this.#idleUntil = this.#environment.step + choices.below(LANE.action, IDLE_STEPS_MAX);
        return;
      case 'close':
        this.#close(writer);
        return;
    }
  }

  drained(): void {
    if (this.#outcomes.drain()) {
      this.#settledTurns += 1;
      const isDue = this.#settledTurns % MEMORY_CHECK_TURNS === 0;
      if (isDue && this.#phase.kind === 'serving')
        checkMemory(
          this.#environment,
          this.#phase.writer,
          this.#largestRecord,
          this.#outcomes.open,
        );
    }
    if (this.#phase.kind === 'ending' && this.#outcomes.open === 0) {
      checkNothingLeft(this.#environment, this.#driver, this.#phase.what, this.#outcomes.open);
      this.#phase = { kind: 'over' };
    }
  }

  windDown(): boolean {
    if (this.#phase.kind === 'serving') {
      this.#actionsLeft = 0;
      this.#close(this.#phase.writer);
      return true;
    }
    return false;
  }

  crashed(kind: CrashKind): void {
    this.#outcomes.restart(undefined);
    this.#phase = { kind: 'over' };
    this.oracle.crashed(kind === 'kill');
    this.#environment.note('world', 0, () => {
      const size = this.#environment.disk.file(LOG_PATH)?.size;
      const left = size === undefined ? 'no log is left' : `the log has ${String(size)} bytes`;
      return `${kind === 'kill' ? 'the process is killed' : 'the power is cut'}; ${left}`;
    });
  }

  between(): void {
    drawDamage(this.#environment, this.oracle, LOG_PATH);
  }

  mayCrash(): boolean {
    return !this.oracle.isDamaged;
  }

  #say(text: () => string): void {
    this.#environment.note('caller', 0, text);
  }

  /** What a caller is told. */
  #tell(text: () => string): void {
    this.#environment.note('detail', 0, text);
  }

  #openLog(driver: SimDriver): void {
    const { isDamaged } = this.oracle;
    this.#environment.faultsOn = !isDamaged && this.#openFailures < OPEN_FAILURES_MAX;
    this.#phase = { kind: 'opening' };
    const recovery = this.#trimAllowed ? 'trim' : 'strict';
    const options: UringWalOptions = { ...this.#workload.options, driver, recovery };
    this.#say(() => `open the log${this.#trimAllowed ? ' with recovery: trim' : ''}`);
    this.#outcomes.expect(
      UringWalWriter.open(LOG_PATH, options),
      (writer) => {
        this.#opened(writer);
      },
      (error) => {
        this.#openFailed(error);
      },
    );
  }

  #opened(writer: UringWalWriter): void {
    const { recovery } = writer;
    this.#environment.mix(recovery.bytes);
    this.#environment.note('verdict', 0, () => {
      const kept = `${String(recovery.records)} records, ${String(recovery.bytes)} bytes`;
      return `open: the log ended ${recovery.end.kind} (${recovery.end.reason}); ${kept} kept`;
    });
    this.#phase = { kind: 'serving', writer };
    this.#openFailures = 0;
    this.#trimAllowed = false;
    this.#environment.faultsOn = true;
    this.oracle.recovered(recovery);
  }

  #openFailed(error: unknown): void {
    checkError(this.#environment, 'open', error);
    this.#environment.note('verdict', 0, () => `open failed: ${String(error)}`);
    this.#openFailures += 1;
    if (error instanceof WalError && error.code === 'ERR_WAL_CORRUPT') {
      this.oracle.refusedAsCorrupt();
      this.#trimAllowed = true;
    }
    this.#phase = { kind: 'ending', what: 'a failed open' };
  }

  #burst(writer: UringWalWriter, count: number): void {
    const first = this.oracle.model.entries.length;
    const last = String(first + count - 1);
    this.#say(() => `append entries ${String(first)} to ${last} at once`);
    for (let index = 0; index < count; index++) {
      const sync = this.#environment.choices.chance(LANE.action, this.#workload.burstSync);
      this.#append(writer, sync, { inBurst: true });
    }
  }

  #append(
    writer: UringWalWriter,
    sync: boolean,
    { abort, inBurst = false }: { abort?: AbortController; inBurst?: boolean } = {},
  ): void {
    const { choices, step } = this.#environment;
    const { model } = this.oracle;
    const isToGrow = this.#workload.huge && this.#lifeBytes < ZEROING_STARTS_BYTES;
    const plain = drawEntry(choices, model.nextSequence(), {
      huge: isToGrow,
      focused: this.#environment.focus !== undefined,
    });
    const wantsSync = sync || this.#workload.options.sync === true;
    const entry = model.submit(plain, wantsSync, this.#life, step);
    this.#lifeBytes += entry.bytes.length;
    this.#largestRecord = Math.max(this.#largestRecord, entry.bytes.length);
    this.#environment.note(inBurst ? 'detail' : 'caller', 0, () => {
      return `append ${describe(entry)}${wantsSync ? ', sync' : ''}`;
    });
    if (abort !== undefined) this.#aborts.push(abort);
    // The caller's own bytes change as soon as append has returned, and with the next entry.
    const [key, value] = this.#lend(plain);
    const wal =
      plain.type === 'put'
        ? WalEntry.put(plain.sequence, key, value)
        : WalEntry.delete(plain.sequence, key);
    const promise = writer.append(wal, {
      sync: wantsSync,
      ...(abort === undefined ? {} : { signal: abort.signal }),
    });
    key.fill(0xee);
    value.fill(0xee);
    this.#outcomes.expect(
      promise,
      (position) => {
        this.#environment.mix(position.offset + 1);
        this.#tell(() => `${describe(entry)} acknowledged${wantsSync ? ' as durable' : ''}`);
        this.oracle.acknowledged(entry, position);
      },
      (error) => {
        this.#rejected(entry, error);
      },
    );
  }

  #lend({ key, value }: PlainEntry): [key: Uint8Array, value: Uint8Array] {
    const end = key.length + value.length;
    if (this.#callerBytes.length < end) this.#callerBytes = new Uint8Array(2 * end);
    const lent = this.#callerBytes;
    lent.set(key);
    lent.set(value, key.length);
    return [lent.subarray(0, key.length), lent.subarray(key.length, end)];
  }

  #rejected(entry: ModelEntry, error: unknown): void {
    this.#environment.mix(11);
    this.#tell(() => `${describe(entry)} rejected: ${String(error)}`);
    if (error !== ABORTED) checkError(this.#environment, 'append', error);
    const code = (error as { code?: unknown }).code;
    this.oracle.rejected(entry, typeof code === 'string' ? code : undefined);
  }

  #flush(writer: UringWalWriter): void {
    const count = this.oracle.model.entries.length;
    if (this.#outcomes.open > 0) this.#environment.fire('flush-mid-batch');
    this.#say(() => 'flush');
    this.#outcomes.expect(
      writer.flush(),
      () => {
        this.#tell(() => 'flush resolved');
        this.oracle.flushed(count, this.#life);
      },
      (error) => {
        this.#tell(() => `flush rejected: ${String(error)}`);
        checkError(this.#environment, 'flush', error);
      },
    );
  }

  #abort(): void {
    const last = this.#aborts.pop();
    if (last === undefined) return;
    this.#environment.fire('abort');
    last.abort(ABORTED);
  }

  #read(): void {
    const driver = this.#driver;
    if (driver === undefined) return;
    const readBack: ReadBack = {
      startedAt: this.#environment.step,
      records: [],
      reader: undefined,
    };
    const known = this.oracle.model.entries.filter(
      ({ state }) => state === 'written' || state === 'durable',
    );
    this.#say(() => 'read the log');
    this.#outcomes.expect<WalReader | undefined>(
      readLog(LOG_PATH, driver, readBack),
      () => {
        checkReadBack(this.#environment, this.oracle, readBack, known);
      },
      (error) => {
        checkError(this.#environment, 'read', error);
      },
    );
  }

  #close(writer: UringWalWriter): void {
    if (this.#phase.kind === 'serving' && this.#outcomes.open > 0)
      this.#environment.fire('close-mid-batch');
    this.#phase = { kind: 'closing', writer };
    this.#say(() => 'close');
    this.#outcomes.expect(
      writer.close(),
      () => {
        this.oracle.closed(this.#life);
        this.#phase = { kind: 'ending', what: 'close' };
      },
      (error) => {
        this.#tell(() => `close rejected: ${String(error)}`);
        checkError(this.#environment, 'close', error);
        this.#phase = { kind: 'ending', what: 'close' };
      },
    );
  }
}
