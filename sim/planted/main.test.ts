// What a hunt for planted bugs leaves behind when it is not let end: nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const MAIN = 'dist/sim/planted/main.js';

test(
  'when nobody reads its lines any more, no copy stays behind',
  { timeout: 60_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'uring-wal-'));
    onTestFinished(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    const options = ['--third', '0', '--seconds', '1', '--jobs', '1', '--seed', '1'];
    const child = spawn(process.execPath, [MAIN, ...options], {
      env: { ...process.env, TMPDIR: directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    child.stdout.destroy();
    expect(await once(child, 'close')).toEqual([141, null]);
    expect(readdirSync(directory)).toEqual([]);
  },
);
