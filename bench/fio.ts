// The floor: what the disk gives to a C program that does nothing but write. One trial runs fio
// once, on a file zeroed beforehand.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { zeroAhead } from './contenders/group-commit.js';
import type { Times } from './append-trial.js';
import type { AppendTask, TrialResult } from './contender.js';

const DURABLE_BYTES = 8 << 20;
const SEQUENTIAL_BYTES = 256 << 20;

/** The part of fio's JSON that is read. */
interface FioReport {
  readonly 'fio version': string;
  readonly jobs: readonly {
    readonly error: number;
    readonly write: {
      readonly io_bytes: number;
      readonly total_ios: number;
      readonly runtime: number;
      readonly lat_ns: { readonly percentile?: Record<string, number> };
    };
  }[];
}

/**
 * A durable task: 4 KiB O_DIRECT writes through an O_DSYNC descriptor, one at a time. A disk task:
 * 1 MiB O_DIRECT writes, eight in flight.
 *
 * @throws when fio is missing or failed, with the reason for the row.
 */
export function measureFio(task: AppendTask, directory: string, times: Times): TrialResult {
  const durable = task.durability === 'durable';
  const file = join(directory, 'fio.data');
  const bytes = durable ? DURABLE_BYTES : SEQUENTIAL_BYTES;
  zeroAhead(file, bytes);
  const mode = durable
    ? ['--bs=4k', '--iodepth=1', '--sync=dsync']
    : ['--bs=1m', '--iodepth=8', '--end_fsync=1'];
  const run = spawnSync(
    'fio',
    [
      '--name=floor',
      `--filename=${file}`,
      `--size=${String(bytes)}`,
      '--ioengine=io_uring',
      '--rw=write',
      '--direct=1',
      '--time_based',
      `--runtime=${String(times.measureMs)}ms`,
      '--lat_percentiles=1',
      '--output-format=json',
      ...mode,
    ],
    { encoding: 'utf8', maxBuffer: 16 << 20 },
  );
  if (run.error !== undefined) throw new Error('not installed (Debian: apt-get install fio)');
  if (run.status !== 0) throw new Error(`fio failed: ${run.stderr.trim().slice(0, 200)}`);
  const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{'))) as FioReport;
  const write = report.jobs[0]?.write;
  if (write === undefined || write.total_ios === 0) throw new Error('fio wrote nothing');
  const percentiles = write.lat_ns.percentile ?? {};
  return {
    operations: write.total_ios,
    seconds: write.runtime / 1000,
    bytes: write.io_bytes,
    p50Us: (percentiles['50.000000'] ?? Number.NaN) / 1000,
    p99Us: (percentiles['99.000000'] ?? Number.NaN) / 1000,
    note: report['fio version'],
  };
}
