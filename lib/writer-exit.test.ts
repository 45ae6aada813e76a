// A process that ends at any step of a writer's life, by exit or by SIGKILL, ends at once and
// without a word; the next one finds what was acknowledged and goes on.

import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { forEachDriver } from './test-tools/drivers.js';
import type { ExitPlan } from './test-tools/exit-child.js';
import {
  appendAll,
  expectNothingHeld,
  expectReplay,
  freshLog,
  writeLog,
} from './test-tools/logs.js';
import { samplePuts } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

const CHILD = fileURLToPath(new URL('./test-tools/exit-child.js', import.meta.url));
const STEPS: readonly ExitPlan['step'][] = ['open', 'recover', 'append', 'flush', 'trim', 'close'];
/** Only a hang takes so long. */
const HANG_MS = 60_000;

const ENDINGS = [
  { how: 'exit', turns: 0 },
  { how: 'exit', turns: 3 },
  { how: 'SIGKILL', turns: 0 },
  { how: 'SIGKILL', turns: 3 },
] as const;

forEachDriver((driver) => {
  test.each(STEPS)(
    'ends in %s',
    async (step) => {
      for (const ending of ENDINGS) {
        const path = freshLog();
        // There is something to recover, and something to cut off.
        const before = step === 'recover' ? samplePuts(3000, 1, 1000) : [];
        if (step === 'recover') {
          writeLog(path, before);
          appendFileSync(path, Buffer.alloc(777, 1));
        }
        const plan: ExitPlan = { path, driver, step, ...ending };
        const told = endOf(plan);
        if (STEPS.indexOf(step) >= STEPS.indexOf('append')) expect(told).toBe(64);

        const writer = await UringWalWriter.open(path, { driver });
        const { records } = writer.recovery;
        expect(records).toBeGreaterThanOrEqual(Math.max(before.length, told));
        await appendAll(writer, samplePuts(1, records + 1, 1000));
        await writer.close();
        await expectReplay(path, samplePuts(records + 1, 1, 1000));
        expectNothingHeld(path, ['test.wal']);
      }
    },
    4 * HANG_MS,
  );
});

/** Runs the process to its end, which must be the planned one; returns what it was told. */
function endOf(plan: ExitPlan): number {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [CHILD, JSON.stringify(plan)],
    { encoding: 'utf8', timeout: HANG_MS, killSignal: 'SIGTERM' },
  );
  const expected =
    plan.how === 'exit' ? { status: 7, signal: null } : { status: null, signal: 'SIGKILL' };
  expect({ status, signal, stderr }).toEqual({ ...expected, stderr: '' });
  return Number(stdout);
}
