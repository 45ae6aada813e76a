// Memory of the io_uring driver: mapped by the addon, page-aligned, registered where that is allowed.

import { assert } from '../errors.js';
import type { Addon, MemoryHandle } from './addon.js';
import { describeErrno } from './uring-reason.js';
import type { IoMemory } from './driver.js';

export class UringMemory implements IoMemory {
  readonly bytes: Uint8Array;
  readonly #addon: Addon;
  readonly #onRelease: () => void;
  #number: number | undefined;

  constructor(addon: Addon, handle: MemoryHandle, onRelease: () => void) {
    this.bytes = new Uint8Array(handle.buffer);
    this.#addon = addon;
    this.#number = handle.number;
    this.#onRelease = onRelease;
  }

  /** The addon's number of it. */
  get number(): number {
    assert(this.#number !== undefined, 'memory is used after its release');
    return this.#number;
  }

  /** Detaches the buffer; operations in flight keep the memory itself. */
  release(): void {
    if (this.#number === undefined) return;
    const result = this.#addon.memoryRelease(this.#number, this.bytes.buffer as ArrayBuffer);
    assert(result === 0, `memory can be released: ${describeErrno(-result).detail}`);
    this.#number = undefined;
    this.#onRelease();
  }
}
