// Measures appends: N async loops, each awaiting its own append, for a slice of time. A first run
// warms up (compilation, allocation, the page cache) and is thrown away; between slices all callers
// have stopped, and the process is at rest.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppendLog, AppendTask, Contender, TrialResult } from './contender.js';
import { payload } from './log-file.js';
import { recordBytes } from './record.js';
import { comeToRest } from './rest.js';
import { touchPageCache } from './scratch.js';
import type { Slice, Slices } from './slices.js';
import { percentile } from './statistics.js';

/** The clock is read about this often, not once per append: reading it costs as much as encoding. */
const CHECK_MS = 1;
/** Event-loop delay is sampled by a timer of this period, which its figures include. */
const DELAY_RESOLUTION_MS = 1;

interface Run {
  readonly operations: number;
  readonly seconds: number;
  readonly cpuUs: number;
  readonly latenciesUs: readonly number[];
}

/** What is open: a log in a directory of its own, and its callers. */
interface Opened {
  readonly log: AppendLog;
  readonly load: Load;
  readonly directory: string;
  roundsLeft: number;
}

export class AppendTrial {
  private readonly contender: Contender;
  private readonly task: AppendTask;
  private readonly directory: string;
  private readonly slices: Slices;
  private opened: Opened | undefined;
  private logs = 0;

  /** `directory` is empty, and the trial's own. */
  constructor(contender: Contender, task: AppendTask, directory: string, slices: Slices) {
    this.contender = contender;
    this.task = task;
    this.directory = directory;
    this.slices = slices;
  }

  /** Opens a log and warms up on it. */
  async open(): Promise<void> {
    await this.fresh();
  }

  /** One slice, on a new log when the zeros of the last one are used up. */
  async measure(): Promise<TrialResult> {
    const opened = this.opened?.roundsLeft === 0 ? await this.fresh() : this.opened;
    if (opened === undefined) throw new Error('measured before it was opened');
    opened.roundsLeft--;
    const { log, load } = opened;
    const { task, slices } = this;
    const recordLength = recordBytes(task.keyBytes, task.valueBytes);
    const records = slices.runUp.records + slices.measured.records;
    touchPageCache(opened.directory, records * recordLength);
    await load.run(slices.runUp);
    const histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    histogram.enable();
    const run = await load.run(slices.measured);
    // A loop that was starved until now records its one long delay here.
    await delay(2 * DELAY_RESOLUTION_MS);
    histogram.disable();
    await this.rest(opened);
    const late = Math.max(0, histogram.percentile(99) / 1e6 - DELAY_RESOLUTION_MS);
    return {
      operations: run.operations,
      seconds: run.seconds,
      bytes: run.operations * recordLength,
      p50Us: percentile(run.latenciesUs, 0.5),
      p99Us: percentile(run.latenciesUs, 0.99),
      cpuUs: run.cpuUs / run.operations,
      rssBytes: process.resourceUsage().maxRSS * 1024,
      loopDelayP99Ms: late,
      ...(log.note !== undefined && { note: log.note }),
    };
  }

  async close(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.log.close();
  }

  private async fresh(): Promise<Opened> {
    const { contender, task, slices, opened: old } = this;
    if (contender.openLog === undefined) throw new Error('takes no appends');
    await this.close();
    if (old !== undefined) fs.rmSync(old.directory, { recursive: true });
    const directory = join(this.directory, `log-${String(this.logs++)}`);
    fs.mkdirSync(directory);
    const log = await contender.openLog(task, { directory, zeroedBytes: slices.zeroedBytes });
    const load = new Load(log, task);
    const opened = { log, load, directory, roundsLeft: slices.roundsPerLog };
    this.opened = opened;
    await load.run(slices.warmup);
    await this.rest(opened);
    return opened;
  }

  private async rest({ log, directory }: Opened): Promise<void> {
    await comeToRest(directory);
    log.atEnd?.();
  }
}

/** The callers, and the counts they share. */
class Load {
  private readonly log: AppendLog;
  private readonly task: AppendTask;
  private readonly key: Uint8Array;
  private readonly value: Uint8Array;
  private sequence = 0;
  private operations = 0;
  /** The last that the running slice may append. */
  private lastSequence = 0;
  private nextCheck = 1;
  private stopped = false;
  private startedMs = 0;
  private endMs = 0;
  private endCpu: NodeJS.CpuUsage = { user: 0, system: 0 };
  private endOperations = 0;
  private latenciesUs: number[] = [];

  constructor(log: AppendLog, task: AppendTask) {
    this.log = log;
    this.task = task;
    ({ key: this.key, value: this.value } = payload(task));
  }

  /** Resolves when every append of the slice was awaited. */
  async run({ ms, records }: Slice): Promise<Run> {
    this.operations = 0;
    this.lastSequence = this.sequence + records;
    this.nextCheck = 1;
    this.stopped = false;
    this.latenciesUs = [];
    const cpu = process.cpuUsage();
    this.startedMs = performance.now();
    const { recordsPerCall = 1 } = this.task;
    const isMany = recordsPerCall > 1;
    const callers = isMany ? [] : [this.timedCaller(ms)];
    while (callers.length < this.task.callers) {
      callers.push(isMany ? this.manyCaller(ms, recordsPerCall) : this.caller(ms));
    }
    await Promise.all(callers);
    if (this.task.durability === 'disk') {
      await this.log.flush();
      this.mark();
    }
    const used = this.endCpu;
    return {
      operations: this.endOperations,
      seconds: (this.endMs - this.startedMs) / 1000,
      cpuUs: used.user - cpu.user + (used.system - cpu.system),
      latenciesUs: this.latenciesUs,
    };
  }

  private async caller(ms: number): Promise<void> {
    while (this.mayAppend(1)) {
      await this.log.append(++this.sequence, this.key, this.value);
      if (++this.operations >= this.nextCheck) this.check(ms);
    }
  }

  /** One caller stands for all in the latencies, so that the others pay for no clock. */
  private async timedCaller(ms: number): Promise<void> {
    while (this.mayAppend(1)) {
      const before = performance.now();
      await this.log.append(++this.sequence, this.key, this.value);
      this.latenciesUs.push((performance.now() - before) * 1000);
      if (++this.operations >= this.nextCheck) this.check(ms);
    }
  }

  /** Many records a call; who has no such call gets as many appends at once, and awaits them all. */
  private async manyCaller(ms: number, count: number): Promise<void> {
    const { log, key, value } = this;
    while (this.mayAppend(count)) {
      const first = this.sequence + 1;
      this.sequence += count;
      const one = (_: unknown, at: number): Promise<unknown> => log.append(first + at, key, value);
      const before = performance.now();
      await (log.appendMany?.(first, count, key, value) ??
        Promise.all(Array.from({ length: count }, one)));
      this.latenciesUs.push((performance.now() - before) * 1000);
      this.operations += count;
      if (this.operations >= this.nextCheck) this.check(ms);
    }
  }

  private check(ms: number): void {
    const elapsed = performance.now() - this.startedMs;
    if (elapsed >= ms && !this.stopped) this.stop();
    const perCheck = (this.operations / elapsed) * CHECK_MS;
    this.nextCheck = this.operations + Math.max(1, Math.floor(perCheck));
  }

  /** The slice ends here as well when as much was appended as there is room for. */
  private mayAppend(count: number): boolean {
    if (this.stopped) return false;
    if (this.sequence + count <= this.lastSequence) return true;
    this.stop();
    return false;
  }

  private stop(): void {
    this.stopped = true;
    this.mark();
  }

  private mark(): void {
    this.endMs = performance.now();
    this.endCpu = process.cpuUsage();
    this.endOperations = this.operations;
  }
}
