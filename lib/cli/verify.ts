// `uring-wal verify`: reads a whole log, checks everything, and says how it ends.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WalChunk, WalEnd } from '../index.js';
import { WalReader } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { describeDamages, describeLost, exitCodeOfLook } from './inspect.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { lookAt } from './look.js';
import { ProgressBar } from './progress.js';
import type { Streams } from './streams.js';
import { findTarget } from './target.js';
import type { Told } from './told.js';
import { jsonLine, tell } from './told.js';
import { segmentName } from '../segments.js';
import type { Command } from './usage.js';
import { segmentNumbers } from './walk.js';

type VerifyCommand = Extract<Command, { kind: 'verify' }>;

/** Smaller logs are verified before a progress bar could be read; bytes. */
const PROGRESS_FILE_BYTES_MIN = 64 * 1024 * 1024;

/** Runs the command; resolves to its exit code. */
export function runVerify(command: VerifyCommand, streams: Streams): Promise<ExitCode> {
  return tell('verify', streams, async () => {
    const target = await findTarget(command.log);
    if (target.kind === 'directory') return verifyDirectory(target.path, command, streams);
    const { tally, end } = await verify(command.log, streams);
    return {
      text: command.json ? toJson(tally, end) : toText(tally, end),
      code: exitCodeOf(end),
      complaint: end.kind === 'clean' ? undefined : describeEnd(end),
    };
  });
}

interface Verdict {
  readonly tally: Tally;
  readonly end: WalEnd;
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
  /** Whether each sequence is higher than the one before. */
  isAscending = true;

  add(chunk: WalChunk): void {
    this.firstSequence ??= chunk.record(0).sequence;
    this.records += chunk.count;
    for (const { sequence, type } of chunk) {
      if (type === 'put') this.puts += 1;
      if (this.lastSequence !== undefined && sequence <= this.lastSequence) {
        this.isAscending = false;
      }
      this.lastSequence = sequence;
    }
  }
}

function toJson(tally: Tally, end: WalEnd): string {
  const { records, puts, firstSequence, lastSequence, isAscending } = tally;
  const report = {
    records,
    puts,
    deletes: records - puts,
    bytes: end.offset,
    fileBytes: end.size,
    firstSequence: firstSequence === undefined ? null : String(firstSequence),
    lastSequence: lastSequence === undefined ? null : String(lastSequence),
    isAscending,
    end,
  };
  return `${JSON.stringify(report)}\n`;
}

function toText(tally: Tally, end: WalEnd): string {
  const { records, puts, firstSequence, lastSequence, isAscending } = tally;
  const count = (number: number): string => number.toLocaleString('en');
  const [first, last] = [String(firstSequence), String(lastSequence)];
  const known = isAscending ? `${first} to ${last}` : `${first} first, ${last} last; not ascending`;
  const sequences = firstSequence === undefined ? 'none' : known;
  return [
    `records    ${count(records)} (${count(puts)} put, ${count(records - puts)} delete)`,
    `bytes      ${count(end.offset)} of ${count(end.size)}`,
    `sequences  ${sequences}`,
    `end        ${describeEnd(end)}`,
    '',
  ].join('\n');
}

async function verifyDirectory(
  directory: string,
  { json }: VerifyCommand,
  streams: Streams,
): Promise<Told> {
  const total = await sizeOf(directory);
  const progress =
    total < PROGRESS_FILE_BYTES_MIN ? undefined : new ProgressBar(streams.stderr, total);
  let done = 0;
  const look = await lookAt(directory, (bytes) => {
    done += bytes;
    progress?.update(done, `${done.toLocaleString('en')} bytes`);
  }).finally(() => progress?.clear());
  const { segments, judgement, survey } = look;
  const sum = (of: (each: (typeof segments)[number]) => number): number =>
    segments.reduce((total, each) => total + of(each), 0);
  const damages = describeDamages(look);
  const report = {
    segments: segments.length,
    records: sum(({ records }) => records),
    puts: sum(({ puts }) => puts),
    deletes: sum(({ records, puts }) => records - puts),
    bytes: sum(({ segment }) => segment.bytes),
    fileBytes: sum(({ size }) => size),
    firstSequence:
      segments.find(({ segment }) => segment.first !== undefined)?.segment.first ?? null,
    lastSequence:
      segments.findLast(({ segment }) => segment.last !== undefined)?.segment.last ?? null,
    end: segments[judgement.activeIndex]?.end ?? null,
    missing: survey.missing,
    damages,
    entriesLost: judgement.lost,
  };
  const code = exitCodeOfLook(look);
  const text = json ? jsonLine(report) : directoryText(report, describeLost(look));
  const [worst, ...others] = damages;
  const more = others.length === 0 ? '' : ` (and ${String(others.length)} more)`;
  return { text, code, complaint: worst === undefined ? undefined : `${worst}${more}` };
}

function directoryText(
  report: {
    readonly segments: number;
    readonly records: number;
    readonly puts: number;
    readonly deletes: number;
    readonly bytes: number;
    readonly fileBytes: number;
    readonly firstSequence: bigint | null;
    readonly lastSequence: bigint | null;
    readonly damages: readonly string[];
  },
  lost: readonly string[],
): string {
  const { records, puts, deletes, firstSequence, lastSequence, damages } = report;
  const count = (number: number): string => number.toLocaleString('en');
  const sequences =
    firstSequence === null ? 'none' : `${String(firstSequence)} to ${String(lastSequence)}`;
  return [
    `segments   ${count(report.segments)}`,
    `records    ${count(records)} (${count(puts)} put, ${count(deletes)} delete)`,
    `bytes      ${count(report.bytes)} of ${count(report.fileBytes)}`,
    `sequences  ${sequences}`,
    ...(damages.length === 0
      ? ['end        clean end']
      : damages.map((each) => `damage     ${each}`)),
    ...lost.map((each) => `lost       ${each}`),
    '',
  ].join('\n');
}

async function sizeOf(directory: string): Promise<number> {
  let total = 0;
  for (const number of await segmentNumbers(directory)) {
    total += (await stat(join(directory, segmentName(number)))).size;
  }
  return total;
}
