// Standard output for streams of lines: written once per tick, with back-pressure, and with a
// closed pipe told apart from a real failure.

import type { Writable } from 'node:stream';

/** Whether anybody still listens. */
export type OutputState =
  | { readonly kind: 'open' }
  /** The reader went away (EPIPE): no reason to complain. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly cause: Error };

/** Text held back before it is handed to the stream, in characters. */
const PENDING_CHARACTERS_MAX = 64 * 1024;
/** Bytes the stream may hold before the caller should wait. */
const BACKLOG_BYTES_MAX = 1024 * 1024;

/** Text out to a stream. What is written after it closed or failed is dropped. */
export class Output {
  readonly #stream: Writable;
  readonly #onStop: () => void;
  #pending = '';
  #scheduled = false;
  #writesInFlight = 0;
  #state: OutputState = { kind: 'open' };
  #waiters: (() => void)[] = [];

  /** `onStop` is called once, when the stream closes or fails. */
  constructor(stream: Writable, onStop: () => void = () => undefined) {
    this.#stream = stream;
    this.#onStop = onStop;
    stream.on('error', (error) => {
      this.#stop(error);
    });
  }

  get state(): OutputState {
    return this.#state;
  }

  /** Writes text, at the end of the tick at the latest. */
  write(text: string): void {
    if (this.#state.kind !== 'open') return;
    this.#pending += text;
    if (this.#pending.length >= PENDING_CHARACTERS_MAX) this.#flush();
    else if (!this.#scheduled) this.#schedule();
  }

  /** Whether more should wait for {@link drained}. */
  get backlogged(): boolean {
    return this.#state.kind === 'open' && this.#stream.writableLength > BACKLOG_BYTES_MAX;
  }

  /** Resolves when there is room again, or nobody listens any more. */
  async drained(): Promise<void> {
    while (this.backlogged) await this.#progress();
  }

  /** Writes out what is left; resolves when the stream has taken it all, or stopped. */
  async finish(): Promise<OutputState> {
    this.#flush();
    while (this.#writesInFlight > 0 && this.#state.kind === 'open') await this.#progress();
    return this.#state;
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#state.kind !== 'open') return;
    this.#writesInFlight += 1;
    this.#stream.write(text, (error) => {
      this.#writesInFlight -= 1;
      if (error) this.#stop(error);
      this.#wake();
    });
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #stop(error: Error & { code?: string }): void {
    if (this.#state.kind !== 'open') return;
    this.#state = error.code === 'EPIPE' ? { kind: 'closed' } : { kind: 'failed', cause: error };
    this.#wake();
    this.#onStop();
  }
}
