// Memory for batches, used again and again: mapping, zeroing and registering it anew took 45 % of
// the time of 1 MiB values with O_DIRECT. Sizes are rounded up to a few classes, so that values of
// about one size find what their predecessors left.

import type { IoDriver, IoMemory } from './io/driver.js';
import { MEMORY_ALIGNMENT } from './io/driver.js';

/** How many memories are kept for the next batches … */
const KEPT_MAX = 16;
/** … and how many bytes they have together at most: eight batches of 1 MiB in flight, and then some. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** Size classes between a power of two and the next: less than a quarter is wasted. */
const CLASSES_PER_DOUBLING = 4;

/** Gives out memory and takes it back; what was used last is used next. */
export class BatchMemory {
  readonly #driver: IoDriver;
  readonly #kept: IoMemory[] = [];
  #keptBytes = 0;

  constructor(driver: IoDriver) {
    this.#driver = driver;
  }

  /** At least `bytes` bytes, with whatever an earlier batch left in them. Throws RangeError. */
  take(bytes: number): IoMemory {
    const last = this.#kept.at(-1);
    if (last !== undefined && isFit(last.bytes.length, bytes)) {
      this.#kept.pop();
      this.#keptBytes -= last.bytes.length;
      return last;
    }
    const size = sizeClass(bytes);
    const index = this.#kept.findLastIndex((memory) => memory.bytes.length === size);
    const [memory] = index < 0 ? [] : this.#kept.splice(index, 1);
    if (memory === undefined) return this.#driver.memory(size);
    this.#keptBytes -= size;
    return memory;
  }

  /** Keeps the memory, or gives up what was not used for the longest time. */
  give(memory: IoMemory): void {
    this.#kept.push(memory);
    this.#keptBytes += memory.bytes.length;
    this.#shrink(KEPT_MAX, KEPT_BYTES_MAX);
  }

  /** Gives up all that is kept. */
  release(): void {
    this.#shrink(0, 0);
  }

  #shrink(countMax: number, bytesMax: number): void {
    while (this.#kept.length > countMax || this.#keptBytes > bytesMax) {
      const oldest = this.#kept.shift();
      if (oldest === undefined) return;
      this.#keptBytes -= oldest.bytes.length;
      oldest.release();
    }
  }
}

/** Whether no more of `size` would be wasted than of a class. */
function isFit(size: number, bytes: number): boolean {
  return size >= bytes && size <= bytes * (1 + 1 / CLASSES_PER_DOUBLING);
}

/** The size that serves for `bytes`: exact for a few blocks, else one of four per doubling. */
function sizeClass(bytes: number): number {
  const step = 2 ** Math.floor(Math.log2(bytes)) / CLASSES_PER_DOUBLING;
  const unit = Math.max(step, MEMORY_ALIGNMENT);
  return Math.ceil(bytes / unit) * unit;
}
