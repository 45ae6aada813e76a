// The batches between the encoder and the disk: which may go out now, which are in flight, and how
// far the log is written without a gap. Completions come in any order; they count in log order.

import type { Batch } from './batch.js';
import { BLOCK_BYTES, BatchEncoder } from './batch.js';
import type { BatchMemory } from './batch-memory.js';
import { events } from './diagnostics.js';
import { isDirect } from './direct-io.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { Latencies } from './latencies.js';
import type { RecordFields } from './record.js';
import { writeFully } from './write-fully.js';
import type { WriteMode } from './write-mode.js';

/**
 * Writes in flight at once for O_DIRECT. Buffered writes go one by one: they end at once. Of 1 MiB each
 * into zeroed space fio made 2.2 GB/s one at a time, 2.4 with four in flight and 2.0 with eight
 * (medians of three; `fio --rw=write --direct=1 --ioengine=io_uring --bs=1m --iodepth=N` on a file
 * written before), so eight are enough for every device like that. 16 callers of 1 MiB have all eight
 * in flight for two thirds of the time, 64 callers of 64 KiB, whose batches are as large, five at most.
 */
const DIRECT_DEPTH = 8;

/** Where the log continues. */
export interface LaneStart {
  /** Offset of the next record. */
  readonly position: number;
  /** For O_DIRECT: the bytes of the block around `position` that come before it. */
  readonly carry: Uint8Array;
  /** Where batches take their memory from, when that outlives the lane. */
  readonly memory?: BatchMemory;
}

/** Counters of the lane, all since open. */
export interface LaneCounters {
  /** Batches written. */
  batches: number;
  /** Bytes of records that were written. */
  bytesWritten: number;
  /** Writes that were submitted again: cut short, or told to try again. */
  resubmits: number;
  /** Writes that made their own range durable. */
  dsyncWrites: number;
  /** Batches whose write had ended when it was submitted: no trip through the event loop. */
  writesAtOnce: number;
}

/** What the lane asks and tells its owner. */
export interface LaneHooks {
  /** How this batch, all before it in flight being dsync writes or not, should go. */
  modeOf(batch: Batch, isChain: boolean): WriteMode;
  /** A batch is written, and so is all before it. */
  onWritten(batch: Batch): void;
  /** Something has completed; whatever follows from it may be done now. */
  onEvent(): void;
}

/** Sends batches to the driver, in order, several at a time where they share no block. */
export class WriteLane {
  readonly counters: LaneCounters = {
    batches: 0,
    bytesWritten: 0,
    resubmits: 0,
    dsyncWrites: 0,
    writesAtOnce: 0,
  };
  readonly isDirect: boolean;
  readonly #driver: IoDriver;
  readonly #file: IoFile;
  readonly #latencies: Latencies;
  readonly #hooks: LaneHooks;
  readonly #encoder: BatchEncoder;
  readonly #batchSize: number;
  readonly #inFlight: Batch[] = [];
  readonly #depth: number;
  #submittedEnd: number;
  #writtenEnd: number;
  #fileEnd: number;

  constructor(
    driver: IoDriver,
    file: IoFile,
    batchSize: number,
    start: LaneStart,
    latencies: Latencies,
    hooks: LaneHooks,
  ) {
    this.#driver = driver;
    this.#latencies = latencies;
    this.#file = file;
    this.#hooks = hooks;
    this.#batchSize = batchSize;
    this.isDirect = isDirect(file);
    this.#depth = this.isDirect ? DIRECT_DEPTH : 1;
    this.#encoder = new BatchEncoder(driver, { batchSize, isDirect: this.isDirect, ...start });
    this.#submittedEnd = start.position;
    this.#writtenEnd = start.position;
    this.#fileEnd = start.position;
  }

  /** Offset behind everything encoded. */
  get end(): number {
    return this.#encoder.end;
  }

  /** Offset up to which the log is written without a gap. */
  get writtenEnd(): number {
    return this.#writtenEnd;
  }

  /** The file may be this long. */
  get fileEnd(): number {
    return this.#fileEnd;
  }

  /** The batches whose writes failed, in log order. */
  get failures(): Batch[] {
    return this.#inFlight.filter((batch) => batch.error !== undefined);
  }

  /** Nothing is in flight (failed batches are not). */
  get isQuiet(): boolean {
    return this.#inFlight.every((batch) => batch.isFinished);
  }

  /** Nothing waits to be written. */
  get isEmpty(): boolean {
    return this.#inFlight.length === 0 && this.#encoder.peek() === undefined;
  }

  /** Whether a batch is full, so that it need not wait for the end of the tick. */
  get hasFull(): boolean {
    return this.#encoder.hasFull;
  }

  /**
   * Encodes a record into the open batch; returns its offset. With `overlaps`, a batch of the batch
   * size is full while nothing is in flight, so that the device works while the rest of the tick is
   * encoded; callers that were told together come in two groups from then on, one encoding while
   * the other is written.
   */
  add(record: RecordFields | Uint8Array, length: number, overlaps: boolean): number {
    const isIdle = overlaps && this.#inFlight.length === 0 && !this.#encoder.hasFull;
    const apart = isIdle && this.#encoder.openBytes >= this.#batchSize;
    return this.#encoder.add(record, length, apart);
  }

  /**
   * Hands out what may go now; in the middle of a tick only full batches. Nothing may reach beyond
   * `limit`, where zeros are being written.
   */
  submit(which: 'full' | 'all', limit: number): void {
    while (this.#inFlight.length < this.#depth) {
      const batch = this.#encoder.peek();
      if (batch === undefined || (which === 'full' && !this.hasFull)) break;
      if (Math.ceil(batch.end / BLOCK_BYTES) * BLOCK_BYTES > limit) break;
      // A batch that starts inside its predecessor's last block waits until that is written.
      if (this.#inFlight.length > 0 && batch.position < this.#submittedEnd) break;
      const isChain = this.#inFlight.every((earlier) => earlier.job.dsync);
      const mode = this.#hooks.modeOf(batch, isChain);
      if (mode === 'wait') break;
      this.#submit(mode === 'dsync');
    }
  }

  /** After a failure, and with nothing in flight: goes on at `start`, all behind it forgotten. */
  restart(start: LaneStart): void {
    for (const batch of this.#inFlight.splice(0)) this.#encoder.recycle(batch);
    this.#encoder.reset(start.position, start.carry);
    this.#submittedEnd = start.position;
    this.#writtenEnd = start.position;
    this.#fileEnd = start.position;
  }

  /** Gives the memory back. */
  release(): void {
    this.#encoder.release();
  }

  #submit(dsync: boolean): void {
    const batch = this.#encoder.take(dsync);
    const { job } = batch;
    this.#inFlight.push(batch);
    this.#submittedEnd = batch.end;
    this.#fileEnd = Math.max(this.#fileEnd, job.position + job.length);
    this.counters.batches++;
    if (job.dsync) this.counters.dsyncWrites++;
    void this.#write(batch);
  }

  async #write(batch: Batch): Promise<void> {
    const startedAt = this.#driver.now();
    const { writesAtOnce = 0 } = this.#file;
    try {
      const written = writeFully(this.#file, batch.job);
      if ((this.#file.writesAtOnce ?? 0) > writesAtOnce) this.counters.writesAtOnce++;
      await written;
      this.#note(batch, this.#driver.now() - startedAt);
    } catch (error) {
      batch.error = error instanceof Error ? error : new Error(String(error));
    }
    batch.isFinished = true;
    this.counters.resubmits += batch.job.resubmits;
    this.#retire();
    this.#hooks.onEvent();
  }

  #note({ job }: Batch, durationMs: number): void {
    this.#latencies.write.record(durationMs);
    events.commit.publish(() => {
      const { position: offset, length: bytes, dsync } = job;
      return { path: this.#file.path, kind: 'write', offset, bytes, dsync, durationMs };
    });
  }

  /** Takes finished batches off the front, in log order, up to one that is not or that failed. */
  #retire(): void {
    for (;;) {
      const batch = this.#inFlight[0];
      if (batch?.isFinished !== true || batch.error !== undefined) return;
      this.#inFlight.shift();
      this.counters.bytesWritten += batch.job.length;
      this.#writtenEnd = batch.end;
      this.#hooks.onWritten(batch);
      this.#encoder.recycle(batch);
    }
  }
}
