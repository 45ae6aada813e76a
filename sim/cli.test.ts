import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('./cli.js', import.meta.url));

function sim(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test.each([
  [['--seconds', 'soon'], "--seconds is 'soon'"],
  [['--faults', 'gremlins'], "there is no fault 'gremlins'"],
  [['--profile', 'fat'], "there is no profile 'fat'"],
  [['--replay', 'x'], 'is no replay token'],
  [['--wat'], '--wat'],
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

test('the same token gives the same bytes', () => {
  const one = sim('--replay', 'seed.-.-.abc');
  const other = sim('--replay', 'seed.-.-.abc');
  expect(one.status).toBe(0);
  expect(one.stdout).toBe(other.stdout);
});
