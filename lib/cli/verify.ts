// `uring-wal verify`: reads a whole log, checks everything, and says how it ends.

import { stat } from 'node:fs/promises';
import type { WalChunk, WalEnd } from '../index.js';
import { WalReader } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { Output } from './output.js';
import { ProgressBar } from './progress.js';
import { describeFailure } from './report.js';
import type { Streams } from './streams.js';
import type { Command } from './usage.js';

type VerifyCommand = Extract<Command, { kind: 'verify' }>;

/** Smaller logs are verified before a progress bar could be read; bytes. */
const PROGRESS_FILE_BYTES_MIN = 64 * 1024 * 1024;

interface Verdict {
  readonly tally: Tally;
  readonly end: WalEnd;
}

/** Runs the command; resolves to its exit code. */
export async function runVerify(command: VerifyCommand, streams: Streams): Promise<ExitCode> {
  const complain = (text: string): void => {
    streams.stderr.write(`uring-wal verify: ${text}\n`);
  };
  let verdict: Verdict;
  try {
    verdict = await verify(command.log, streams);
  } catch (error) {
    complain(describeFailure(error));
    return EXIT.IO;
  }
  const { tally, end } = verdict;
  const output = new Output(streams.stdout);
  output.write(command.json ? toJson(tally, end) : toText(tally, end));
  const state = await output.finish();
  if (state.kind === 'failed') {
    complain(`cannot write to standard output: ${state.cause.message}`);
    return EXIT.IO;
  }
  if (end.kind !== 'clean') complain(describeEnd(end));
  return exitCodeOf(end);
}

async function verify(log: string, streams: Streams): Promise<Verdict> {
  const reader = await WalReader.open(log);
  const { size } = await stat(log);
  const progress =
    size < PROGRESS_FILE_BYTES_MIN ? undefined : new ProgressBar(streams.stderr, size);
  try {
    const tally = new Tally();
    for await (const chunk of reader.chunks()) {
      tally.add(chunk);
      progress?.update(reader.offset, `${tally.records.toLocaleString('en')} records`);
    }
    const { end } = reader;
    if (end === undefined) throw new Error('the reader stopped without a reason');
    return { tally, end };
  } finally {
    progress?.clear();
    await reader.close();
  }
}

/** What has been seen so far. */
class Tally {
  records = 0;
  puts = 0;
  firstSequence: bigint | undefined;
  lastSequence: bigint | undefined;

  add(chunk: WalChunk): void {
    this.firstSequence ??= chunk.record(0).sequence;
    this.lastSequence = chunk.record(chunk.count - 1).sequence;
    this.records += chunk.count;
    for (const record of chunk) if (record.type === 'put') this.puts += 1;
  }
}

function toJson(tally: Tally, end: WalEnd): string {
  const { records, puts, firstSequence, lastSequence } = tally;
  const report = {
    records,
    puts,
    deletes: records - puts,
    bytes: end.offset,
    fileBytes: end.size,
    firstSequence: firstSequence === undefined ? null : String(firstSequence),
    lastSequence: lastSequence === undefined ? null : String(lastSequence),
    end,
  };
  return `${JSON.stringify(report)}\n`;
}

function toText(tally: Tally, end: WalEnd): string {
  const { records, puts, firstSequence, lastSequence } = tally;
  const count = (number: number): string => number.toLocaleString('en');
  const sequences =
    firstSequence === undefined ? 'none' : `${String(firstSequence)} to ${String(lastSequence)}`;
  return [
    `records    ${count(records)} (${count(puts)} put, ${count(records - puts)} delete)`,
    `bytes      ${count(end.offset)} of ${count(end.size)}`,
    `sequences  ${sequences}`,
    `end        ${describeEnd(end)}`,
    '',
  ].join('\n');
}
