// For the tests of the lock: a holder of locks in a process or worker thread of its own, which
// does as it is told by messages. A request that fails answers with the error's code and message.

import { workerData, parentPort } from 'node:worker_threads';

import { WalError } from '../errors.js';
import type { IoLock } from './driver.js';
import { acquireLock } from './lock-file.js';

export interface LockRequest {
  readonly id: number;
  readonly command: 'lock' | 'release' | 'pid';
  readonly path: string;
  /** Without it, flock is left out, as without the addon. */
  readonly flock: boolean;
  /** How long to wait for a holder that lives. */
  readonly patienceMs: number;
}

export interface LockAnswer {
  readonly id: number;
  readonly code: string;
  readonly message: string;
}

const locks = new Map<string, IoLock>();

async function carryOut(request: LockRequest): Promise<string> {
  const { command, path, flock, patienceMs } = request;
  switch (command) {
    case 'pid':
      return String(process.pid);
    case 'lock': {
      const patience = { alive: patienceMs, dying: 2000, gone: 2000, unknown: 50 };
      const plain = flock ? {} : { tryFlock: undefined };
      locks.set(path, await acquireLock(path, { patienceMs: patience, ...plain }));
      return 'locked';
    }
    case 'release':
      await locks.get(path)?.release();
      return 'released';
  }
}

function answer(message: LockAnswer): void {
  if (parentPort === null) process.send?.(message);
  else parentPort.postMessage(message);
}

function receive(request: LockRequest): void {
  carryOut(request).then(
    (message) => {
      answer({ id: request.id, code: 'OK', message });
    },
    (error: unknown) => {
      const code = error instanceof WalError ? error.code : 'other';
      answer({ id: request.id, code, message: String(error) });
    },
  );
}

// Imported for its types by the tests; at work only where a test started it.
if (parentPort !== null && workerData === 'lock-child') parentPort.on('message', receive);
else if (process.argv[2] === 'lock-child') process.on('message', receive);
