// Ctrl-C and its relatives, for commands that have something to finish first.

import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';

const SIGNALS = [
  ['SIGINT', EXIT.INTERRUPT],
  ['SIGTERM', EXIT.TERMINATE],
  ['SIGHUP', EXIT.HANGUP],
] as const;

/** Aborts at the first signal; `exitCode` then tells which it was. */
export class SignalWatch {
  readonly #abort = new AbortController();
  readonly #listeners: { readonly name: NodeJS.Signals; readonly listener: () => void }[];
  exitCode: ExitCode | undefined;

  constructor() {
    this.#listeners = SIGNALS.map(([name, exitCode]) => {
      const listener = (): void => {
        this.exitCode ??= exitCode;
        this.#abort.abort();
      };
      process.once(name, listener);
      return { name, listener };
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Aborts without a signal. */
  stop(): void {
    this.#abort.abort();
  }

  /** Lets the signals do what they always do. */
  release(): void {
    for (const { name, listener } of this.#listeners) process.off(name, listener);
  }
}
