// How the demo's child tells what it was acknowledged: fixed frames through a pipe. What was
// written to the pipe stays in it when the writer is killed, so the parent misses nothing.
//
//   offset  size  field
//   0       8     sequence  f64
//   8       8     offset    f64, bytes
//   16      4     length    u32, bytes
//   20      4     latency   f32, milliseconds

import { writeSync } from 'node:fs';

/** One acknowledgement, as the child got it. */
export interface Acknowledgement {
  readonly sequence: number;
  readonly offset: number;
  readonly length: number;
  readonly latencyMs: number;
}

const FRAME_BYTES = 24;
/** Frames that are written with one call, at most. */
const FRAMES_MAX = 1024;

/** The child's end: collects a tick's acknowledgements, writes them with one call. */
export class AckReporter {
  readonly #descriptor: number;
  readonly #bytes = Buffer.alloc(FRAME_BYTES * FRAMES_MAX);
  readonly #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  #filled = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  add(ack: Acknowledgement): void {
    if (this.#filled === 0) {
      process.nextTick(() => {
        this.flush();
      });
    }
    const at = this.#filled;
    this.#view.setFloat64(at, ack.sequence, true);
    this.#view.setFloat64(at + 8, ack.offset, true);
    this.#view.setUint32(at + 16, ack.length, true);
    this.#view.setFloat32(at + 20, ack.latencyMs, true);
    this.#filled += FRAME_BYTES;
    if (this.#filled === this.#bytes.length) this.flush();
  }

  flush(): void {
    for (let at = 0; at < this.#filled;) {
      at += writeSync(this.#descriptor, this.#bytes, at, this.#filled - at);
    }
    this.#filled = 0;
  }
}

/** The parent's end: bytes of the pipe, cut anywhere, to acknowledgements. */
export class AckParser {
  #rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<Acknowledgement, void, void> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (; at + FRAME_BYTES <= bytes.length; at += FRAME_BYTES) {
      yield {
        sequence: view.getFloat64(at, true),
        offset: view.getFloat64(at + 8, true),
        length: view.getUint32(at + 16, true),
        latencyMs: view.getFloat32(at + 20, true),
      };
    }
    this.#rest = bytes.subarray(at);
  }
}

/** Every acknowledgement of every round: where each record must stand from then on. */
export class AckLedger {
  /** By sequence; NaN where nothing was acknowledged. */
  #offsets = new Float64Array(1024).fill(NaN);
  #lengths = new Float64Array(1024).fill(NaN);
  #count = 0;
  #last = 0;
  #firstRepeated: number | undefined;

  /** How many records were acknowledged. */
  get count(): number {
    return this.#count;
  }

  /** The highest sequence acknowledged; 0 at first. */
  get last(): number {
    return this.#last;
  }

  add(ack: Acknowledgement): void {
    const { sequence } = ack;
    if (sequence >= this.#offsets.length) {
      this.#offsets = grown(this.#offsets, sequence);
      this.#lengths = grown(this.#lengths, sequence);
    }
    if (this.has(sequence)) this.#firstRepeated ??= sequence;
    else this.#count += 1;
    this.#offsets[sequence] = ack.offset;
    this.#lengths[sequence] = ack.length;
    this.#last = Math.max(this.#last, sequence);
  }

  /** The first sequence that was acknowledged twice: a writer had not found it in the log. */
  get firstRepeated(): number | undefined {
    return this.#firstRepeated;
  }

  has(sequence: number): boolean {
    return !Number.isNaN(this.#offsets[sequence] ?? NaN);
  }

  /** Where a record was acknowledged to stand, in bytes. */
  place(sequence: number): { readonly offset: number; readonly length: number } | undefined {
    const offset = this.#offsets[sequence] ?? NaN;
    return Number.isNaN(offset) ? undefined : { offset, length: this.#lengths[sequence] ?? NaN };
  }

  /** End of the last record acknowledged, in bytes. */
  get end(): number {
    const { offset, length } = this.place(this.#last) ?? { offset: 0, length: 0 };
    return offset + length;
  }

  /** Whether a record stands where it was acknowledged to stand. */
  matches(sequence: number, offset: number, length: number): boolean {
    return this.#offsets[sequence] === offset && this.#lengths[sequence] === length;
  }
}

function grown(from: Float64Array<ArrayBuffer>, index: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(Math.max(from.length * 2, index + 1)).fill(NaN);
  larger.set(from);
  return larger;
}
