// How operations in flight and their memory end: with the process, with their worker, with the last
// reference. Each scenario runs in a process of its own (test-uring-child.ts), which must end as it
// should: no crash, no hang, nothing freed that the kernel still uses.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { removeDirectory, temporaryDirectory } from './test-world.js';
import { requireUring } from './test-uring.js';

const CHILD = fileURLToPath(new URL('./test-uring-child.js', import.meta.url));
/** Only a hang takes so long. */
const HANG_MS = 25_000;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: unknown[];
  readonly errors: string;
}

describe('the end of operations in flight', () => {
  let directory: string;
  beforeEach(async (context) => {
    requireUring(context);
    directory = await temporaryDirectory();
  });
  afterEach(() => removeDirectory(directory));

  /** Runs a scenario to its end; `onLine` sees each line as it comes. */
  async function run(scenario: string, onLine?: (line: unknown) => void): Promise<Ending> {
    const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
      process.execPath,
      ['--expose-gc', CHILD, scenario, directory],
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: HANG_MS, killSignal: 'SIGKILL' },
    );
    const lines: unknown[] = [];
    createInterface(child.stdout).on('line', (line) => {
      lines.push(JSON.parse(line));
      onLine?.(lines.at(-1));
    });
    const errors = text(child.stderr);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return { code, signal, lines, errors: await errors };
  }

  const quiet = (lines: unknown[], code = 0): Ending => ({ code, signal: null, lines, errors: '' });

  test.each([
    'idle, never closed',
    'exit in flight',
    'exit with a queue',
    'exit with busy workers',
  ])('%s', async (name) => {
    const ending = await run(name);
    expect(ending).toEqual(quiet([], name.startsWith('exit') ? 7 : 0));
  });

  test('a closed driver leaves no ring behind', async () => {
    expect(await run('closed')).toEqual(quiet([{ rings: 0 }]));
  });

  test('an uncaught exception in flight is reported, and ends the process', async () => {
    const ending = await run('uncaught exception in flight');
    expect(ending).toMatchObject({ code: 1, signal: null });
    expect(ending.errors).toContain('as planned');
  });

  test('a signal in flight ends the process', async () => {
    const ending = await run('signal in flight');
    expect(ending).toEqual({ ...quiet([]), code: null, signal: 'SIGTERM' });
  });

  test('an exception in a reaction to a completion is reported, and the ring goes on', async () => {
    const ending = await run('a throwing reaction');
    expect(ending.lines).toContainEqual({ caught: 'as planned' });
    expect(ending.lines).toContainEqual({ read: 5 });
    expect(ending).toMatchObject({ code: 0, signal: null });
  });

  test('the event loop stays alive exactly while an operation is pending', async () => {
    const ending = await run('alive while pending', (line) => {
      if (line === 'pending') writeFileSync(`${directory}/pipe`, 'hello');
    });
    expect(ending).toEqual(quiet(['pending', { read: 5 }, 'idle']));
  });

  test('memory whose last reference is lost in flight lives until the completion', async () => {
    const lines = [{ collected: true }, { kept: true }, { read: 5 }, { freed: true }];
    expect(await run('memory lost in flight')).toEqual(quiet(lines));
  });

  test('memory released in flight is detached at once, and lives until the completion', async () => {
    const ending = await run('memory released in flight');
    const lines = [{ collected: true }, { kept: true }, { read: 5 }, { freed: true }];
    expect(ending).toEqual(quiet([{ detached: 0 }, ...lines]));
  });

  test('memory that nobody refers to is given back', async () => {
    expect(await run('memory lost')).toEqual(quiet([{ collected: true, freed: true }]));
  });

  test('workers terminated with operations in flight and queued', async () => {
    const lines = ['worker: busy', 'worker: queued', 'worker: loop'].map((name) => ({ [name]: 1 }));
    expect(await run('workers terminated in flight')).toEqual(quiet(lines));
  });

  test('workers that end by themselves, exit or throw, in flight', async () => {
    const ending = await run('workers end by themselves');
    expect(ending.lines.filter((line) => !('workerError' in (line as object)))).toEqual([
      { 'worker: idle': 0 },
      { 'worker: exit': 5 },
      { 'worker: throw': 1 },
    ]);
    expect(ending).toMatchObject({ code: 0, signal: null });
  });
});
