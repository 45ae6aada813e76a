// `npm run bench -- counts`: what an append costs in system calls and written bytes, counted by
// strace. Counts do not depend on the weather, so a regression in them is a regression.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { significant } from './format.js';
import { diskBytesOfProcess, payload } from './log-file.js';
import { DATA_DIRECTORY } from './paths.js';
import { recordBytes } from './record.js';

const APPENDS = 1000;
const SHAPE = { keyBytes: 16, valueBytes: 100 };
/** Calls that do not belong to appends, whatever else the process does while it runs. */
const IGNORED = new Set(['futex', 'madvise', 'mprotect', 'mmap', 'munmap', 'sched_yield', 'brk']);

export interface CountCase {
  readonly name: string;
  readonly sync: boolean;
  readonly callers: number;
  readonly directIo: boolean;
  readonly driver: 'auto' | 'threadpool';
}

export interface Counts {
  /** System calls by name, of the appends alone: those of open and close are taken off. */
  readonly calls: ReadonlyMap<string, number>;
  readonly callsPerAppend: number;
  /** Bytes of the writer's own writes per byte of records: padding and rewritten blocks show. */
  readonly logBytesPerByte: number;
  /**
   * Bytes the kernel accounts to the process's disk per byte of records: zeros ahead included, and
   * a whole folio for each write into the page cache. To look at, too coarse to assert.
   */
  readonly diskBytesPerByte: number;
}

export const COUNT_CASES: readonly CountCase[] = [
  { name: 'durable, 1 caller', sync: true, callers: 1, directIo: false, driver: 'auto' },
  { name: 'durable, 64 callers', sync: true, callers: 64, directIo: false, driver: 'auto' },
  {
    name: 'durable, 64 callers, directIo',
    sync: true,
    callers: 64,
    directIo: true,
    driver: 'auto',
  },
  { name: 'durable, 1000 callers', sync: true, callers: 1000, directIo: false, driver: 'auto' },
  { name: 'written, 1 caller', sync: false, callers: 1, directIo: false, driver: 'auto' },
  { name: 'written, 64 callers', sync: false, callers: 64, directIo: false, driver: 'auto' },
  {
    name: 'durable, 64, thread pool',
    sync: true,
    callers: 64,
    directIo: false,
    driver: 'threadpool',
  },
];

/** What one traced process wrote, in bytes. */
interface Written {
  readonly log: number;
  readonly disk: number;
}

/** Whether strace is here and may trace. */
export function straceWorks(): boolean {
  return spawnSync('strace', ['-c', 'true'], { stdio: 'ignore' }).status === 0;
}

/** Appends {@link APPENDS} records under strace, and none for comparison; the difference counts. */
export function countCase(one: CountCase): Counts {
  fs.mkdirSync(DATA_DIRECTORY, { recursive: true });
  const directory = fs.mkdtempSync(join(DATA_DIRECTORY, 'counts-'));
  try {
    const idle = trace(one, 0, join(directory, 'idle'));
    const busy = trace(one, APPENDS, join(directory, 'busy'));
    const calls = new Map<string, number>();
    for (const [name, count] of busy.calls) {
      const own = count - (idle.calls.get(name) ?? 0);
      if (own > 0 && !IGNORED.has(name)) calls.set(name, own);
    }
    const all = [...calls.values()].reduce((sum, count) => sum + count, 0);
    const recordsBytes = APPENDS * recordBytes(SHAPE.keyBytes, SHAPE.valueBytes);
    return {
      calls,
      callsPerAppend: all / APPENDS,
      logBytesPerByte: busy.written.log / recordsBytes,
      diskBytesPerByte: (busy.written.disk - idle.written.disk) / recordsBytes,
    };
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function trace(
  one: CountCase,
  appends: number,
  prefix: string,
): {
  calls: Map<string, number>;
  written: Written;
} {
  const summary = `${prefix}.strace`;
  const script = fileURLToPath(import.meta.url);
  const job = JSON.stringify({ ...one, appends, path: `${prefix}.wal` });
  const run = spawnSync(
    'strace',
    ['-c', '-f', '-U', 'calls,name', '-o', summary, process.execPath, script, job],
    { encoding: 'utf8' },
  );
  if (run.status !== 0) throw new Error(`strace failed: ${run.stderr.trim()}`);
  const calls = new Map<string, number>();
  for (const line of fs.readFileSync(summary, 'utf8').split('\n')) {
    const match = /^\s*(\d+)\s+(\w+)\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && match[2] !== 'total') {
      calls.set(match[2], Number(match[1]));
    }
  }
  return { calls, written: JSON.parse(run.stdout) as Written };
}

/** The traced process: opens, appends, says how many bytes the kernel saw written, closes. */
async function appendUnderTrace(job: CountCase & { appends: number; path: string }): Promise<void> {
  const { UringWalWriter, WalEntry } = await import('../lib/index.js');
  const { path, directIo, driver, sync } = job;
  const writer = await UringWalWriter.open(path, { directIo, driver, sync });
  const { key, value } = payload(SHAPE);
  let sequence = 0;
  const caller = async (): Promise<void> => {
    while (sequence < job.appends) await writer.append(WalEntry.put(++sequence, key, value));
  };
  await Promise.all(Array.from({ length: job.callers }, caller));
  const log = writer.stats().bytesWritten;
  await writer.close();
  process.stdout.write(JSON.stringify({ log, disk: diskBytesOfProcess() }));
}

export function runCounts(): void {
  if (!straceWorks()) throw new Error('strace is not here, or may not trace: nothing was counted');
  process.stdout.write(
    `${String(APPENDS)} appends of 16 B + 100 B`.padEnd(32) +
      ['calls each', 'log B/B', 'disk B/B'].map((heading) => heading.padStart(12)).join('') +
      '   system calls, those of open and close taken off\n',
  );
  for (const one of COUNT_CASES) {
    const counts = countCase(one);
    const byName = [...counts.calls].sort((a, b) => b[1] - a[1]);
    const detail = byName.map(([name, count]) => `${name} ${String(count)}`).join(', ');
    const column = (value: number): string => significant(value).padStart(12);
    process.stdout.write(
      one.name.padEnd(32) +
        column(counts.callsPerAppend) +
        column(counts.logBytesPerByte) +
        column(counts.diskBytesPerByte) +
        `   ${detail}\n`,
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] !== undefined) {
  await appendUnderTrace(
    JSON.parse(process.argv[2]) as CountCase & { appends: number; path: string },
  );
}
