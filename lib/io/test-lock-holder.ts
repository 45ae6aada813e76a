// The test's side of test-lock-child.ts: starts a holder of locks, asks it, ends it.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import type { LockAnswer, LockRequest } from './test-lock-child.js';

const CHILD = fileURLToPath(new URL('./test-lock-child.js', import.meta.url));

/** A process or thread that locks on request. */
export interface RemoteHolder {
  /** Resolves to the answer's code: `OK`, or the error's. */
  ask(
    command: LockRequest['command'],
    path: string,
    options?: { readonly flock?: boolean; readonly patienceMs?: number },
  ): Promise<LockAnswer>;
  /** Ends it without warning: SIGKILL, or `terminate()` of a thread. */
  kill(): Promise<void>;
}

export function startProcess(): RemoteHolder {
  return processHolder(fork(CHILD, ['lock-child'], { execArgv: [] }));
}

/** In a pid namespace of its own, as in a container; needs the privilege for it. */
export function startContainer(): RemoteHolder {
  const unshare = ['--pid', '--fork', '--mount-proc', '--kill-child=KILL'];
  const child = spawn('unshare', [...unshare, process.execPath, CHILD, 'lock-child'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return processHolder(child);
}

export function startThread(): RemoteHolder {
  const worker = new Worker(CHILD, { workerData: 'lock-child', execArgv: [] });
  return {
    ask: asker(
      (request) => {
        worker.postMessage(request);
      },
      (receive) => worker.on('message', receive),
      once(worker, 'exit'),
    ),
    kill: async () => {
      await worker.terminate();
    },
  };
}

function processHolder(child: ChildProcess): RemoteHolder {
  const exited = once(child, 'exit');
  return {
    ask: asker(
      (request) => child.send(request),
      (receive) => child.on('message', receive),
      exited,
    ),
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

function asker(
  send: (request: LockRequest) => void,
  listen: (receive: (answer: LockAnswer) => void) => void,
  ended: Promise<unknown>,
): RemoteHolder['ask'] {
  const waiting = new Map<number, (answer: LockAnswer) => void>();
  let last = 0;
  listen((answer) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const end = ended.then(() => {
    throw new Error('the holder ended before it answered');
  });
  end.catch(() => undefined);
  return (command, path, { flock = true, patienceMs = 20 } = {}) => {
    const id = (last += 1);
    const answered = new Promise<LockAnswer>((resolve) => {
      waiting.set(id, resolve);
    });
    send({ id, command, path, flock, patienceMs });
    return Promise.race([answered, end]);
  };
}
