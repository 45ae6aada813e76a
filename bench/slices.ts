// How the measured time of a contender is divided: its process lives through all rounds of a
// workload, warms up once and measures one slice a round. No slice appends more than there are zeros
// for, so that a faster disk has shorter slices instead of slower figures.

import type { AppendTask, Task } from './contender.js';
import { recordBytes } from './record.js';

/** How long to warm up, with small values, and to measure. */
export interface Times {
  readonly warmupMs: number;
  readonly measureMs: number;
}

/** Ends when the time is over, or with the last of the records. */
export interface Slice {
  readonly ms: number;
  readonly records: number;
}

export interface Slices {
  readonly warmup: Slice;
  /** Before every measured slice, thrown away: a process that was idle gets going again. */
  readonly runUp: Slice;
  readonly measured: Slice;
  /** After so many rounds the contender gets a new log, and warms up on it. */
  readonly roundsPerLog: number;
  /** What all slices of one log write at most, with something to spare, bytes. */
  readonly zeroedBytes: number;
}

interface Sliced {
  readonly task: Task;
  readonly zeroedBytesPerSecond: number;
}

/** Large values soon fill a disk, and there is little code to compile for each byte of them. */
const WARMUP_LARGE_SHARE = 0.3;
const LARGE_VALUE_BYTES = 4096;
const RUN_UP_MS = 10;
const MIB = 2 ** 20;
/**
 * The zeros of one log. `preallocateBytes` takes 1 GiB, of which a log that syncs often zeroes three
 * times as much; and a disk writes more slowly what it is given for long.
 */
const ZEROED_BYTES_MAX = { durable: 640 * MIB, written: 640 * MIB, disk: 1200 * MIB } as const;
/** Slices are shortened to this part of their length before there is a log more. */
const SHORTENED_MIN = 0.5;
/** Blocks begun, and what a contender appends for itself. */
const SPARE_BYTES = 2 * MIB;
/** Each caller appends so often at least: there is something to measure. */
const TURNS_MIN = 4;

export function slicesOf(
  { task, zeroedBytesPerSecond }: Sliced,
  times: Times,
  rounds: number,
): Slices {
  if (task.kind !== 'append') return readingSlices(times, rounds);
  const share = task.valueBytes >= LARGE_VALUE_BYTES ? WARMUP_LARGE_SHARE : 1;
  const warmupMs = share * times.warmupMs;
  const roundMs = RUN_UP_MS + times.measureMs;
  const most = ZEROED_BYTES_MAX[task.durability];
  /** The part of what can be written in that time that one log has room for. */
  const shareOf = (roundsPerLog: number): number =>
    Math.min(1, (most * 1000) / zeroedBytesPerSecond / (warmupMs + roundsPerLog * roundMs));
  let logs = 1;
  while (logs < rounds && shareOf(Math.ceil(rounds / logs)) < SHORTENED_MIN) logs++;
  const roundsPerLog = Math.ceil(rounds / logs);
  const bytesPerMs = (shareOf(roundsPerLog) * zeroedBytesPerSecond) / 1000;
  const slice = (ms: number, turns: number): Slice => ({
    ms,
    records: recordsOf(task, ms * bytesPerMs, turns),
  });
  const [warmup, runUp, measured] = [
    slice(warmupMs, TURNS_MIN),
    slice(RUN_UP_MS, 1),
    slice(times.measureMs, TURNS_MIN),
  ];
  const records = warmup.records + roundsPerLog * (runUp.records + measured.records);
  const zeroedBytes = records * recordBytes(task.keyBytes, task.valueBytes) + SPARE_BYTES;
  return { warmup, runUp, measured, roundsPerLog, zeroedBytes };
}

function recordsOf(task: AppendTask, bytes: number, turns: number): number {
  const { callers, recordsPerCall = 1 } = task;
  const least = turns * callers * recordsPerCall;
  return Math.max(least, Math.floor(bytes / recordBytes(task.keyBytes, task.valueBytes)));
}

/** Who only reads is bounded by time alone. */
function readingSlices({ warmupMs, measureMs }: Times, rounds: number): Slices {
  const slice = (ms: number): Slice => ({ ms, records: 0 });
  return {
    warmup: slice(warmupMs),
    runUp: slice(0),
    measured: slice(measureMs),
    roundsPerLog: rounds,
    zeroedBytes: 0,
  };
}
