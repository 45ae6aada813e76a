// sonic-boom (pino's writer): the appends of a tick, then one flush, which writes and fsyncs on the
// thread pool. Written rows wait for its drain event instead.

import { once, type EventEmitter } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { AppendLog, AppendTask, Contender, OpenContext } from '../contender.js';
import { framed } from './framing.js';
import { loadPeer } from './packages.js';
import { PendingBatch } from './pending-batch.js';

interface Sonic extends EventEmitter {
  fd: number;
  write(data: Uint8Array): boolean;
  flush(callback: (error?: Error | null) => void): void;
  end(): void;
}

type SonicConstructor = new (options: object) => Sonic;

/** Hold a whole tick's records for one write in the durable rows, where a flush always follows. */
const DURABLE_MIN_BYTES = 8 << 20;
const WRITE_BYTES_MAX = 16 << 20;

export function sonicBoom(): Contender {
  const Constructor = loadPeer<SonicConstructor>('sonic-boom');
  return { openLog: (task, context) => open(Constructor, task, context) };
}

async function open(
  Constructor: SonicConstructor,
  task: AppendTask,
  context: OpenContext,
): Promise<AppendLog> {
  const durable = task.durability === 'durable';
  const sonic = new Constructor({
    dest: join(context.directory, 'sonic.log'),
    contentMode: 'buffer',
    minLength: durable ? DURABLE_MIN_BYTES : 0,
    maxWrite: WRITE_BYTES_MAX,
  });
  await once(sonic, 'ready');
  const batch = new PendingBatch<Buffer>('tick', (records) => {
    for (const bytes of records) sonic.write(bytes);
    return durable ? flush(sonic) : once(sonic, 'drain');
  });
  return {
    append: (sequence, key, value) => batch.add(framed(sequence, key, value)),
    flush: () => {
      fs.fdatasyncSync(sonic.fd);
      return Promise.resolve();
    },
    close: async () => {
      sonic.end();
      await once(sonic, 'close');
    },
  };
}

function flush(sonic: Sonic): Promise<void> {
  return new Promise((resolve, reject) => {
    sonic.flush((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
