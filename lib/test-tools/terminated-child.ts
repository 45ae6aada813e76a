// For the tests of worker.terminate(): a process of its own, so that an abort of the whole process is
// seen, which starts workers that write to a log, one after the other, and terminates each: some
// before they came to open the log, some while they open it, most at a random moment of their work.
// Every log is then opened by the process itself: it must be whole, and hold what was acknowledged.

import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

import { Wal } from '../wal.js';
import { UringWalWriter } from '../writer.js';
import { entryOf, samplePut } from './records.js';

/** What a worker was at when it was terminated. */
export const STAGES = ['starting', 'opening', 'working'] as const;

export type Stage = (typeof STAGES)[number];

/** What the process tells at its end. */
export type Tally = Record<'rounds' | Stage, number>;

const KINDS = ['writer', 'durable writer', 'direct writer', 'wal'] as const;

/** What a worker tells by shared memory, which outlives it. */
interface WorkerData {
  readonly kind: (typeof KINDS)[number];
  readonly path: string;
  /** At 0, how far it came: an index of STAGES; at 1, records acknowledged. */
  readonly shared: Int32Array;
}

const CALLERS = 16;
/** Only a hang takes so long. */
const START_MS_MAX = 60_000;
/** Random waits within a stage are up to so long. */
const STARTING_MS = 40;
const OPENING_MS = 4;
const WORKING_MS = 12;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function work({ kind, path, shared }: WorkerData): Promise<void> {
  const append = await openLog(kind, path, () => {
    Atomics.store(shared, 0, STAGES.indexOf('opening'));
  });
  let next = 1;
  const caller = async (): Promise<void> => {
    for (;;) {
      await append(next++);
      Atomics.add(shared, 1, 1);
      Atomics.store(shared, 0, STAGES.indexOf('working'));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

async function openLog(
  kind: WorkerData['kind'],
  path: string,
  begin: () => void,
): Promise<(sequence: number) => Promise<unknown>> {
  begin();
  if (kind === 'wal') {
    const wal = await Wal.open(path, { maxFileSize: 256 * 1024 });
    return (sequence) => {
      const { key, value } = samplePut(sequence);
      return wal.put(key, value, { sync: sequence % 5 === 0 });
    };
  }
  const directIo = kind === 'direct writer';
  const writer = await UringWalWriter.open(path, { directIo, driver: 'uring' });
  const sync = kind !== 'writer';
  return (sequence) => writer.append(entryOf(samplePut(sequence)), { sync });
}

/** At which stage to terminate: of five workers one starts, one opens, three work. */
function pickStage(round: number): Stage {
  return STAGES[round % 5] ?? 'working';
}

async function waitFor(shared: Int32Array, stage: Stage): Promise<void> {
  const deadline = performance.now() + START_MS_MAX;
  while (Atomics.load(shared, 0) < STAGES.indexOf(stage)) {
    if (performance.now() > deadline) throw new Error(`no worker came to be ${stage}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs one worker and terminates it; returns what it was at. */
async function terminateOne(directory: string, round: number): Promise<Stage> {
  const kind = KINDS[Math.floor(round / 5) % KINDS.length] ?? 'writer';
  const home = join(directory, String(round));
  mkdirSync(home);
  const path = join(home, 'log');
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const data: WorkerData = { kind, path, shared };
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: data });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => {
      resolve();
    });
  });
  ended.catch(() => undefined);
  const wanted = pickStage(round);
  await waitFor(shared, wanted);
  const spans = { starting: STARTING_MS, opening: OPENING_MS, working: WORKING_MS };
  await sleep(Math.random() * spans[wanted]);
  const stage = STAGES[Atomics.load(shared, 0)] ?? 'starting';
  await worker.terminate();
  await ended;
  await checkLog(kind, path, Atomics.load(shared, 1));
  checkLitter(kind === 'wal' ? path : home);
  rmSync(home, { recursive: true });
  return stage;
}

/** Nobody holds the log any more, and it has what the worker was told. */
async function checkLog(kind: WorkerData['kind'], path: string, told: number): Promise<void> {
  let records = 0;
  if (kind === 'wal') {
    const wal = await Wal.open(path);
    for await (const record of wal.read()) records = Number(record.sequence);
    await wal.close();
  } else {
    const writer = await UringWalWriter.open(path);
    ({ records } = writer.recovery);
    await writer.close();
  }
  if (records >= told) return;
  throw new Error(`'${path}' has ${String(records)} of ${String(told)} acknowledged records`);
}

/**
 * The next holder removed what the worker left of a lock. Only a file that never got its content
 * stays: it does not tell whose it was.
 */
function checkLitter(directory: string): void {
  const litter = readdirSync(directory)
    .filter((name) => name.includes('.lock'))
    .filter((name) => statSync(join(directory, name)).size > 0);
  if (litter.length > 0) throw new Error(`left behind: ${litter.join(', ')}`);
}

async function main(directory: string, rounds: number): Promise<void> {
  const tally: Tally = { rounds: 0, starting: 0, opening: 0, working: 0 };
  for (; tally.rounds < rounds; tally.rounds++)
    tally[await terminateOne(directory, tally.rounds)]++;
  console.log(JSON.stringify(tally));
}

if (isMainThread) await main(process.argv[2] ?? '', Number(process.argv[3]));
else await work(workerData as WorkerData);
