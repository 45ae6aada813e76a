// Records on their way into memory the kernel can write from. A batch is one write. The log is one
// stream of bytes over batches: acknowledgement goes by offset, so a record may span two batches.
//
// Buffered: a batch is exactly its records. O_DIRECT: a batch starts and ends at a block, so it
// starts with a copy of the block that its predecessor left unfinished, and its last block is
// padded with zeros. A full batch is cut at its last whole block instead; the rest goes into the
// next batch, so that both can be in flight without touching one block.

import { BatchMemory } from './batch-memory.js';
import { assert } from './errors.js';
import type { IoDriver, IoMemory } from './io/driver.js';
import { MEMORY_ALIGNMENT } from './io/driver.js';
import type { RecordFields } from './record.js';
import { encodeAsMeasured, sealRecords } from './record.js';
import type { WriteJob } from './write-fully.js';
import { writeJob } from './write-fully.js';

/** The unit that no two writes in flight may share, in bytes. */
export const BLOCK_BYTES = MEMORY_ALIGNMENT;
/** Batches that fill up make the next one twice as large, up to so many times the batch size … */
const GROWTH_MAX = 16;
/** … and up to this, in bytes: beyond, larger writes are no faster. */
const GROWN_BYTES_MAX = 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** Bytes of the stream that go out as one write. */
export class Batch {
  readonly memory: IoMemory;
  readonly view: DataView;
  /** Offset in the log of `memory.bytes[0]`. */
  readonly position: number;
  /** Bytes at the front that were carried over; their records are sealed. */
  readonly carried: number;
  /** Of these, how many the predecessor has submitted already. */
  readonly submitted: number;
  /** How many bytes of records it takes at most, `carried` included. */
  readonly limit: number;
  /** End of the records in memory. */
  used: number;
  /** The write, made out when the batch is taken. */
  job: WriteJob;
  error: Error | undefined;
  isFinished = false;

  constructor(
    memory: IoMemory,
    position: number,
    carry: Uint8Array,
    submitted: number,
    limit: number,
  ) {
    this.memory = memory;
    this.view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.byteLength);
    this.position = position;
    assert(limit <= memory.bytes.length, 'a batch fits its memory');
    this.carried = carry.length;
    this.submitted = submitted;
    this.limit = limit;
    this.used = carry.length;
    this.job = writeJob(memory, 0, 0, position);
    if (carry.length > 0) memory.bytes.set(carry);
  }

  /** Offset in the log of the first byte that no earlier batch has submitted. */
  get start(): number {
    return this.position + this.submitted;
  }

  /** Offset in the log behind its last record byte. */
  get end(): number {
    return this.position + this.used;
  }

  /** Whether it holds anything that no earlier batch has submitted. */
  get hasNews(): boolean {
    return this.used > this.submitted;
  }
}

/** What the encoder needs to know. */
export interface EncoderOptions {
  readonly batchSize: number;
  /** Batches must start and end at a block. */
  readonly isDirect: boolean;
  /** Where the first record goes, and, for O_DIRECT, the bytes of its block before it. */
  readonly position: number;
  readonly carry: Uint8Array;
  /** Where batches take their memory from, when that outlives the encoder. */
  readonly memory?: BatchMemory;
}

/** Lays records out in batches, one after the other. */
export class BatchEncoder {
  readonly #memory: BatchMemory;
  readonly #ownsMemory: boolean;
  readonly #batchSize: number;
  readonly #isDirect: boolean;
  readonly #full: Batch[] = [];
  #open: Batch | undefined;
  /** How much the next batch takes. One write for a tick's appends is one sync for them all. */
  #capacity: number;
  /** Where the next batch begins when none is open, and what it starts with. */
  #next: { position: number; carry: Uint8Array; submitted: number };
  #end: number;

  constructor(driver: IoDriver, options: EncoderOptions) {
    this.#memory = options.memory ?? new BatchMemory(driver);
    this.#ownsMemory = options.memory === undefined;
    this.#batchSize = options.batchSize;
    this.#capacity = options.batchSize;
    this.#isDirect = options.isDirect;
    this.#next = startAt(options.position, options.carry);
    this.#end = options.position;
  }

  /** Offset in the log behind everything encoded so far. */
  get end(): number {
    return this.#end;
  }

  /**
   * Encodes a record of `length` bytes, or copies one that was encoded before; returns its offset.
   * With `apart` it starts a new batch, and the open one is full as it is.
   */
  add(record: RecordFields | Uint8Array, length: number, apart = false): number {
    const batch = this.#room(length, apart);
    if (record instanceof Uint8Array) batch.memory.bytes.set(record, batch.used);
    else encodeAsMeasured(batch.memory.bytes, batch.view, batch.used, record, length);
    batch.used += length;
    const offset = this.#end;
    this.#end += length;
    return offset;
  }

  /** Whether a batch is closed already. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  /** Bytes in the open batch that no earlier batch has submitted. */
  get openBytes(): number {
    return this.#open === undefined ? 0 : this.#open.used - this.#open.submitted;
  }

  /** The batch that goes out next, as it stands, without taking it; undefined when all went out. */
  peek(): Batch | undefined {
    const full = this.#full[0];
    if (full !== undefined) return full;
    return this.#open?.hasNews === true ? this.#open : undefined;
  }

  /** Takes the batch that {@link peek} showed, sealed and with its job made out. */
  take(dsync: boolean): Batch {
    const batch = this.#full.shift() ?? this.#closeOpen(false);
    assert(batch !== undefined, 'a batch is taken only when there is one');
    const length = this.#isDirect ? roundUp(batch.used) : batch.used;
    if (length > batch.used) batch.memory.bytes.fill(0, batch.used, length);
    batch.job = writeJob(batch.memory, 0, length, batch.position, dsync);
    return batch;
  }

  /** Takes a finished batch's memory back. */
  recycle(batch: Batch): void {
    this.#memory.give(batch.memory);
  }

  /** Forgets everything encoded; goes on at `position`, inside a block that starts with `carry`. */
  reset(position: number, carry: Uint8Array): void {
    for (const batch of this.#full.splice(0)) this.#memory.give(batch.memory);
    if (this.#open !== undefined) this.#memory.give(this.#open.memory);
    this.#open = undefined;
    this.#next = startAt(position, carry);
    this.#end = position;
  }

  /** Gives all memory that is not in flight back. */
  release(): void {
    this.reset(this.#end, NOTHING);
    if (this.#ownsMemory) this.#memory.release();
  }

  #room(length: number, apart: boolean): Batch {
    const open = this.#open;
    const fits = open !== undefined && open.used + length <= open.limit;
    if (fits && !apart) return open;
    if (open?.hasNews === true && !apart) this.#grow();
    // First of all: when there is none, the open batch stays as it is, and goes out.
    let memory: IoMemory;
    try {
      memory = this.#memoryFor(length);
    } catch (error) {
      if (fits) return open;
      throw error;
    }
    if (open?.hasNews === true) {
      const full = this.#closeOpen(true);
      if (full !== undefined) this.#full.push(full);
    } else if (open !== undefined) {
      this.#next = { ...this.#next, position: open.position, submitted: open.submitted };
      this.#next.carry = open.memory.bytes.slice(0, open.used);
      this.#memory.give(open.memory);
      this.#open = undefined;
    }
    return this.#start(length, memory);
  }

  #start(length: number, memory: IoMemory): Batch {
    const { position, carry, submitted } = this.#next;
    const limit = carry.length + Math.max(length, this.#capacity);
    const batch = new Batch(memory, position, carry, submitted, limit);
    this.#open = batch;
    return batch;
  }

  #grow(): void {
    const most = Math.min(this.#batchSize * GROWTH_MAX, GROWN_BYTES_MAX);
    this.#capacity = Math.max(this.#batchSize, Math.min(this.#capacity * 2, most));
  }

  /** Seals the open batch; a full one for O_DIRECT is cut at its last whole block. */
  #closeOpen(isFull: boolean): Batch | undefined {
    const batch = this.#open;
    if (batch === undefined) return undefined;
    this.#open = undefined;
    const { bytes } = batch.memory;
    sealRecords(bytes, batch.carried, batch.used);
    const tail = this.#isDirect ? batch.used % BLOCK_BYTES : 0;
    const block = batch.used - tail;
    const cut = isFull && block > batch.submitted;
    this.#next = {
      position: batch.position + block,
      carry: tail === 0 ? NOTHING : bytes.slice(block, batch.used),
      submitted: cut ? 0 : tail,
    };
    if (cut) batch.used = block;
    return batch;
  }

  /** Memory for a batch that takes a record of `length` bytes behind what is carried over. */
  #memoryFor(length: number): IoMemory {
    const carry = this.#isDirect ? BLOCK_BYTES : 0;
    return this.#memory.take(roundUp(carry + Math.max(length, this.#capacity)));
  }
}

function startAt(
  position: number,
  carry: Uint8Array,
): { position: number; carry: Uint8Array; submitted: number } {
  return { position: position - carry.length, carry, submitted: carry.length };
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
