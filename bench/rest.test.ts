import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { comeToRest } from './rest.js';

const WORK_MS = 150;
let directory: string;

beforeEach(() => {
  // Not a tmpfs, whose writes the kernel does not count.
  directory = fs.mkdtempSync(join(process.cwd(), 'bench-test-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Does `work` every few milliseconds for a while; the return tells whether that is over. */
function background(work: () => void): () => boolean {
  const endMs = performance.now() + WORK_MS;
  let isOver = false;
  const timer = setInterval(() => {
    if (performance.now() < endMs) {
      work();
      return;
    }
    clearInterval(timer);
    isOver = true;
  }, 2);
  return () => isOver;
}

it('waits for work that takes CPU time', async () => {
  const isOver = background(() => {
    const until = performance.now() + 2;
    while (performance.now() < until);
  });
  await comeToRest(directory);
  expect(isOver()).toBe(true);
});

it('waits for writes, which need hardly any', async () => {
  const fd = fs.openSync(join(directory, 'file'), 'w');
  const page = Buffer.alloc(4096);
  let writes = 0;
  const isOver = background(() => {
    fs.writeSync(fd, page, 0, page.length, writes++ * page.length);
  });
  await comeToRest(directory);
  expect(isOver()).toBe(true);
  fs.closeSync(fd);
});

it('gives up on a process that does not come to rest', async () => {
  const isOver = background(() => {
    const until = performance.now() + 2;
    while (performance.now() < until);
  });
  await expect(comeToRest(directory, WORK_MS / 3)).rejects.toThrow(/still at work 50 ms after/);
  await expect.poll(isOver).toBe(true);
});
