// A durable key-value store: a Map in memory, and every change in a log before it is in the Map.
// A checkpoint writes the whole Map to the log as one atomic batch (so it must fit into a segment),
// and lets the log forget what came before. Whatever is left of the log, replayed, is the Map.

import type { WalOptions } from '../index.js';
import { Wal } from '../index.js';

const text = new TextDecoder();

export class KvStore {
  readonly #wal: Wal;
  readonly #map = new Map<string, string>();
  /** Changes that are in the log, perhaps, and not yet in the Map. */
  readonly #pending = new Set<Promise<void>>();
  #checkpoint: Promise<void> | undefined;

  private constructor(wal: Wal) {
    this.#wal = wal;
  }

  /** Opens the store, creating it when it is missing. Rejects as `Wal.open`. */
  static async open(directory: string, options?: WalOptions): Promise<KvStore> {
    const store = new KvStore(await Wal.open(directory, options));
    for await (const { type, key, value } of store.#wal.read()) {
      store.#apply(text.decode(key), type === 'put' ? text.decode(value) : undefined);
    }
    return store;
  }

  get(key: string): string | undefined {
    return this.#map.get(key);
  }

  entries(): IterableIterator<[string, string]> {
    return this.#map.entries();
  }

  /** Resolves when the change is durable; a value of `undefined` removes the key. */
  async set(key: string, value: string | undefined): Promise<void> {
    while (this.#checkpoint !== undefined) await this.#checkpoint;
    const change = this.#change(key, value);
    this.#pending.add(change);
    await change.finally(() => this.#pending.delete(change));
  }

  /** Bounds the log. Changes that come meanwhile wait; readers do not. */
  async checkpoint(): Promise<void> {
    while (this.#checkpoint !== undefined) await this.#checkpoint;
    const written = this.#writeCheckpoint();
    this.#checkpoint = written.catch(() => undefined);
    await written.finally(() => (this.#checkpoint = undefined));
  }

  async close(): Promise<void> {
    await this.#wal.close();
  }

  async #change(key: string, value: string | undefined): Promise<void> {
    await (value === undefined ? this.#wal.delete(key) : this.#wal.put(key, value));
    this.#apply(key, value);
  }

  async #writeCheckpoint(): Promise<void> {
    await Promise.allSettled(this.#pending);
    await this.#wal.rotate();
    const entries = Array.from(this.#map, ([key, value]) => ({ key, value }));
    const next = (this.#wal.writtenSequence ?? 0n) + 1n;
    if (entries.length > 0) await this.#wal.appendBatch(entries, { sync: true });
    await this.#wal.truncateBefore(next);
  }

  #apply(key: string, value: string | undefined): void {
    if (value === undefined) this.#map.delete(key);
    else this.#map.set(key, value);
  }
}
