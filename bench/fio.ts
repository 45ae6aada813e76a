// The floor: what the disk gives to a C program that does nothing but write. Each round runs fio
// once, on a file zeroed beforehand.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { zeroAhead } from './contenders/group-commit.js';
import type { AppendTask, TrialResult } from './contender.js';
import { comeToRest } from './rest.js';

const FILE_NAME = 'fio.data';
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
 */
export class FioTrial {
  private readonly task: AppendTask;
  private readonly directory: string;
  private readonly measureMs: number;

  constructor(task: AppendTask, directory: string, measureMs: number) {
    this.task = task;
    this.directory = directory;
    this.measureMs = measureMs;
  }

  /** Zeroes the file that all rounds overwrite. */
  async open(): Promise<void> {
    zeroAhead(join(this.directory, FILE_NAME), fileBytes(this.task));
    await comeToRest(this.directory);
  }

  /** @throws when fio is missing or failed, with the reason for the row. */
  measure(): Promise<TrialResult> {
    return Promise.resolve(measureFio(this.task, this.directory, this.measureMs));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function fileBytes({ durability }: AppendTask): number {
  return durability === 'durable' ? DURABLE_BYTES : SEQUENTIAL_BYTES;
}

function measureFio(task: AppendTask, directory: string, measureMs: number): TrialResult {
  const durable = task.durability === 'durable';
  const mode = durable
    ? ['--bs=4k', '--iodepth=1', '--sync=dsync']
    : ['--bs=1m', '--iodepth=8', '--end_fsync=1'];
  const run = spawnSync(
    'fio',
    [
      '--name=floor',
      `--filename=${join(directory, FILE_NAME)}`,
      `--size=${String(fileBytes(task))}`,
      '--ioengine=io_uring',
      '--rw=write',
      '--direct=1',
      '--time_based',
      `--runtime=${String(measureMs)}ms`,
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
