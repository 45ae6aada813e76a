// Keeps the number of appends in flight within what the writer queues, and remembers the first
// that failed.

import type { WalPosition } from '../index.js';

/** How much may be in flight at once. */
export interface GateLimits {
  readonly channelCapacity: number;
  readonly queueBytesMax: number;
}

/** The first append that was rejected. */
export interface AppendFailure {
  readonly lineNumber: number;
  readonly cause: unknown;
}

/** Counts appends in flight. One caller at a time may wait for room or for rest. */
export class AppendGate {
  readonly #limits: GateLimits;
  readonly #onFailure: () => void;
  #count = 0;
  #bytes = 0;
  #failure: AppendFailure | undefined;
  #wake: (() => void) | undefined;

  /** `onFailure` is called at the first append that is rejected. */
  constructor(limits: GateLimits, onFailure: () => void) {
    this.#limits = limits;
    this.#onFailure = onFailure;
  }

  get failure(): AppendFailure | undefined {
    return this.#failure;
  }

  /** Whether another append should wait for {@link room}. */
  get full(): boolean {
    return this.#count >= this.#limits.channelCapacity || this.#bytes >= this.#limits.queueBytesMax;
  }

  /** Resolves when there is room for another append. */
  async room(): Promise<void> {
    while (this.full) await this.#settled();
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#count > 0) await this.#settled();
  }

  /** Watches an append of `bytes`; `onPlaced` hears of its acknowledgement at once. */
  submit(
    append: Promise<WalPosition>,
    bytes: number,
    lineNumber: number,
    onPlaced: (place: WalPosition) => void,
  ): void {
    this.#count += 1;
    this.#bytes += bytes;
    append.then(
      (place) => {
        onPlaced(place);
        this.#leave(bytes);
      },
      (cause: unknown) => {
        if (this.#failure === undefined) {
          this.#failure = { lineNumber, cause };
          this.#onFailure();
        }
        this.#leave(bytes);
      },
    );
  }

  #leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
