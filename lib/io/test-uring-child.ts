// For the life tests of the io_uring driver: a scenario in a process of its own, which ends as the
// scenario says. A read from an empty pipe is an operation that stays in flight for as long as the
// test wants. Lines of JSON on standard output tell what happened.

import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import type { IoDriver, IoMemory } from './driver.js';
import { openPipe } from './test-pipe.js';
import { ringDescriptors } from './test-uring.js';
import { createUringDriver } from './uring.js';
import { SharedRing } from './uring-ring.js';

const LARGE_BYTES = 64 * 1024 * 1024;
const TURNS_MAX = 200;

/** Collects garbage; the process is started with --expose-gc. */
declare const gc: () => void;

interface World {
  readonly directory: string;
  readonly driver: IoDriver;
  readonly ring: SharedRing;
}

const ringsAtStart = ringDescriptors();

function tell(what: unknown): void {
  fs.writeSync(1, `${JSON.stringify(what)}\n`);
}

function startWorld(directory: string, ringSize: number): World {
  return { directory, driver: createUringDriver({ ringSize }), ring: SharedRing.take(ringSize) };
}

/** Reads that never end, writes and syncs that are on their way. */
async function keepBusy(world: World, reads: number): Promise<void> {
  const pipe = openPipe(world.ring, world.directory);
  const log = await world.driver.open(`${world.directory}/log-${process.hrtime.bigint()}`, {
    access: 'write',
    create: 'if-missing',
    direct: false,
    mode: 0o600,
  });
  const memory = world.driver.memory(1024 * 1024);
  for (let index = 0; index < reads; index++) swallow(pipe.file.read(memory, index, 1, 0));
  for (let index = 0; index < 8; index++) {
    swallow(log.write(memory, 0, 1024 * 1024, index * 1024 * 1024, { dsync: index % 2 === 0 }));
  }
  swallow(log.sync());
}

/** Their fate is the end of this process. */
function swallow(promise: Promise<unknown>): void {
  promise.then(
    () => undefined,
    () => undefined,
  );
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Collects garbage until `reference` is gone; false when it does not go. */
async function collected(reference: WeakRef<object>): Promise<boolean> {
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    // A reference that was looked at holds for the rest of that turn.
    await turn();
    gc();
    if (reference.deref() === undefined) return true;
  }
  return false;
}

/** Collects until the resident set has shrunk by about that much; false when it does not. */
async function shrunk(fromBytes: number, byBytes: number): Promise<boolean> {
  for (let turns = 0; turns < TURNS_MAX; turns++) {
    gc();
    await turn();
    if (fromBytes - process.memoryUsage.rss() > 0.75 * byBytes) return true;
  }
  return false;
}

/** Starts a read into large memory and gives the memory up by `giveUp`, while it is in flight. */
async function memoryGoes(world: World, giveUp: (memory: IoMemory) => void): Promise<void> {
  const pipe = openPipe(world.ring, world.directory);
  const start = (): { read: Promise<number>; gone: WeakRef<object> } => {
    const memory = world.driver.memory(LARGE_BYTES);
    memory.bytes.fill(1);
    const read = pipe.file.read(memory, LARGE_BYTES - 4096, 5, 0);
    const gone = new WeakRef(memory);
    giveUp(memory);
    return { read, gone };
  };
  const { read, gone } = start();
  tell({ collected: await collected(gone) });
  const rss = process.memoryUsage.rss();
  tell({ kept: rss > LARGE_BYTES });
  fs.writeFileSync(pipe.path, 'hello');
  // EFAULT if the memory had gone.
  tell({ read: await read });
  tell({ freed: await shrunk(rss, LARGE_BYTES) });
}

/** Runs the scenario of that name in a worker of this file. */
function startWorker(world: World, scenario: string): Worker {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { scenario, directory: world.directory },
  });
  worker.on('error', (error) => tell({ workerError: String(error) }));
  return worker;
}

function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve) => worker.once('exit', resolve));
}

const scenarios: Record<string, (world: World) => Promise<void> | void> = {
  'idle, never closed': (world) => {
    world.driver.memory(4096);
  },
  closed: async (world) => {
    await world.driver.close();
    world.ring.leave();
    tell({ rings: ringDescriptors() - ringsAtStart });
  },
  'exit in flight': async (world) => {
    await keepBusy(world, 3);
    process.exit(7);
  },
  'exit with a queue': async (world) => {
    await keepBusy(startWorld(world.directory, 1), 50);
    process.exit(7);
  },
  'exit with busy workers': async (world) => {
    for (const scenario of ['worker: busy', 'worker: queued', 'worker: loop']) {
      await new Promise((resolve) => startWorker(world, scenario).once('message', resolve));
    }
    await keepBusy(world, 3);
    process.exit(7);
  },
  'uncaught exception in flight': async (world) => {
    await keepBusy(world, 3);
    setImmediate(() => {
      throw new Error('as planned');
    });
  },
  'signal in flight': async (world) => {
    await keepBusy(world, 3);
    process.kill(process.pid, 'SIGTERM');
  },
  'a throwing reaction': async (world) => {
    const pipe = openPipe(world.ring, world.directory);
    const read = pipe.file.read(world.driver.memory(4096), 0, 5, 0);
    process.once('uncaughtException', (error) => {
      tell({ caught: error.message });
    });
    fs.writeFileSync(pipe.path, 'hello');
    await read;
    process.nextTick(() => {
      throw new Error('as planned');
    });
    // The ring still serves afterwards.
    const again = pipe.file.read(world.driver.memory(4096), 0, 5, 0);
    fs.writeFileSync(pipe.path, 'again');
    tell({ read: await again });
  },
  'alive while pending': async (world) => {
    const pipe = openPipe(world.ring, world.directory);
    process.on('beforeExit', () => tell('idle'));
    const read = pipe.file.read(world.driver.memory(4096), 0, 5, 0);
    // The test writes into the pipe once it has seen this.
    tell('pending');
    tell({ read: await read });
  },
  'memory lost in flight': (world) => memoryGoes(world, () => undefined),
  'memory released in flight': (world) =>
    memoryGoes(world, (memory) => {
      memory.release();
      tell({ detached: memory.bytes.length });
    }),
  'memory lost': async (world) => {
    const start = (): WeakRef<object> => {
      const memory = world.driver.memory(LARGE_BYTES);
      memory.bytes.fill(1);
      return new WeakRef(memory);
    };
    const gone = start();
    const rss = process.memoryUsage.rss();
    tell({ collected: await collected(gone), freed: await shrunk(rss, LARGE_BYTES) });
  },
  'worker: busy': async (world) => {
    await keepBusy(world, 3);
    parentPort?.postMessage('busy');
  },
  'worker: queued': async (world) => {
    await keepBusy(startWorld(world.directory, 1), 50);
    parentPort?.postMessage('busy');
  },
  'worker: loop': async (world) => {
    const memory = world.driver.memory(65_536);
    const log = await world.driver.open(`${world.directory}/log`, {
      access: 'write',
      create: 'if-missing',
      direct: false,
      mode: 0o600,
    });
    parentPort?.postMessage('busy');
    for (let at = 0; ; at += 65_536) {
      await Promise.all([
        log.write(memory, 0, 65_536, at % 1_048_576, { dsync: true }),
        log.read(memory, 0, 4096, 0),
        log.sync(),
      ]);
    }
  },
  'worker: exit': async (world) => {
    await keepBusy(world, 3);
    process.exit(5);
  },
  'worker: throw': async (world) => {
    await keepBusy(world, 3);
    throw new Error('as planned');
  },
  'worker: idle': (world) => {
    world.driver.memory(4096);
  },
  'workers terminated in flight': async (world) => {
    for (const scenario of ['worker: busy', 'worker: queued', 'worker: loop']) {
      const worker = startWorker(world, scenario);
      await new Promise((resolve) => worker.once('message', resolve));
      tell({ [scenario]: await worker.terminate() });
    }
  },
  'workers end by themselves': async (world) => {
    for (const scenario of ['worker: idle', 'worker: exit', 'worker: throw']) {
      tell({ [scenario]: await exitOf(startWorker(world, scenario)) });
    }
  },
};

async function main(): Promise<void> {
  const data = workerData as { scenario: string; directory: string } | null;
  const name = isMainThread ? process.argv[2] : data?.scenario;
  const directory = isMainThread ? process.argv[3] : data?.directory;
  const scenario = name === undefined ? undefined : scenarios[name];
  if (scenario === undefined || directory === undefined) throw new Error(`no scenario '${name}'`);
  await scenario(startWorld(directory, 8));
}

await main();
