// Keeps zeros on disk ahead of the log, so that a sync need not commit a change of the file's size
// or extents to the file system's journal (half as much time again, measured), and so that O_DIRECT
// writes need not wait for one another, as they do where each makes the file longer. It runs behind
// the appends and is never needed: when it fails, or is too slow for them, the log simply grows as
// it goes.

import { BLOCK_BYTES } from './batch.js';
import { isDirect } from './direct-io.js';
import type { IoDriver, IoFile, IoMemory } from './io/driver.js';
import type { WriteJob } from './write-fully.js';
import { writeFully, writeJob } from './write-fully.js';

/** How much one write of zeros carries, in bytes. */
const ZERO_WRITE_BYTES = 256 * 1024;
/**
 * Logs that have neither grown this much since they were opened (or by what is zeroed at a time) nor
 * been synced so often get none: they may be done already.
 */
const GROWTH_MIN = 64 * 1024;
const SYNCS_MIN = 32;
/**
 * Where a sync carries more than this on average, in bytes, zeros cost more than they save. A write and
 * its sync took 3.9 ms where the file grew and 2.6 in zeroed space for 1 MiB, 7.1 and 5.1 ms for 4 MiB;
 * to zero that took 0.9 and 3.4 ms (`fio --rw=write --fdatasync=1 --bs=N` on a new file, and again).
 */
const BYTES_PER_SYNC_MAX = 4 * 1024 * 1024;
/** A log that has passed so many pieces in a row waits for each: it is faster without the rest. */
const BEHIND_MAX = 8;
/** Each range is twice as long as the one before, up to so many times what was asked for. */
const GROWTH_MAX = 16;

/** How far ahead, and from where. */
export interface ZeroAheadOptions {
  readonly bytesAhead: number;
  /** End of the log. */
  readonly position: number;
  /** Zeros stand to here already, durably; at least `position`. */
  readonly zeroedTo: number;
  /** A range was finished, or given up. */
  readonly onChange: () => void;
  /** A sync that had to come between two parts of a write failed, whatever else it covered. */
  readonly onSyncFailed: (error: unknown) => void;
}

/** Zeroes space ahead of the log, one range at a time. */
export class ZeroAhead {
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #bytesAhead: number;
  readonly #onChange: () => void;
  readonly #onSyncFailed: (error: unknown) => void;
  #origin: number;
  /** The file is zeros from the log's end to here, and nothing of it is in flight. */
  #written: number;
  /** The same, and durable. */
  #durable: number;
  /** Start of what is in flight. */
  #flying: number | undefined;
  #fileEnd = 0;
  #retryAt = 0;
  /** Length of the next range. */
  #amount: number;
  /** End of the log, as far as it is known. */
  #end: number;
  #syncs = 0;
  #isHalted = false;

  constructor(driver: IoDriver, file: IoFile, options: ZeroAheadOptions) {
    this.#driver = driver;
    this.#file = file;
    this.#bytesAhead = options.bytesAhead;
    this.#onChange = options.onChange;
    this.#onSyncFailed = options.onSyncFailed;
    this.#origin = options.position;
    this.#end = options.position;
    this.#amount = options.bytesAhead;
    this.#written = options.zeroedTo;
    this.#durable = options.zeroedTo;
    this.#fileEnd = options.zeroedTo;
  }

  /** No write may reach beyond this offset now: zeros are being written from there. */
  get limit(): number {
    return this.#flying ?? Infinity;
  }

  get isIdle(): boolean {
    return this.#flying === undefined;
  }

  /** The file may be this long. */
  get fileEnd(): number {
    return this.#fileEnd;
  }

  /** Zeros stand to here; the next sync makes them durable. */
  get written(): number {
    return this.#written;
  }

  /** Space to here is zeroed, and that is durable. */
  get durable(): number {
    return this.#durable;
  }

  /** Zeros wait for a sync. */
  get wantsSync(): boolean {
    return this.isIdle && this.#written > this.#durable;
  }

  /** A sync succeeded; when it was issued, zeros stood to `written`. */
  onSynced(written: number): void {
    this.#syncs++;
    this.#durable = Math.max(this.#durable, written);
  }

  /** No more zeros, beyond the piece that is in flight, until {@link reset}. */
  halt(): void {
    this.#isHalted = true;
  }

  /** The log goes on after all. */
  resume(): void {
    this.#isHalted = false;
  }

  /** The log was cut to `position`, and everything behind it is gone. */
  reset(position: number): void {
    this.#origin = position;
    this.#end = position;
    this.#written = position;
    this.#durable = position;
    this.#fileEnd = 0;
    this.#syncs = 0;
    this.#isHalted = false;
  }

  /** Starts zeroing when less than half of the space is left in front of `end`. */
  advance(end: number): void {
    this.#end = end;
    if (this.#bytesAhead === 0 || this.#isHalted || this.#flying !== undefined || this.wantsSync)
      return;
    if (end + this.#amount / 2 <= this.#written || end < this.#retryAt) return;
    const grown = end - this.#origin;
    const isTiny = grown < Math.min(GROWTH_MIN, this.#bytesAhead) && this.#syncs < SYNCS_MIN;
    // What was asked for is there once, for writes past the page cache even where nobody syncs.
    const isPromised = isDirect(this.#file) && this.#amount === this.#bytesAhead;
    if (isTiny || (!isPromised && grown > this.#syncs * BYTES_PER_SYNC_MAX)) return;
    const from = Math.ceil(Math.max(end, this.#written) / BLOCK_BYTES) * BLOCK_BYTES;
    this.#flying = from;
    void this.#zero(from, from + Math.ceil(this.#amount / BLOCK_BYTES) * BLOCK_BYTES);
    this.#amount = Math.min(this.#amount * 2, this.#bytesAhead * GROWTH_MAX);
  }

  async #zero(from: number, to: number): Promise<void> {
    let reached = from;
    this.#fileEnd = to;
    let memory: IoMemory | undefined;
    let job: WriteJob | undefined;
    try {
      memory = this.#driver.memory(Math.min(ZERO_WRITE_BYTES, to - from));
      await this.#file.allocate(from, to - from);
      let behind = 0;
      while (reached < to && behind < BEHIND_MAX && !this.#isHalted) {
        job = writeJob(memory, 0, Math.min(memory.bytes.length, to - reached), reached);
        await writeFully(this.#file, job);
        reached += job.length;
        // A gap between the old zeros and these was written by the log itself.
        this.#written = reached;
        this.#flying = reached;
        behind = this.#end > reached ? behind + 1 : 0;
        this.#onChange();
      }
      if (behind === BEHIND_MAX) this.#retryAt = to;
    } catch (error) {
      if (job?.syncFailed === true) this.#onSyncFailed(error);
      // A full disk, a quota, a file system that cannot allocate, no memory: the appends will tell,
      // if they meet it too. Another try comes after as much again was appended.
      this.#retryAt = to;
    } finally {
      memory?.release();
    }
    this.#flying = undefined;
    this.#onChange();
  }
}
