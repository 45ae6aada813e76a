// Page-aligned memory without the native addon. A Buffer's address is anything; the memory of a
// WebAssembly.Memory starts at a page, which is what O_DIRECT needs. It cannot be freed by hand,
// and reserves gigabytes of addresses each, so released ones are kept for a while and used again.

import { assert } from '../errors.js';
import { type IoMemory, MEMORY_ALIGNMENT } from './driver.js';

/** The part of the global that is used; the types of Node 20 leave it to the DOM's. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
};

const WASM_PAGE_BYTES = 65536;

/** What the free list keeps, in all, before it leaves memory to the garbage collector. */
const FREE_BYTES_MAX = 16 * 1024 * 1024;

/** Memory that knows whether operations are in flight on it. */
export class WasmMemory implements IoMemory {
  readonly bytes: Uint8Array;
  readonly #whole: Uint8Array;
  #inFlight = 0;
  #released = false;

  constructor(whole: Uint8Array, bytes: number) {
    this.#whole = whole;
    this.bytes = whole.subarray(0, bytes);
  }

  /** An operation starts: until {@link drop}, the memory is not handed out again. */
  hold(): void {
    assert(!this.#released, 'memory is used after its release');
    this.#inFlight += 1;
  }

  drop(): void {
    this.#inFlight -= 1;
    if (this.#released && this.#inFlight === 0) keep(this.#whole);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#inFlight === 0) keep(this.#whole);
  }
}

/** Released memory by its size in bytes. */
const free = new Map<number, Uint8Array[]>();
let freeBytes = 0;

/** Zeroed memory of at least `bytes` bytes. Throws RangeError when there is none. */
export function takeMemory(bytes: number): WasmMemory {
  assert(Number.isSafeInteger(bytes) && bytes > 0, 'memory of a positive number of bytes');
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const length = Math.ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
  const whole = free.get(pages * WASM_PAGE_BYTES)?.pop();
  if (whole !== undefined) {
    freeBytes -= whole.length;
    whole.fill(0, 0, length);
    return new WasmMemory(whole, length);
  }
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return new WasmMemory(new Uint8Array(memory.buffer), length);
}

function keep(whole: Uint8Array): void {
  if (freeBytes + whole.length > FREE_BYTES_MAX) return;
  freeBytes += whole.length;
  const list = free.get(whole.length);
  if (list === undefined) free.set(whole.length, [whole]);
  else list.push(whole);
}
