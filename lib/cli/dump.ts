// `uring-wal dump`: a log's records as JSON lines.

import type { WalEnd } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { Output } from './output.js';
import { printJson } from './record-line.js';
import { SequenceWatch } from './sequence-watch.js';
import type { Streams } from './streams.js';
import { findTarget } from './target.js';
import { failureOf } from './told.js';
import type { Command } from './usage.js';
import { Walk } from './walk.js';

type DumpCommand = Extract<Command, { kind: 'dump' }>;

/** What a dump came to. */
interface Dumped {
  /** How the log ends; undefined when the end was not looked for. */
  readonly end: WalEnd | undefined;
  /** What is wrong before the end, where no crash leaves it. */
  readonly damages: readonly string[];
  /** What is missing, and was given up by a salvage. */
  readonly notes: readonly string[];
}

/** No whole record starts where `--from` says. */
class FromError extends RangeError {
  constructor({ offset, next }: WalEnd) {
    const where = next === undefined ? '' : `; the next one starts at ${String(next)}`;
    super(`--from ${String(offset)}: no whole record starts there${where}`);
  }
}

/** Runs the command; resolves to its exit code. */
export async function runDump(command: DumpCommand, streams: Streams): Promise<ExitCode> {
  const output = new Output(streams.stdout);
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal dump: ${text}\n`);
  };
  let dumped: Dumped;
  try {
    dumped = await printRecords(command, output);
  } catch (error) {
    await output.finish();
    const { code, text } = failureOf(error);
    complain(text);
    return code;
  }
  const state = await output.finish();
  if (state.kind === 'failed') {
    complain(`cannot write to standard output: ${state.cause.message}`);
    return EXIT.IO;
  }
  const { end, damages, notes } = dumped;
  for (const each of [...notes, ...damages]) complain(each);
  if (end !== undefined && end.offset > end.size) {
    complain(`--from ${String(end.offset)} is beyond the end: ${String(end.size)} bytes`);
    return EXIT.USAGE;
  }
  if (end !== undefined && end.kind !== 'clean') complain(describeEnd(end));
  if (damages.length > 0) return EXIT.CORRUPT;
  return end === undefined ? EXIT.OK : exitCodeOf(end);
}

async function printRecords(command: DumpCommand, output: Output): Promise<Dumped> {
  const target = await findTarget(command.log);
  const isDirectory = target.kind === 'directory';
  if (isDirectory && command.from !== undefined) {
    throw new RangeError('--from is an offset in a file; of a directory, use --from-sequence');
  }
  const watch = isDirectory ? await SequenceWatch.open(target.path) : undefined;
  const damages = watch?.damages ?? [];
  const notes = watch?.notes ?? [];
  const walk = await Walk.open(target, { segment: 0, offset: command.from ?? 0 });
  try {
    const from = command.fromSequence ?? 0n;
    let left = command.limit;
    if (left === 0) return { end: undefined, damages, notes };
    const onSealed = (path: string, end: WalEnd): void => {
      if (end.kind !== 'clean') damages.push(`'${path}': ${describeEnd(end)}; segments follow`);
    };
    for await (const { segment, chunk } of walk.steps(onSealed)) {
      for (const record of chunk) {
        const skipped = watch?.add(record.sequence, segment ?? 0, walk.path ?? '');
        if (skipped !== undefined) await skipped;
        if (record.sequence < from) continue;
        const printing = printJson(record, segment, output);
        if (printing !== undefined) await printing;
        if (output.backlogged) await output.drained();
        left -= 1;
        if (left === 0 || output.state.kind !== 'open') {
          return { end: undefined, damages, notes };
        }
      }
    }
    await watch?.end(walk.path);
    const { end } = walk;
    const isAtStart = command.from !== undefined && end?.offset === command.from;
    if (isAtStart && end.kind !== 'clean') throw new FromError(end);
    return { end, damages, notes };
  } finally {
    await walk.close();
  }
}
