import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';

const CLI = fileURLToPath(new URL('./cli.js', import.meta.url));
const PLANTED = fileURLToPath(new URL('./planted/main.js', import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function node(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const sim = (...args: string[]): Ended => node(CLI, ...args);

test.each([
  [['--seconds', 'soon'], "--seconds is 'soon'"],
  [['--faults', 'gremlins'], "there is no fault 'gremlins'"],
  [['--profile', 'fat'], "there is no profile 'fat'"],
  [['--replay', 'x'], 'is no replay token'],
  [['--wat'], '--wat'],
  [['--wal', '--exhaustive'], 'exclude each other'],
])('bad options %j are told, exit 64', (args, words) => {
  const { status, stderr } = sim(...args);
  expect(status).toBe(64);
  expect(stderr).toContain(words);
});

test('a campaign that is too short to exercise everything exits 2, and says what is missing', () => {
  const { status, stdout } = sim('--worlds', '3', '--seed', '1', '--jobs', '1');
  expect(status).toBe(2);
  expect(stdout).toContain('never exercised');
});

test.each([[[]], [['--wal']]])('the same token gives the same bytes %j', (options) => {
  const one = sim(...options, '--replay', 'seed.-.-.abc');
  const other = sim(...options, '--replay', 'seed.-.-.abc');
  expect(one.status).toBe(0);
  expect(one.stdout).toBe(other.stdout);
});

test.each([
  [['--third', '3'], "--third is '3'"],
  [['--only', 'none-such'], "no planted bug is 'none-such'"],
  [['--seconds', '0'], "--seconds is '0'"],
  [['--report', 'x.html'], '--report needs --only'],
])('bad options of the planted runs %j are told, exit 64', (args, words) => {
  const { status, stderr } = node(PLANTED, ...args);
  expect(status).toBe(64);
  expect(stderr).toContain(words);
});

test('planted runs that are interrupted leave no copies behind', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'uring-wal-interrupted-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const child = spawn(process.execPath, [PLANTED, '--only', 'ack-before-sync'], {
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: directory },
  });
  const ended = once(child, 'exit');
  await vi.waitFor(
    () => {
      const [copies] = readdirSync(directory);
      expect(readdirSync(join(directory, copies ?? 'none'))).toHaveLength(1);
    },
    { timeout: 30_000, interval: 5 },
  );
  child.kill('SIGTERM');
  expect(await ended).toEqual([143, null]);
  expect(readdirSync(directory)).toEqual([]);
});
