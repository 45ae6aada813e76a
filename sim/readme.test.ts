// The README's worked example of `uring-wal/sim` runs as it stands there, and finds what it says.

import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let folder = '';
let example = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uring-wal-readme-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', 'uring-wal'));
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  example = blocks.find((code) => code.includes("from 'uring-wal/sim'")) ?? '';
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(code: string): Promise<string> {
  const file = join(folder, 'example.mjs');
  await writeFile(file, code);
  const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

test('nothing is lost', async () => {
  expect(await run(example)).toMatch(/^[1-9]\d* crashes, nothing lost\n$/);
});

test('without waiting for durability, the loss is found', async () => {
  const hasty = example.replace('String(value));', 'String(value), { sync: false });');
  expect(hasty).not.toBe(example);
  expect(await run(hasty)).toMatch(/^key\d lost \d+ \[/);
});
