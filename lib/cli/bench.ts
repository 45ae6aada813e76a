// `uring-wal bench`: what a log does on the disk of a directory, with the records of an ordinary
// application.

import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { WalReader } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { measureAppends } from './measure.js';
import { checkIsDirectory, makeOwnFolder } from './own-folder.js';
import type { Streams } from './streams.js';
import type { Alignment } from './text-table.js';
import { countText, textTable } from './text-table.js';
import { PathError } from './target.js';
import type { Told } from './told.js';
import { jsonLine, tellUntilSignal } from './told.js';
import { EXIT } from './exit-codes.js';
import type { Command } from './usage.js';

type BenchCommand = Extract<Command, { kind: 'bench' }>;

const VALUE_BYTES = 100;
/** No measurement writes more than this, nor more than its share of what is free; bytes. */
const BYTES_MAX = 2 * 1024 * 1024 * 1024;
const FREE_SHARE = 4;
/** With less, there is nothing to measure; bytes. */
const BYTES_MIN = 1024 * 1024;

const WORKLOADS = [
  { name: 'durable, 1 caller', callers: 1, sync: true },
  { name: 'durable, 64 callers', callers: 64, sync: true },
  { name: 'durable, 1024 callers', callers: 1024, sync: true },
  { name: 'written, 1024 callers', callers: 1024, sync: false },
] as const;

/** One line of the result; latencies in microseconds, undefined for replay. */
interface Row {
  readonly name: string;
  readonly driver: string;
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly max?: number;
}

/** Runs the command; resolves to its exit code. */
export function runBench(command: BenchCommand, streams: Streams): Promise<ExitCode> {
  return tellUntilSignal('bench', streams, (signal) => bench(command, signal));
}

async function bench(
  { directory, seconds, json }: BenchCommand,
  signal: AbortSignal,
): Promise<Told> {
  await checkIsDirectory(directory);
  const { bavail, bsize } = await statfs(directory);
  const bytesMax = Math.min(BYTES_MAX, Math.floor((bavail * bsize) / FREE_SHARE));
  if (bytesMax < BYTES_MIN) {
    throw new PathError(directory, 'ENOSPC', undefined, 'there is too little room to measure in');
  }
  const own = await makeOwnFolder(directory, 'bench');
  const rows: Row[] = [];
  try {
    let log = '';
    for (const [index, { name, callers, sync }] of WORKLOADS.entries()) {
      if (signal.aborted) break;
      if (log !== '') await rm(log);
      log = join(own, `${String(index)}.wal`);
      const load = { driver: 'auto', callers, sync, valueBytes: VALUE_BYTES } as const;
      const limits = { secondsMax: seconds, recordsMax: Infinity, bytesMax };
      const measured = await measureAppends(log, { ...load, ...limits }, signal);
      const { latency } = measured;
      rows.push({
        ...rowOf(name, measured.driver, measured.records, measured.bytes, measured.seconds),
        p50: latency.percentileMs(0.5) * 1000,
        p99: latency.percentileMs(0.99) * 1000,
        max: latency.maxMs * 1000,
      });
    }
    if (!signal.aborted) rows.push(await replay(log, rows.at(-1)?.driver ?? '', seconds, signal));
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return { text: json ? jsonLine({ directory, seconds, rows }) : toText(rows), code: EXIT.OK };
}

async function replay(
  log: string,
  driver: string,
  secondsMax: number,
  signal: AbortSignal,
): Promise<Row> {
  const startedAtMs = performance.now();
  let [records, bytes] = [0, 0];
  for (;;) {
    const reader = await WalReader.open(log);
    try {
      for await (const chunk of reader.chunks()) records += chunk.count;
      bytes += reader.offset;
    } finally {
      await reader.close();
    }
    const seconds = (performance.now() - startedAtMs) / 1000;
    if (seconds >= secondsMax || signal.aborted) {
      return rowOf('replay', driver, records, bytes, seconds);
    }
  }
}

function rowOf(name: string, driver: string, records: number, bytes: number, seconds: number): Row {
  const [recordsPerSecond, bytesPerSecond] = [records / seconds, bytes / seconds];
  return { name, driver, records, recordsPerSecond, bytesPerSecond };
}

function toText(rows: readonly Row[]): string {
  const head = ['', 'driver', 'records/s', 'MB/s', 'p50 µs', 'p99 µs', 'max µs'];
  const whole = (value: number | undefined): string =>
    value === undefined || Number.isNaN(value) ? '-' : countText(Math.round(value));
  const cells = rows.map(({ name, driver, recordsPerSecond, bytesPerSecond, p50, p99, max }) => [
    name,
    driver,
    whole(recordsPerSecond),
    (bytesPerSecond / 1e6).toFixed(1),
    whole(p50),
    whole(p99),
    whole(max),
  ]);
  const sides: Alignment[] = ['left', 'left', 'right', 'right', 'right', 'right', 'right'];
  return textTable([head, ...cells], sides);
}
