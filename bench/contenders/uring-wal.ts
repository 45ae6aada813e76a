// Ours. The library is loaded from the built package when a trial runs, so the harness stands on
// its own and a broken build shows as rows that say so.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppendLog, AppendTask, Contender, OpenContext } from '../contender.js';
import type * as library from '../../lib/index.js';
import { buildLog, diskBytesOfProcess } from '../log-file.js';

type Library = typeof library;

/** How a variant of ours differs. */
export interface OursOptions {
  readonly directIo: boolean;
  readonly driver: 'auto' | 'threadpool';
  /** Replay by chunks of views, or record by record. */
  readonly replayChunks: boolean;
  /** Zero ahead at once as much as the hand-made peers have zeroed, instead of piece by piece. */
  readonly zeroedBefore: boolean;
}

/** The most that `preallocateBytes` takes. */
const PREALLOCATE_BYTES_MAX = 2 ** 30;

export async function uringWal(variant: OursOptions): Promise<Contender> {
  const loaded = await import('../../lib/index.js');
  return {
    openLog: (task, context) => openLog(loaded, variant, task, context),
    prepareReplay: (task, directory) => {
      buildLog(join(directory, 'replay.log'), task, task.records);
      return Promise.resolve();
    },
    replay: async (_task, directory) => {
      const path = join(directory, 'replay.log');
      const reader = await loaded.WalReader.open(path, { driver: variant.driver });
      const result = variant.replayChunks ? await byChunks(reader) : await byRecords(reader);
      if (reader.end?.kind !== 'clean') throw new Error('the replayed log did not end cleanly');
      await reader.close();
      return result;
    },
    recover: async (_task, path) => {
      const writer = await loaded.UringWalWriter.open(path, options(variant, 'durable'));
      if (writer.recovery.records === 0) throw new Error('the log to be recovered was empty');
      return () => writer.close();
    },
  };
}

function options(
  variant: OursOptions,
  durability: AppendTask['durability'],
): library.UringWalOptions {
  return {
    directIo: variant.directIo,
    driver: variant.driver,
    sync: durability === 'durable',
  };
}

async function openLog(
  { UringWalWriter, WalEntry }: Library,
  variant: OursOptions,
  task: AppendTask,
  context: OpenContext,
): Promise<AppendLog & { note: string }> {
  const path = join(context.directory, 'uring.wal');
  // Three times as much will be zeroed, of which a log that is synced often may use a third.
  const share = task.durability === 'durable' ? 1 : UNSYNCED_SHARE;
  const bytes = Math.min(Math.ceil(context.zeroedBytes * share), PREALLOCATE_BYTES_MAX);
  const writer = await UringWalWriter.open(path, {
    ...options(variant, task.durability),
    ...(variant.zeroedBefore && { preallocateBytes: bytes }),
  });
  const { name, fallbackReason } = writer.driver;
  const zeros = variant.zeroedBefore ? new ZerosBefore(path, bytes) : undefined;
  const grow = (): Promise<unknown> =>
    writer.append(WalEntry.put(0, '', new Uint8Array(GROWTH_BYTES)));
  await zeros?.grow(1, grow);
  await zeros?.grow(3, grow);
  return {
    ...(zeros !== undefined && {
      atEnd: () => {
        zeros.check();
      },
    }),
    append: (sequence, key, value) => writer.append(WalEntry.put(sequence, key, value)),
    appendMany: (first, count, key, value) =>
      writer.appendMany(
        Array.from({ length: count }, (_, at) => WalEntry.put(first + at, key, value)),
      ),
    flush: () => writer.flush(),
    close: () => writer.close(),
    note: fallbackReason === undefined ? `driver ${name}` : `driver ${name}: ${fallbackReason}`,
  };
}

/** All that is zeroed, three times this, is a third more than what will be appended. */
const UNSYNCED_SHARE = 0.45;
/** A log that is hardly begun gets no zeros. */
const GROWTH_BYTES = 64 * 1024;
const ZEROS_MS_MAX = 20_000;
const POLL_MS = 10;
/** As long without any write, the zeroing is taken for finished. */
const STILL_MS = 100;

/**
 * Watches the log's zeros grow. Asked for n bytes the library zeroes n. That is not twice what is
 * wanted next, so with the next append it zeroes 2n; it goes on when a third of that is used up,
 * where the log is synced.
 */
class ZerosBefore {
  private readonly path: string;
  private readonly bytes: number;
  private size = 0;

  constructor(path: string, bytes: number) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Appends; then waits until so many times the zeros asked for are there, and durable. */
  async grow(times: number, append: () => Promise<unknown>): Promise<void> {
    await append();
    let stillMs = 0;
    let written = 0;
    for (let ms = 0; stillMs < STILL_MS || this.size < times * this.bytes; ms += POLL_MS) {
      if (ms > ZEROS_MS_MAX) throw new Error('the space was not zeroed ahead in time');
      await delay(POLL_MS);
      // The file has its size before the zeros are in it.
      this.size = fs.statSync(this.path).size;
      const writtenNow = diskBytesOfProcess();
      stillMs = writtenNow === written ? stillMs + POLL_MS : 0;
      written = writtenNow;
    }
    const fd = fs.openSync(this.path, 'r');
    fs.fsyncSync(fd);
    fs.closeSync(fd);
  }

  /** Throws when more was zeroed since. */
  check(): void {
    if (fs.statSync(this.path).size === this.size) return;
    throw new Error('the zeros did not last for the measurement: ask for more beforehand');
  }
}

async function byChunks(reader: library.WalReader): Promise<{ records: number; check: number }> {
  let records = 0;
  let check = 0;
  for await (const chunk of reader.chunks()) {
    for (const record of chunk) {
      records++;
      check += (record.key[0] ?? 0) + record.value.length;
    }
  }
  return { records, check };
}

async function byRecords(reader: library.WalReader): Promise<{ records: number; check: number }> {
  let records = 0;
  let check = 0;
  for await (const record of reader) {
    records++;
    check += (record.key[0] ?? 0) + record.value.length;
  }
  return { records, check };
}
