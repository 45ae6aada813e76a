// The simulator's own pseudo-random numbers: xoshiro128** (Blackman and Vigna), seeded by
// splitmix32. Nothing in sim/ asks Math.random or the clock, so that a seed is the whole story.

/** A generator of 32-bit numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any number; its low 53 bits count. */
  constructor(seed: number) {
    const low = mix32(seed >>> 0);
    const high = mix32(Math.floor(seed / 0x1_0000_0000) ^ 0x9e3779b9);
    this.#a = low;
    this.#b = mix32(low ^ high);
    this.#c = mix32(high + 0x85ebca6b);
    this.#d = mix32(this.#b ^ this.#c) | 1;
  }

  /** 0 … 2^32 - 1. */
  next(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }
}

/** The seed of world `index` in a campaign with seed `base`; neighbours share nothing visible. */
export function worldSeed(base: number, index: number): number {
  const high = mix32(mix32(base >>> 0) ^ mix32(Math.floor(base / 0x1_0000_0000) + 1) ^ index);
  return (high & 0x1f_ffff) * 0x1_0000_0000 + mix32(high + index);
}

/** splitmix32's finaliser. */
function mix32(value: number): number {
  let mixed = (value + 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
