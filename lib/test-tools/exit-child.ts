// Ends in the middle of one step of a writer's life, whatever is in flight. What was acknowledged
// before is on standard output: a number of records.

import { existsSync, writeSync } from 'node:fs';

import { UringWalWriter } from '../writer.js';
import type { DriverName } from './drivers.js';
import { entryOf, samplePuts } from './records.js';

/** What is to end, and how: `exit` is process.exit(7). */
export interface ExitPlan {
  readonly path: string;
  readonly driver: DriverName;
  readonly step: 'open' | 'recover' | 'append' | 'flush' | 'trim' | 'close';
  readonly how: 'exit' | 'SIGKILL';
  /** Turns of the event loop between the beginning of the step and the end. */
  readonly turns: number;
}

const RECORDS = 64;

const plan = JSON.parse(process.argv[2] ?? '') as ExitPlan;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function open(): Promise<UringWalWriter> {
  return UringWalWriter.open(plan.path, { driver: plan.driver, preallocateBytes: 1024 * 1024 });
}

/** Begins appends of these records; they end when all are acknowledged. */
function append(writer: UringWalWriter, first: number, sync: boolean): Promise<unknown> {
  const records = samplePuts(RECORDS, first, 1000);
  return Promise.all(records.map((record) => writer.append(entryOf(record), { sync })));
}

/** Comes to the step and begins it; returns when it is under way. */
async function begin(): Promise<void> {
  if (plan.step === 'open') {
    ignore(open());
    return;
  }
  if (plan.step === 'recover') {
    ignore(open());
    while (!existsSync(`${plan.path}.lock`)) await turn();
    return;
  }
  const writer = await open();
  await append(writer, writer.recovery.records + 1, false);
  writeSync(1, String(writer.recovery.records + RECORDS));
  if (plan.step === 'append') ignore(append(writer, RECORDS + 1, true));
  else if (plan.step === 'flush') ignore(writer.flush());
  else if (plan.step === 'trim') ignore(writer.close());
  else await writer.close();
}

/** Its fate is the end of this process. */
function ignore(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

await begin();
for (let turns = 0; turns < plan.turns; turns++) await turn();
if (plan.how === 'SIGKILL') process.kill(process.pid, 'SIGKILL');
else process.exit(7);
