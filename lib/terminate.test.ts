// worker.terminate() at random moments of a worker that opens a log and writes to it: the process
// lives on, nothing hangs, the log can be opened at once and has what was acknowledged.

import { readdirSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

import { requireUring } from './io/test-uring.js';
import { freshDirectory } from './test-tools/logs.js';
import type { Tally } from './test-tools/terminated-child.js';

const CHILD = fileURLToPath(new URL('./test-tools/terminated-child.js', import.meta.url));
/** `npm run test:native -- --terminations 1000` asks for more. */
const TERMINATIONS = Number(process.env['URING_WAL_TERMINATIONS'] ?? 40);
/** Only a hang takes so long. */
const HANG_MS = 30_000 + 1000 * TERMINATIONS;

test(
  `${String(TERMINATIONS)} workers terminated`,
  async (context) => {
    requireUring(context);
    const directory = freshDirectory();
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [CHILD, directory, String(TERMINATIONS)],
      { timeout: HANG_MS, killSignal: 'SIGKILL' },
    );
    expect(stderr).toBe('');
    console.log(`workers terminated: ${stdout.trim()}`);
    const tally = JSON.parse(stdout) as Tally;
    expect(tally.rounds).toBe(TERMINATIONS);
    // A test that finds its workers elsewhere than at work tests nothing.
    expect(tally.working).toBeGreaterThanOrEqual(3 * Math.floor(TERMINATIONS / 5));
    expect(tally.opening + tally.starting).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
  },
  HANG_MS + 5000,
);
