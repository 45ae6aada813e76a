// `uring-wal append`: JSON lines in, acknowledgements out. Many appends are in flight at once, up
// to what the writer's queue holds; promises settle in order, so the printed lines are in order.

import type { WalEntry } from '../index.js';
import { UringWalWriter } from '../index.js';
import { AppendGate } from './append-gate.js';
import { parseEntryLine } from './entry-line.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { readChunks } from './input.js';
import { LINE_BYTES_MAX, LineSplitter } from './ndjson.js';
import type { Line } from './ndjson.js';
import { Output } from './output.js';
import { describeError, describeFailure } from './report.js';
import type { Streams } from './streams.js';
import type { Command } from './usage.js';

/** What ended the input before its end. */
type Stop =
  | { readonly kind: 'bad-line'; readonly number: number; readonly reason: string }
  | { readonly kind: 'signal'; readonly exitCode: ExitCode }
  | { readonly kind: 'output' }
  | { readonly kind: 'input-failed'; readonly error: unknown };

type AppendCommand = Extract<Command, { kind: 'append' }>;

const TOO_LONG = `longer than ${String(LINE_BYTES_MAX)} bytes, more than any record can need`;

const SIGNALS = [
  ['SIGINT', EXIT.INTERRUPT],
  ['SIGTERM', EXIT.TERMINATE],
  ['SIGHUP', EXIT.HANGUP],
] as const;

/** Runs the command; resolves to its exit code, when the log is closed. */
export async function runAppend(command: AppendCommand, streams: Streams): Promise<ExitCode> {
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal append: ${text}\n`);
  };
  let writer: UringWalWriter;
  try {
    const { sync, direct: directIo, driver } = command;
    writer = await UringWalWriter.open(command.log, { sync, directIo, driver });
  } catch (error) {
    complain(describeFailure(error));
    return EXIT.IO;
  }
  tellRecovery(writer, complain);
  const { directIoRefused } = writer.driver;
  if (directIoRefused !== undefined) {
    complain(`note: --direct is refused here, the page cache is used: ${directIoRefused}`);
  }
  if (streams.stdin.isTTY === true) complain('reading JSON lines from the terminal; Ctrl-D ends');
  const session = new AppendSession(writer, streams);
  await session.run();
  try {
    await writer.close();
  } catch (error) {
    complain(`closing the log failed: ${describeError(error)}`);
    return EXIT.IO;
  }
  return session.conclude(complain);
}

function tellRecovery(writer: UringWalWriter, complain: (text: string) => void): void {
  const { end, trimmedBytes, quarantine } = writer.recovery;
  if (end.kind === 'clean') return;
  const kept = quarantine === undefined ? '' : `; a copy is kept in ${quarantine}`;
  complain(
    `note: the log ended in a ${end.kind === 'torn' ? 'torn tail' : end.kind} at offset ` +
      `${String(end.offset)} (${end.reason}): ${String(trimmedBytes)} bytes were cut off${kept}`,
  );
}

/** One run over standard input. */
class AppendSession {
  readonly #writer: UringWalWriter;
  readonly #streams: Streams;
  readonly #output: Output;
  readonly #gate: AppendGate;
  readonly #abort = new AbortController();
  #stop: Stop | undefined;
  #nextSequence: bigint;
  #inputEnded = false;

  constructor(writer: UringWalWriter, streams: Streams) {
    this.#writer = writer;
    this.#streams = streams;
    this.#nextSequence = (writer.recovery.lastSequence ?? 0n) + 1n;
    this.#gate = new AppendGate(writer.options, () => {
      this.#abort.abort();
    });
    this.#output = new Output(streams.stdout, () => {
      this.#halt({ kind: 'output' });
    });
  }

  /** Appends until the input ends or something stops it, then waits for every acknowledgement. */
  async run(): Promise<void> {
    const listeners = SIGNALS.map(([name, exitCode]) => {
      const listener = (): void => {
        this.#halt({ kind: 'signal', exitCode });
      };
      process.once(name, listener);
      return { name, listener };
    });
    try {
      await this.#appendAll();
    } catch (error) {
      this.#halt({ kind: 'input-failed', error });
    }
    await this.#gate.idle();
    await this.#output.finish();
    for (const { name, listener } of listeners) process.off(name, listener);
  }

  async #appendAll(): Promise<void> {
    const splitter = new LineSplitter();
    for await (const chunk of readChunks(this.#streams.stdin, this.#abort.signal)) {
      if (!(await this.#appendLines(splitter.push(chunk)))) return;
    }
    if (this.#abort.signal.aborted) return;
    if (await this.#appendLines(splitter.end())) this.#inputEnded = true;
  }

  /** Resolves to false when nothing after these lines may be appended. */
  async #appendLines(lines: readonly Line[]): Promise<boolean> {
    for (const line of lines) {
      const parsed =
        line.kind === 'line'
          ? parseEntryLine(line.bytes, this.#nextSequence)
          : ({ kind: 'bad', reason: TOO_LONG } as const);
      if (parsed.kind === 'blank') continue;
      const reason = parsed.kind === 'bad' ? parsed.reason : this.#tooLarge(parsed.entry);
      if (parsed.kind === 'bad' || reason !== undefined) {
        this.#halt({ kind: 'bad-line', number: line.number, reason: reason ?? '' });
        return false;
      }
      if (!(await this.#append(parsed.entry, line.number))) return false;
    }
    return true;
  }

  #tooLarge(entry: WalEntry): string | undefined {
    const { maxRecordBytes } = this.#writer.options;
    if (entry.encodedLength <= maxRecordBytes) return undefined;
    const [bytes, most] = [String(entry.encodedLength), String(maxRecordBytes)];
    return `the record would have ${bytes} bytes, ${most} are allowed`;
  }

  async #append(entry: WalEntry, lineNumber: number): Promise<boolean> {
    if (this.#gate.full) await this.#gate.room();
    if (this.#output.backlogged) await this.#output.drained();
    if (this.#gate.failure !== undefined || this.#output.state.kind !== 'open') return false;
    this.#nextSequence = entry.sequence + 1n;
    this.#gate.submit(this.#writer.append(entry), entry.encodedLength, lineNumber, (place) => {
      const { sequence, offset, length } = place;
      this.#output.write(
        `{"sequence":"${String(sequence)}","offset":${String(offset)},"length":${String(length)}}\n`,
      );
    });
    return true;
  }

  #halt(stop: Stop): void {
    if (this.#stop === undefined || stop.kind === 'bad-line') this.#stop = stop;
    this.#abort.abort();
  }

  /** Says what went wrong, if anything did; returns the exit code. */
  conclude(complain: (text: string) => void): ExitCode {
    const { failure } = this.#gate;
    if (failure !== undefined) {
      complain(`line ${String(failure.lineNumber)}: ${describeError(failure.cause)}`);
      return EXIT.IO;
    }
    const output = this.#output.state;
    if (output.kind === 'failed') {
      complain(`cannot write to standard output: ${output.cause.message}`);
      return EXIT.IO;
    }
    if (this.#stop?.kind === 'bad-line') {
      complain(`line ${String(this.#stop.number)}: ${this.#stop.reason}`);
      return EXIT.BAD_LINE;
    }
    if (this.#stop?.kind === 'input-failed') {
      complain(describeError(this.#stop.error));
      return EXIT.IO;
    }
    if (this.#stop?.kind === 'signal') return this.#stop.exitCode;
    if (output.kind === 'closed' && !this.#inputEnded) return EXIT.CLOSED_PIPE;
    return EXIT.OK;
  }
}
