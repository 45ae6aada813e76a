// Percentiles of many durations without keeping them: logarithmic buckets, exact to about 2 %.

const BUCKETS_PER_OCTAVE = 32;
/** Shorter durations count as this one, in milliseconds. */
const SHORTEST_MS = 1e-4;
const BUCKET_COUNT = 40 * BUCKETS_PER_OCTAVE;

/** Counts durations, in milliseconds. */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(BUCKET_COUNT);
  #count = 0;
  #maxMs = 0;

  add(latencyMs: number): void {
    const octaves = Math.log2(Math.max(latencyMs, SHORTEST_MS) / SHORTEST_MS);
    const index = Math.min(BUCKET_COUNT - 1, Math.floor(octaves * BUCKETS_PER_OCTAVE));
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count += 1;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** Takes in what another one counted. */
  addAll(other: LatencyHistogram): void {
    for (const [index, times] of other.#buckets.entries()) {
      this.#buckets[index] = (this.#buckets[index] ?? 0) + times;
    }
    this.#count += other.#count;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  /** The duration that `part` (0 … 1) of all do not exceed, in milliseconds; NaN when empty. */
  percentileMs(part: number): number {
    if (this.#count === 0) return NaN;
    const rank = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (let index = 0; index < BUCKET_COUNT; index += 1) {
      seen += this.#buckets[index] ?? 0;
      if (seen < rank) continue;
      const middle = SHORTEST_MS * 2 ** ((index + 0.5) / BUCKETS_PER_OCTAVE);
      return Math.min(middle, this.#maxMs);
    }
    return this.#maxMs;
  }
}
