// `npm run bench -- soak`: does memory stay flat? Callers append for minutes, durable and written,
// small values and large; a checkpoint each second takes what is old off the disk. The resident set
// is sampled, and a straight line is laid through the samples.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { significant } from './format.js';
import { slopeOf } from './statistics.js';

const CALLERS = 64;
/** By turns; half of the callers want durability. */
const VALUE_BYTES = [100, 100, 100, 4096, 100, 100, 65536, 100];
const SEGMENT_BYTES = 16 << 20;
const SAMPLE_MS = 1000;
/** What goes is read once more before: who appends more than this meanwhile waits, or fills the disk. */
const GROWTH_BYTES_MAX = 2 ** 31;
/** The process grows until its code is compiled and its buffers are there: left out. */
const WARM_UP_SHARE = 0.2;
const FLAT_BYTES_PER_MINUTE = 1 << 20;
const MINUTE_MS = 60_000;
const REPORT_SAMPLES = 30;

interface Sample {
  /** Since the start. */
  readonly minutes: number;
  readonly rssBytes: number;
}

/** Runs for `minutes`; says what the memory did. */
export async function runSoak(
  minutes: number,
  parent: string,
  say: (line: string) => void,
): Promise<void> {
  const { Wal } = await import('../lib/index.js');
  fs.mkdirSync(parent, { recursive: true });
  const directory = fs.mkdtempSync(join(parent, 'soak-'));
  try {
    const wal = await Wal.open(join(directory, 'wal'), { maxFileSize: SEGMENT_BYTES });
    const values = VALUE_BYTES.map((bytes) => Buffer.alloc(bytes, bytes));
    const samples: Sample[] = [];
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / MINUTE_MS;
    let appends = 0;
    let last = 0n;
    let grown = 0;
    let removed: Promise<unknown> = Promise.resolve();
    const caller = async (_: unknown, index: number): Promise<void> => {
      while (elapsed() < minutes) {
        if (grown > GROWTH_BYTES_MAX) await removed;
        const value = values[appends++ % values.length] ?? Buffer.alloc(0);
        grown += value.length;
        const { sequence } = await wal.put('key', value, { sync: index % 2 === 0 });
        if (sequence > last) last = sequence;
      }
    };
    const sampler = async (): Promise<void> => {
      while (elapsed() < minutes) {
        await delay(SAMPLE_MS);
        grown = 0;
        removed = wal.truncateBefore(last);
        await removed;
        const sample = { minutes: elapsed(), rssBytes: process.memoryUsage().rss };
        if (samples.push(sample) % REPORT_SAMPLES === 1) say(line(sample, appends));
      }
    };
    await Promise.all([...Array.from({ length: CALLERS }, caller), sampler()]);
    await wal.close();
    say(verdict(samples, minutes, appends));
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function line({ minutes, rssBytes }: Sample, appends: number): string {
  const at = `${minutes.toFixed(1)} min`.padStart(9);
  return `${at}  RSS ${significant(rssBytes / 1e6)} MB  ${String(appends)} appends`;
}

/** The slope behind the warm-up, and whether that is flat. */
export function verdict(samples: readonly Sample[], minutes: number, appends: number): string {
  const steady = samples.filter((sample) => sample.minutes >= minutes * WARM_UP_SHARE);
  const slope = slopeOf(steady.map(({ minutes: x, rssBytes: y }) => [x, y]));
  const sizes = steady.map(({ rssBytes }) => rssBytes);
  const words = Number.isNaN(slope)
    ? 'too short to tell'
    : slope <= FLAT_BYTES_PER_MINUTE
      ? 'flat'
      : 'GROWING';
  const range = `${significant(Math.min(...sizes) / 1e6)} to ${significant(Math.max(...sizes) / 1e6)} MB`;
  return (
    `${words}: RSS ${range}, slope ${(slope / 1e6).toFixed(3)} MB a minute over the last ` +
    `${(minutes * (1 - WARM_UP_SHARE)).toFixed(1)} of ${String(minutes)} minutes, ${String(appends)} appends`
  );
}
