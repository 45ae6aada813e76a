// Planted violations: a lint rule that finds nothing looks exactly like one that is switched off.

import { ESLint } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';

// Type information needs files that exist; their text is replaced by what is planted.
const PURE = 'lib/record.ts';
const WRITER = 'lib/writer.ts';
const DRIVER = 'lib/io/driver.ts';
const THREADPOOL = 'lib/io/threadpool.ts';
const CLI = 'lib/cli/main.ts';
const TEST = 'lib/errors.test.ts';
const SIM = 'sim/disk.ts';

const LAYERS = 'local/layers';
const GLOBALS = 'no-restricted-globals';
const PROPERTIES = 'no-restricted-properties';

let eslint;
beforeAll(() => {
  eslint = new ESLint();
});

async function rulesThatBite(filePath, text) {
  const [result] = await eslint.lintText(text, { filePath });
  return result.messages.map(({ ruleId, message }) => ruleId ?? message);
}

const manyLines = (count) => 'f();\n'.repeat(count);

describe('lint finds', () => {
  it.each([
    ['an import upwards', LAYERS, PURE, `export * from './writer.js';`],
    ['a type import upwards', LAYERS, PURE, `export type { UringWalWriter } from './writer.js';`],
    ['a dynamic import upwards', LAYERS, PURE, `await import('./wal.js');`],
    ['a type query upwards', LAYERS, PURE, `export type W = import('./wal.js').Wal;`],
    ['an import of the simulator', LAYERS, WRITER, `export * from '../sim/disk.js';`],
    ['a test that imports the simulator', LAYERS, TEST, `export * from '../sim/disk.js';`],
    ['an import of a property', LAYERS, SIM, `export * from '../properties/codec.js';`],
    ['an import of a benchmark', LAYERS, CLI, `export * from '../../bench/record.js';`],
    ['a driver that knows records', LAYERS, THREADPOOL, `export * from '../record.js';`],
    ['the seam importing a driver', LAYERS, DRIVER, `export * from './threadpool.js';`],
    ['the writer past the seam', LAYERS, WRITER, `export * from './io/threadpool.js';`],
    ['a fixture in the product', LAYERS, WRITER, `export * from './fixtures/golden.js';`],
    ['a dependency', LAYERS, WRITER, `export * from 'vitest';`],
    ['node:fs', LAYERS, PURE, `import { readFileSync } from 'node:fs'; readFileSync('x');`],
    [
      'fs without its prefix',
      LAYERS,
      PURE,
      `import { readFileSync } from 'fs'; readFileSync('x');`,
    ],
    ['node:fs/promises', LAYERS, WRITER, `export { open } from 'node:fs/promises';`],
    ['node:timers', LAYERS, WRITER, `export * from 'node:timers';`],
    ['node:timers/promises', LAYERS, DRIVER, `export * from 'node:timers/promises';`],
    ['node:child_process', LAYERS, WRITER, `export * from 'node:child_process';`],
    ['node:worker_threads', LAYERS, WRITER, `export * from 'node:worker_threads';`],
    ['node:crypto', LAYERS, PURE, `import { randomBytes } from 'node:crypto'; randomBytes(1);`],
    ['a clock by import', LAYERS, PURE, `export { performance } from 'node:perf_hooks';`],
    ['a whole module for one name', LAYERS, PURE, `export * from 'node:perf_hooks';`],
    ['process by import', LAYERS, PURE, `import process from 'node:process'; process.hrtime();`],
    ['Date', GLOBALS, PURE, `export const t = Date.now();`],
    ['performance', GLOBALS, WRITER, `export const t = performance.now();`],
    ['setTimeout', GLOBALS, WRITER, `setTimeout(() => 0, 1);`],
    ['setInterval', GLOBALS, WRITER, `setInterval(() => 0, 1);`],
    ['setImmediate', GLOBALS, DRIVER, `setImmediate(() => 0);`],
    ['a detour by globalThis', GLOBALS, PURE, `export const t = globalThis.Date.now();`],
    ['crypto', GLOBALS, PURE, `export const id = crypto.randomUUID();`],
    ['Math.random', PROPERTIES, PURE, `export const x = Math.random();`],
    ['Math.random, destructured', PROPERTIES, PURE, `export const { random } = Math;`],
    ['process.nextTick', PROPERTIES, WRITER, `process.nextTick(() => 0);`],
    ['process.hrtime', PROPERTIES, WRITER, `export const t = process.hrtime();`],
    ['process.env', PROPERTIES, WRITER, `export const e = process.env;`],
    ['AbortSignal.timeout', PROPERTIES, WRITER, `export const s = AbortSignal.timeout(5);`],
    ['chance in the simulator', PROPERTIES, SIM, `export const x = Math.random();`],
    ['a clock in the simulator', GLOBALS, SIM, `export const t = performance.now();`],
    ['a test tool in the product', LAYERS, WRITER, `export * from './test-tools/crash.js';`],
    ['any', '@typescript-eslint/no-explicit-any', PURE, `export let x: any;`],
    [
      'a non-null assertion',
      '@typescript-eslint/no-non-null-assertion',
      PURE,
      `export const x = [1].at(0)!;`,
    ],
    [
      'a floating promise',
      '@typescript-eslint/no-floating-promises',
      TEST,
      `const f = () => Promise.resolve(1); f();`,
    ],
    [
      'an unmarked type import',
      '@typescript-eslint/consistent-type-imports',
      WRITER,
      `import { WalErrorCode } from './errors.js'; export const x: WalErrorCode[] = [];`,
    ],
    [
      'a forgotten case',
      '@typescript-eslint/switch-exhaustiveness-check',
      PURE,
      `export function f(x: 'a' | 'b') { switch (x) { case 'a': return 1; } return 2; }`,
    ],
    ['a long file', 'max-lines', PURE, manyLines(301)],
    ['a long function', 'max-lines-per-function', CLI, `export function f() {\n${manyLines(70)}}`],
  ])('%s (%s)', async (_what, rule, file, text) => {
    expect(await rulesThatBite(file, text)).toContain(rule);
  });
});

describe('lint leaves alone', () => {
  it.each([
    ['the addon of the checksum', 'lib/checksum.ts', `export { loadAddon } from './io/addon.js';`],
    ['a driver on node:fs', THREADPOOL, `import * as fs from 'node:fs'; export const f = fs.read;`],
    ['a clock in a driver', 'lib/io/clock.ts', `export const t = Date.now();`],
    ['a clock in the command', CLI, `export const t = Date.now();`],
    [
      'node:fs and chance in a test',
      TEST,
      `export * from 'node:fs'; export const x = Math.random();`,
    ],
    ['a long test', TEST, manyLines(400)],
    ['the choice of a driver', WRITER, `export type { DriverChoice } from './io/select.js';`],
    ['the simulator over the library', SIM, `export { WalError } from '../lib/errors.js';`],
    ['paths', WRITER, `export { dirname } from 'node:path';`],
    ['a histogram', WRITER, `export { createHistogram } from 'node:perf_hooks';`],
  ])('%s', async (_what, file, text) => {
    const ours = [LAYERS, GLOBALS, PROPERTIES, 'max-lines'];
    const bites = await rulesThatBite(file, text);
    expect(bites.filter((rule) => ours.includes(rule))).toEqual([]);
    // A text that does not parse would bite nothing either.
    expect(bites.filter((rule) => /parsing/i.test(rule))).toEqual([]);
  });
});
