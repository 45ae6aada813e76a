// Appends as fast as it can with many callers at once, until it is killed. Each acknowledgement is
// on its way through the pipe before the next line of JavaScript runs.

import { writeSync } from 'node:fs';

import { UringWalWriter } from '../writer.js';
import type { KillPlan } from './kills.js';
import { killRecord } from './kills.js';
import { entryOf } from './records.js';

const STDOUT = 1;

const plan = JSON.parse(process.argv[2] ?? '') as KillPlan;

let next = plan.first;

async function appender(writer: UringWalWriter): Promise<void> {
  for (;;) {
    const record = killRecord(next++);
    const { sequence, offset, length } = await writer.append(entryOf(record));
    writeSync(STDOUT, `${String(sequence)} ${String(offset)} ${String(length)}\n`);
  }
}

/** Kills this very process, so that the moment does not depend on how busy the machine is. */
function killWithin(ms: number): void {
  const start = performance.now();
  const look = (): void => {
    if (performance.now() - start >= ms) process.kill(process.pid, 'SIGKILL');
    setImmediate(look);
  };
  setImmediate(look);
}

writeSync(STDOUT, 'opening\n');
if (plan.killAfterMs !== undefined) killWithin(plan.killAfterMs);
const writer = await UringWalWriter.open(plan.path, plan.options);
writeSync(STDOUT, 'opened\n');
await Promise.all(Array.from({ length: plan.appenders }, () => appender(writer)));
