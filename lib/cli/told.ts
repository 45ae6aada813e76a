// Commands that find out something, say it once, and end: how they print, complain and exit.

import { errnoOf } from '../errors.js';
import { WalError } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { Output } from './output.js';
import { describeError, describeFailure } from './report.js';
import { SignalWatch } from './signals.js';
import type { Streams } from './streams.js';
import { NoLogError } from './target.js';

/** What a command has to say. */
export interface Told {
  /** For standard output, with its last line feed. */
  readonly text: string;
  readonly code: ExitCode;
  /** One line for standard error. */
  readonly complaint?: string | undefined;
}

/** Runs `work` and prints what it tells; resolves to the exit code. */
export async function tell(
  name: string,
  streams: Streams,
  work: () => Promise<Told>,
): Promise<ExitCode> {
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal ${name}: ${text}\n`);
  };
  let told: Told;
  try {
    told = await work();
  } catch (error) {
    const { code, text } = failureOf(error);
    complain(text);
    return code;
  }
  const printed = await print(told.text, streams, `uring-wal ${name}`);
  if (printed !== EXIT.OK) return printed;
  if (told.complaint !== undefined) complain(told.complaint);
  return told.code;
}

/** The same for work that a signal ends early; the exit code then tells which it was. */
export async function tellUntilSignal(
  name: string,
  streams: Streams,
  work: (signal: AbortSignal) => Promise<Told>,
): Promise<ExitCode> {
  const watch = new SignalWatch();
  try {
    const code = await tell(name, streams, () => work(watch.signal));
    return watch.exitCode ?? code;
  } finally {
    watch.release();
  }
}

/** Prints all of a text, or says in the name of `who` why that cannot be done. */
export async function print(text: string, streams: Streams, who: string): Promise<ExitCode> {
  const output = new Output(streams.stdout);
  output.write(text);
  const state = await output.finish();
  if (state.kind !== 'failed') return EXIT.OK;
  streams.stderr.write(`${who}: cannot write to standard output: ${state.cause.message}\n`);
  return EXIT.IO;
}

/** Words and exit code for what the world did; a bug of ours is thrown on. */
export function failureOf(error: unknown): { readonly code: ExitCode; readonly text: string } {
  if (error instanceof NoLogError) return { code: EXIT.NO_INPUT, text: error.message };
  if (error instanceof RangeError && errnoOf(error) === undefined) {
    return { code: EXIT.USAGE, text: error.message };
  }
  if (error instanceof WalError && error.code === 'ERR_WAL_CORRUPT') {
    return { code: EXIT.CORRUPT, text: describeError(error) };
  }
  return { code: EXIT.IO, text: describeFailure(error) };
}

/** A value as one line of JSON; sequences, which are bigints, as decimal strings. */
export function jsonLine(value: unknown): string {
  const replace = (_: string, each: unknown): unknown =>
    typeof each === 'bigint' ? String(each) : each;
  return `${JSON.stringify(value, replace)}\n`;
}
