// The peers live in bench/package.json, so that the library's own install stays small. They are
// installed on first use, and again when the lock file changes.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { BENCH_DIRECTORY } from './paths.js';

const LOCK_FILE = `${BENCH_DIRECTORY}/package-lock.json`;
const STAMP_FILE = `${BENCH_DIRECTORY}/node_modules/.installed`;

/**
 * Runs `npm ci` in bench/ unless that was done for this lock file already. Returns what went wrong,
 * for the reader; peers that are missing are told row by row in any case.
 */
export function installPeers(say: (line: string) => void): string | undefined {
  const wanted = createHash('sha256').update(fs.readFileSync(LOCK_FILE)).digest('hex');
  if (fs.existsSync(STAMP_FILE) && fs.readFileSync(STAMP_FILE, 'utf8') === wanted) return undefined;
  say('Installing the peers into bench/node_modules (once; compiling SQLite takes a minute) ...');
  const run = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: BENCH_DIRECTORY,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (run.status !== 0) return 'npm ci in bench/ failed: peers that are missing have empty rows';
  fs.writeFileSync(STAMP_FILE, wanted);
  return undefined;
}
