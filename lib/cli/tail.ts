// `uring-wal tail`: the last records of a log, and with -f those that another process adds.

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { errnoOf } from '../errors.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { Output } from './output.js';
import { describeRecord, printJson } from './record-line.js';
import { SequenceWatch } from './sequence-watch.js';
import { SignalWatch } from './signals.js';
import type { Streams } from './streams.js';
import { TailGuard } from './tail-guard.js';
import { findTailStart } from './tail-start.js';
import { TailWait } from './tail-wait.js';
import { findTarget } from './target.js';
import { failureOf } from './told.js';
import type { Command } from './usage.js';
import { Walk } from './walk.js';

type TailCommand = Extract<Command, { kind: 'tail' }>;

/** So often in a row a log may look corrupt before that is believed: its writer may be at it. */
const CORRUPT_LOOKS_MAX = 10;

/** Runs the command; resolves to its exit code. */
export async function runTail(command: TailCommand, streams: Streams): Promise<ExitCode> {
  const watch = new SignalWatch();
  const output = new Output(streams.stdout, () => {
    watch.stop();
  });
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal tail: ${text}\n`);
  };
  let code: ExitCode;
  try {
    code = await new Tail(command, output, watch.signal, complain).run();
  } catch (error) {
    const failure = failureOf(error);
    complain(failure.text);
    code = failure.code;
  } finally {
    watch.release();
  }
  const state = await output.finish();
  if (state.kind === 'failed') {
    complain(`cannot write to standard output: ${state.cause.message}`);
    return EXIT.IO;
  }
  return watch.exitCode ?? code;
}

class Tail {
  readonly #command: TailCommand;
  readonly #output: Output;
  readonly #signal: AbortSignal;
  readonly #complain: (text: string) => void;
  readonly #guard = new TailGuard();
  /** Of a directory that is not followed: what is missing from the records printed. */
  #watch: SequenceWatch | undefined;
  #skip = 0;
  #isDamaged = false;

  constructor(
    command: TailCommand,
    output: Output,
    signal: AbortSignal,
    complain: (text: string) => void,
  ) {
    this.#command = command;
    this.#output = output;
    this.#signal = signal;
    this.#complain = complain;
  }

  async run(): Promise<ExitCode> {
    const { log, count, follow } = this.#command;
    const target = await findTarget(log);
    if (target.kind === 'directory' && !follow && count > 0) {
      this.#watch = await SequenceWatch.open(target.path);
    }
    const start = await findTailStart(target, count);
    const walk = await Walk.open(target, start);
    this.#skip = start.skip;
    try {
      await this.#printNews(walk);
      if (follow) return await this.#follow(walk, new TailWait(log, this.#signal));
      return await this.#conclude(walk);
    } finally {
      await walk.close();
    }
  }

  async #follow(walk: Walk, wait: TailWait): Promise<ExitCode> {
    let corruptLooks = 0;
    try {
      while (!this.#signal.aborted) {
        const { end } = walk;
        corruptLooks = end?.kind === 'corrupt' ? corruptLooks + 1 : 0;
        if (corruptLooks >= CORRUPT_LOOKS_MAX) return await this.#conclude(walk);
        await wait.next();
        try {
          await this.#goBackIfCut(walk);
          await this.#printNews(walk);
        } catch (error) {
          // Files come and go while the log is cut or checkpointed; the log itself must stay.
          if (errnoOf(error) !== 'ENOENT') throw error;
          await stat(this.#command.log);
        }
      }
      return EXIT.OK;
    } finally {
      wait.close();
    }
  }

  async #goBackIfCut(walk: Walk): Promise<void> {
    const back = await this.#guard.check(walk);
    if (back === undefined) return;
    await walk.jump(back);
    this.#guard.forgetBehind(back);
    const file = walk.path === undefined ? '' : ` of '${basename(walk.path)}'`;
    this.#complain(`note: the log was cut back, going on at offset ${String(back.offset)}${file}`);
  }

  async #printNews(walk: Walk): Promise<void> {
    const { json, follow } = this.#command;
    const steps = walk.steps((path, end) => {
      if (end.kind === 'clean') return;
      this.#isDamaged = true;
      this.#complain(`'${path}': ${describeEnd(end)}; segments follow`);
    });
    for await (const { segment, chunk } of steps) {
      for (const record of chunk) {
        if (follow) this.#guard.note(segment, record);
        const skipped = this.#watch?.add(record.sequence, segment ?? 0, walk.path ?? '');
        if (skipped !== undefined) await skipped;
        if (this.#skip > 0) {
          this.#skip -= 1;
          continue;
        }
        if (!json) this.#output.write(describeRecord(record));
        const printing = json ? printJson(record, segment, this.#output) : undefined;
        if (printing !== undefined) await printing;
        if (this.#output.backlogged) await this.#output.drained();
        if (this.#signal.aborted || this.#output.state.kind !== 'open') return;
      }
    }
  }

  async #conclude({ end, path }: Walk): Promise<ExitCode> {
    if (this.#output.state.kind !== 'open' || this.#signal.aborted) return EXIT.OK;
    await this.#watch?.end(path);
    const { notes = [], damages = [] } = this.#watch ?? {};
    for (const each of [...notes, ...damages]) this.#complain(each);
    if (damages.length > 0) this.#isDamaged = true;
    if (end !== undefined && end.kind !== 'clean') this.#complain(describeEnd(end));
    if (this.#isDamaged) return EXIT.CORRUPT;
    return end === undefined ? EXIT.OK : exitCodeOf(end);
  }
}
