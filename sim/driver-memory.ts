// Memory of the simulated driver: plain and zeroed, poisoned when it is given back, so that whoever
// still reads it reads nonsense that the oracle notices.

import type { IoMemory } from '../lib/io/driver.js';
import { MEMORY_ALIGNMENT } from '../lib/io/driver.js';
import type { Arena } from './arena.js';

const POISON = 0xdb;

export class SimMemory implements IoMemory {
  readonly bytes: Uint8Array;
  /** Operations in flight that still use it; it is poisoned when the last of them is done. */
  #users = 0;
  released = false;

  constructor(bytes: number, arena: Arena) {
    const rounded = Math.ceil(Math.max(bytes, 1) / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    this.bytes = arena.take(rounded);
  }

  use(): void {
    this.#users += 1;
  }

  unuse(): void {
    this.#users -= 1;
    this.#poisonUnused();
  }

  release(): void {
    this.released = true;
    this.#poisonUnused();
  }

  #poisonUnused(): void {
    if (this.released && this.#users === 0) this.bytes.fill(POISON);
  }
}
