// Processes that append and are killed in the middle of it, and what they had acknowledged.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { PlainRecord } from '../fixtures/independent.js';
import type { UringWalOptions } from '../options.js';
import { sampleBytes, samplePut } from './records.js';

/** What a process is to do until it is killed. */
export interface KillPlan {
  readonly path: string;
  readonly options: UringWalOptions;
  /** Callers that append at the same time. */
  readonly appenders: number;
  /** Sequence of the first record; the others count on, in the order of the appends. */
  readonly first: number;
  /** Killed so long after it begins to open the log, whatever it is at by then. */
  readonly killAfterMs?: number;
}

/** What the process was told: where a record stands. */
export interface Acknowledgement {
  readonly sequence: bigint;
  readonly offset: number;
  readonly length: number;
}

/** What the process was at, and what it had been told, when it was killed. */
export interface Kill {
  readonly stage: 'opening' | 'open';
  readonly told: readonly Acknowledgement[];
}

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url));

/** The record of this sequence, of some size that follows from it; now and then a large one. */
export function killRecord(sequence: number): PlainRecord {
  const large = sequence % 97 === 0;
  const valueBytes = large ? 20_000 + (sequence % 7) * 1000 : (sequence * 31) % 700;
  const type = sequence % 13 === 0 ? 'delete' : 'put';
  const value = type === 'put' ? sampleBytes(sequence, valueBytes) : Buffer.alloc(0);
  return { ...samplePut(sequence), type, value };
}

/**
 * Starts the process and kills it once it has told of `acknowledgements`, which it may do while it
 * opens the log at the earliest; with `killAfterMs`, that alone is the moment.
 */
export async function runAndKill(plan: KillPlan, acknowledgements: number): Promise<Kill> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let text = '';
  // Of the lines, two are no acknowledgements: it opens the log, the log is open.
  let lines = acknowledgements === 0 ? 0 : -2;
  child.stdout.setEncoding('latin1');
  child.stdout.on('data', (piece: string) => {
    text += piece;
    lines += piece.split('\n').length - 1;
    if (plan.killAfterMs === undefined && lines >= acknowledgements) child.kill('SIGKILL');
  });
  const [code, signal] = (await closed) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error(`the process ended by itself: ${String(code)}`);
  // What follows the last line feed is a line that was cut off.
  const [opening, opened, ...rest] = text.split('\n').slice(0, -1);
  if (opening !== 'opening') throw new Error('the process was killed before it did anything');
  const told = rest.map((line) => {
    const [sequence, offset, length] = line.split(' ');
    return { sequence: BigInt(sequence ?? -1), offset: Number(offset), length: Number(length) };
  });
  return { stage: opened === 'opened' ? 'open' : 'opening', told };
}
