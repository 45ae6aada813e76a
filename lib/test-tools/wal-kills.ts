// A process that keeps a log busy (wal-child.ts), started and killed, and what it had told.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { onTestFinished } from 'vitest';

import type { WalOptions } from '../wal-options.js';
import { sampleBytes } from './records.js';
import type { PlainEntry } from './wals.js';

/** Entries in each atomic batch. */
export const BATCH_ENTRIES = 6;

const CHILD = fileURLToPath(new URL('./wal-child.js', import.meta.url));

/** The entry with this id; its key tells id and index (-1 outside of batches). */
export function walKillEntry(id: string, index: number): PlainEntry {
  const key = Buffer.from(`${id}/${String(index)}`);
  const seed = key.reduce((sum, byte) => (sum * 31 + byte) % 65521, 7);
  return { type: 'put', key, value: sampleBytes(seed, seed % 900) };
}

/** What the process told before it was killed. */
export interface ToldByWal {
  /** Id by the sequence that it was acknowledged under; of a batch, of each of its entries. */
  readonly acknowledged: ReadonlyMap<bigint, string>;
  /** Entries below may be gone. */
  readonly checkpoint: bigint;
}

/** A process that appends until it is killed. */
export class WalProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #text = '';
  #lines = 0;
  #onLine: () => void = () => undefined;

  /** Starts it; killed with the test. */
  constructor(directory: string, options: WalOptions, callers: number, checkpoints = true) {
    const args = [CHILD, directory, JSON.stringify(options), String(callers), String(checkpoints)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    this.#closed = once(child, 'close');
    child.stdout.setEncoding('latin1');
    child.stdout.on('data', (piece: string) => {
      this.#text += piece;
      this.#lines += piece.split('\n').length - 1;
      this.#onLine();
    });
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it has told so many lines: that it is open, and what was acknowledged. */
  async lines(count: number): Promise<void> {
    while (this.#lines < count) {
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#onLine = resolve;
        }),
        this.#closed.then(() => {
          throw new Error('the process ended by itself');
        }),
      ]);
    }
  }

  async kill(): Promise<ToldByWal> {
    this.#child.kill('SIGKILL');
    await this.#closed;
    const acknowledged = new Map<bigint, string>();
    let checkpoint = 0n;
    // What follows the last line feed is a line that was cut off.
    for (const line of this.#text.split('\n').slice(0, -1)) {
      const [first = '', id = '', kind] = line.split(' ');
      if (first === 'checkpoint') checkpoint = BigInt(id);
      else if (first !== 'open') {
        const count = kind === 'batch' ? BATCH_ENTRIES : 1;
        for (let index = 0; index < count; index++) {
          const key = `${id}/${String(kind === 'batch' ? index : -1)}`;
          acknowledged.set(BigInt(first) + BigInt(index), key);
        }
      }
    }
    return { acknowledged, checkpoint };
  }
}
