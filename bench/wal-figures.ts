// `npm run bench -- wal`: what the log of many files is asked to be quick at. How long it takes to
// open a large one, after a clean close and after a kill; and what rotation does to the slowest of
// a thousand appends, against the same appends without it.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Wal } from '../lib/index.js';
import type { WalOptions } from '../lib/index.js';
import { significant } from './format.js';
import { median, percentile } from './statistics.js';

const [KIB, MIB] = [1024, 1024 * 1024];
const OPENED_BYTES = 1024 * MIB;
const OPEN_MS_MAX = 50;
const RATIO_MAX = 3;
const [OPEN_ROUNDS, ROTATION_ROUNDS] = [9, 5];
const RUN_MS = 4000;
/** Half a thousand appends fill a segment, so the slowest of a thousand are those that rotate. */
const ROTATING: WalOptions = { maxFileSize: 512 * KIB };
const NEVER: WalOptions = { maxFileSize: 16 * 1024 * MIB };
const VALUE_BYTES = 1000;
const CRASH_BYTES = 16 * MIB;
const QUIET = { maxWalFiles: 1000000 } as const;

/** Measures in a directory of its own below `parent`, and prints. */
export async function runWalFigures(parent: string): Promise<void> {
  fs.mkdirSync(parent, { recursive: true });
  const directory = fs.mkdtempSync(join(parent, 'wal-'));
  try {
    await openFigures(join(directory, 'open'));
    for (const callers of [1, 64]) await rotationFigures(directory, callers);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function openFigures(directory: string): Promise<void> {
  await fill(directory, OPENED_BYTES);
  const clean = await openedMs(directory, OPEN_ROUNDS);
  const size = `${significant(OPENED_BYTES / MIB)} MiB in ${String(clean.segments)} segments`;
  say(`open a log of ${size}`);
  const verdict = clean.ms <= OPEN_MS_MAX ? 'met' : 'MISSED';
  const ms = `${significant(clean.ms)} ms (at most ${significant(clean.msMax)})`;
  say(`  after a clean close  ${ms}, ${String(clean.bytesRead)} bytes of records read`);
  say(`                       below ${String(OPEN_MS_MAX)} ms: ${verdict}`);
  const { signal } = spawnSync(process.execPath, [SCRIPT, 'crash', directory]);
  if (signal !== 'SIGKILL') throw new Error('the process to be killed ended by itself');
  const killed = await openedMs(directory, 1);
  const read = `${significant(killed.bytesRead / MIB)} MiB of records read`;
  const behind = `${significant(CRASH_BYTES / MIB)} MiB had been appended since it was opened`;
  say(`  after a kill         ${significant(killed.ms)} ms, ${read}: ${behind}`);
}

/** Median of some opens, each after a clean close but for the first. */
async function openedMs(
  directory: string,
  rounds: number,
): Promise<{ ms: number; msMax: number; bytesRead: number; segments: number }> {
  const times: number[] = [];
  let [bytesRead, segments] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const wal = await Wal.open(directory, QUIET);
    times.push(performance.now() - start);
    ({ bytesRead, segments } = wal.recovery);
    await wal.close();
  }
  return { ms: median(times), msMax: Math.max(...times), bytesRead, segments };
}

async function fill(directory: string, bytes: number): Promise<void> {
  const value = new Uint8Array(256 * KIB).fill(7);
  const wal = await Wal.open(directory, { ...QUIET, sync: 'manual' });
  for (let done = 0; done < bytes; done += 16 * value.length) {
    await Promise.all(Array.from({ length: 16 }, () => wal.put('key', value)));
  }
  await wal.close();
}

async function rotationFigures(parent: string, callers: number): Promise<void> {
  const ratios: number[] = [];
  const rows: { readonly with: Latencies; readonly without: Latencies }[] = [];
  for (let round = 0; round < ROTATION_ROUNDS; round++) {
    const without = await latencies(parent, callers, NEVER);
    const row = { with: await latencies(parent, callers, ROTATING), without };
    rows.push(row);
    ratios.push(row.with.p999 / without.p999);
  }
  say(`durable appends of ${String(callers)} ${callers === 1 ? 'caller' : 'callers'}, µs`);
  say('                       p50      p99    p99.9   first in a segment, p50');
  for (const [name, which] of [
    ['without rotation', 'without'],
    ['rotating', 'with'],
  ] as const) {
    const cell = (of: keyof Latencies): string =>
      significant(median(rows.map((row) => row[which][of]))).padStart(9);
    const first = which === 'with' ? cell('first') : '';
    say(`  ${name.padEnd(17)}${cell('p50')}${cell('p99')}${cell('p999')}${first}`);
  }
  const ratio = median(ratios);
  const spread = `${significant(Math.min(...ratios))} to ${significant(Math.max(...ratios))}`;
  const verdict = ratio <= RATIO_MAX ? 'met' : 'MISSED';
  say(`  p99.9, rotating : without  ${significant(ratio)} (${spread}); at most 3: ${verdict}`);
}

/** µs. */
interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Of the appends that waited for a rotation. */
  readonly first: number;
}

async function latencies(parent: string, callers: number, options: WalOptions): Promise<Latencies> {
  const directory = fs.mkdtempSync(join(parent, 'rotation-'));
  const wal = await Wal.open(directory, { ...options, ...QUIET });
  const [all, first]: [number[], number[]] = [[], []];
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const caller = async (until: number, into: number[]): Promise<void> => {
    let before = performance.now();
    while (before < until) {
      const { offset } = await wal.put('key', value);
      const now = performance.now();
      into.push((now - before) * 1000);
      if (offset === 0) first.push((now - before) * 1000);
      before = now;
    }
  };
  const run = async (ms: number, into: number[]): Promise<void> => {
    const until = performance.now() + ms;
    await Promise.all(Array.from({ length: callers }, () => caller(until, into)));
  };
  await run(RUN_MS / 4, []);
  await run(RUN_MS, all);
  await wal.close();
  fs.rmSync(directory, { recursive: true });
  const [p50, p99, p999] = [percentile(all, 0.5), percentile(all, 0.99), percentile(all, 0.999)];
  return { p50, p99, p999, first: median(first) };
}

const SCRIPT = fileURLToPath(import.meta.url);

/** Opens the log, appends, and dies. */
async function crash(directory: string): Promise<void> {
  const wal = await Wal.open(directory, QUIET);
  const value = new Uint8Array(64 * KIB).fill(7);
  for (let done = 0; done < CRASH_BYTES; done += value.length) await wal.put('key', value);
  process.kill(process.pid, 'SIGKILL');
}

if (process.argv[1] === SCRIPT && process.argv[2] === 'crash') await crash(process.argv[3] ?? '');
