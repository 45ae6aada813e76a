// The doctor's look at a directory: its file system, its disk, and how long a durable append takes.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import { selectDriver } from '../io/select.js';
import type { Finding } from './doctor.js';
import type { FileSystem } from './file-system.js';
import { lookUpFileSystem, lookUpWriteCache } from './file-system.js';
import { measureAppends } from './measure.js';
import { checkIsDirectory, makeOwnFolder } from './own-folder.js';
import { describeError } from './report.js';

/** So many durable appends are measured for each driver, and for no longer than this. */
const PROBE_RECORDS = 50;
const PROBE_SECONDS_MAX = 5;
const PROBE_BYTES_MAX = 1024 * 1024;
const PROBE_VALUE_BYTES = 100;
/** A log should never run into a full disk; bytes. */
const FREE_BYTES_ENOUGH = 256 * 1024 * 1024;
/** No disk that keeps its word is this fast; milliseconds. */
const SYNC_MS_SUSPICIOUS = 0.015;
/** Slower than this, few applications will want to wait for each append; milliseconds. */
const SYNC_MS_SLOW = 20;

/** All findings about a directory. What fails is a finding as well; an abort leaves out the rest. */
export async function checkDirectory(directory: string, signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = [];
  let own: string;
  try {
    await checkIsDirectory(directory);
    const { fileSystem, freeBytes } = await lookUpFileSystem(directory);
    findings.push(fileSystemFinding(fileSystem), spaceFinding(freeBytes));
    findings.push(writeCacheFinding(await lookUpWriteCache(directory)));
    own = await makeOwnFolder(directory, 'doctor');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const found = describeError(error);
    const advice = 'name a directory that this user may write in';
    return [...findings, { name: 'directory', verdict: 'problem', found, advice }];
  }
  try {
    findings.push(await directFinding(own));
    for (const driver of ['uring', 'threadpool'] as const) {
      const finding = await probe(own, driver, signal);
      if (signal.aborted) break;
      findings.push(finding);
    }
    return findings;
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** Judges a file system. */
export function fileSystemFinding({ name: found, promise, advice }: FileSystem): Finding {
  const name = 'file system';
  if (promise === 'durable') return { name, verdict: 'ok', found };
  const verdict = promise === 'none' ? 'problem' : 'note';
  return { name, verdict, found, ...(advice === undefined ? {} : { advice }) };
}

/** Judges how much room there is. */
export function spaceFinding(freeBytes: number): Finding {
  const name = 'free space';
  const found = `${(freeBytes / 1e6).toLocaleString('en', { maximumFractionDigits: 0 })} MB`;
  if (freeBytes >= FREE_BYTES_ENOUGH) return { name, verdict: 'ok', found };
  const advice = 'appends reject with ERR_WAL_WRITE while the disk is full; make room';
  return { name, verdict: 'note', found, advice };
}

/** Judges a disk's write cache. */
export function writeCacheFinding(
  told: { readonly device: string; readonly cache: string } | undefined,
): Finding {
  const name = 'write cache';
  if (told === undefined) {
    return { name, verdict: 'note', found: 'not told: no block device of its own is seen here' };
  }
  const found = `${told.device}: ${told.cache}`;
  if (told.cache === 'write through') {
    return { name, verdict: 'ok', found: `${found}; a sync needs no flush` };
  }
  return { name, verdict: 'ok', found: `${found}; each sync flushes it` };
}

async function directFinding(own: string): Promise<Finding> {
  const name = 'O_DIRECT';
  const { driver, owned } = selectDriver('auto', {});
  try {
    const file = await driver.open(join(own, 'direct'), {
      access: 'write',
      create: 'exclusive',
      direct: true,
      mode: 0o600,
    });
    const { direct } = file;
    await file.close();
    if (direct !== undefined && 'blockBytes' in direct) {
      return { name, verdict: 'ok', found: `in units of ${String(direct.blockBytes)} bytes` };
    }
    const found = direct === undefined ? 'not asked for' : direct.refused;
    const advice =
      'directIo falls back to the page cache, and recovery has to trust it after a failed sync';
    return { name, verdict: 'note', found, advice };
  } catch (error) {
    return { name, verdict: 'problem', found: describeError(error) };
  } finally {
    if (owned) await driver.close();
  }
}

async function probe(
  own: string,
  driver: 'uring' | 'threadpool',
  signal: AbortSignal,
): Promise<Finding> {
  const name = `sync, ${driver}`;
  try {
    const { latency } = await measureAppends(
      join(own, `${driver}.wal`),
      {
        driver,
        callers: 1,
        sync: true,
        valueBytes: PROBE_VALUE_BYTES,
        secondsMax: PROBE_SECONDS_MAX,
        recordsMax: PROBE_RECORDS,
        bytesMax: PROBE_BYTES_MAX,
      },
      signal,
    );
    return latencyFinding(name, latency.percentileMs(0.5), latency.percentileMs(0.99));
  } catch (error) {
    const isRefused = driver === 'uring' && describeError(error).startsWith('ERR_WAL_DRIVER');
    if (isRefused) return { name, verdict: 'note', found: 'not measured: it cannot be had here' };
    return { name, verdict: 'problem', found: describeError(error) };
  }
}

/** Judges how long a durable append takes, in milliseconds. */
export function latencyFinding(name: string, p50Ms: number, p99Ms: number): Finding {
  const micros = (ms: number): string =>
    `${(ms * 1000).toLocaleString('en', { maximumFractionDigits: 0 })} µs`;
  const found = `a durable append takes ${micros(p50Ms)} (p50), ${micros(p99Ms)} (p99)`;
  if (p50Ms < SYNC_MS_SUSPICIOUS) {
    const advice = 'too fast for a disk: something below may only say that it is durable';
    return { name, verdict: 'note', found, advice };
  }
  if (p50Ms > SYNC_MS_SLOW) {
    const advice = 'a slow disk: append many at a time (group commit), or use a faster one';
    return { name, verdict: 'note', found, advice };
  }
  return { name, verdict: 'ok', found };
}
