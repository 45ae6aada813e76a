// A writer in a process of its own, for what a test cannot do to itself: limits, other users,
// filters of system calls, two processes on one log.

import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import type { WalPosition } from '../ack-queue.js';
import type { UringWalOptions } from '../options.js';
import type { WalRecovery } from '../recovery.js';
import type { WriterDriver, WriterStats } from '../writer.js';

/** What a parent can ask. Records are those of `samplePuts`. */
export type Request =
  | { readonly do: 'open'; readonly path: string; readonly options: UringWalOptions }
  | {
      readonly do: 'append';
      readonly first: number;
      readonly count: number;
      readonly valueBytes: number;
      readonly sync: boolean;
    }
  | { readonly do: 'flush' | 'close' | 'stats' | 'dropRights' }
  | { readonly do: 'descriptors'; readonly directory: string };

export type Reply =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** An error that crossed the process boundary. */
export interface RemoteFacts {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly errno?: string;
  readonly offset?: number;
  readonly sequence?: bigint;
  readonly path?: string;
}

export type RemoteOutcome =
  | { readonly ok: true; readonly position: WalPosition }
  | { readonly ok: false; readonly error: RemoteFacts };

/** Rejections of a {@link RemoteWriter} carry what the other process said. */
export class RemoteError extends Error {
  readonly facts: RemoteFacts;

  constructor(facts: RemoteFacts) {
    super(facts.message);
    this.facts = facts;
  }
}

const CHILD = fileURLToPath(new URL('./remote-writer-child.js', import.meta.url));

export class RemoteWriter {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `launcher` is a command that ends in running the command behind it. Killed with the test. */
  static async start(launcher: readonly string[] = []): Promise<RemoteWriter> {
    const [command, ...args] = [...launcher, process.execPath, CHILD];
    const child = spawn(command ?? '', args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    const writer = new RemoteWriter(child);
    onTestFinished(() => writer.kill());
    await writer.#reply();
    return writer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  open(
    path: string,
    options: UringWalOptions,
  ): Promise<{ readonly driver: WriterDriver; readonly recovery: WalRecovery }> {
    return this.#ask({ do: 'open', path, options });
  }

  append(
    count: number,
    options: { first?: number; valueBytes?: number; sync?: boolean } = {},
  ): Promise<RemoteOutcome[]> {
    const { first = 1, valueBytes = 32, sync = false } = options;
    return this.#ask({ do: 'append', first, count, valueBytes, sync });
  }

  async flush(): Promise<void> {
    await this.#ask({ do: 'flush' });
  }

  async close(): Promise<void> {
    await this.#ask({ do: 'close' });
  }

  stats(): Promise<WriterStats> {
    return this.#ask({ do: 'stats' });
  }

  /** Makes a process of root one of nobody; of any other user, nothing. */
  async dropRights(): Promise<void> {
    if (process.getuid?.() === 0) await this.#ask({ do: 'dropRights' });
  }

  /** Its open files under `directory`. */
  descriptors(directory: string): Promise<string[]> {
    return this.#ask({ do: 'descriptors', directory });
  }

  /** Limits the size of files from now on (RLIMIT_FSIZE; Node ignores SIGXFSZ); bytes. */
  limitFileSize(bytes: number | 'unlimited'): void {
    execFileSync('prlimit', ['--pid', String(this.pid), `--fsize=${String(bytes)}:`]);
  }

  /** SIGKILL, and waits until the process is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #ask<T>(request: Request): Promise<T> {
    const reply = this.#reply();
    this.#child.send(request);
    return (await reply) as T;
  }

  #reply(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        this.#child.off('message', onMessage);
        reject(new Error(`the process ended: exit code ${String(code)}, signal ${String(signal)}`));
      };
      const onMessage = (reply: Reply): void => {
        this.#child.off('exit', onExit);
        if (reply.ok) resolve(reply.value);
        else reject(new RemoteError(reply.error as RemoteFacts));
      };
      this.#child.once('exit', onExit);
      this.#child.once('message', onMessage);
    });
  }
}
