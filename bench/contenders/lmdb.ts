// lmdb as a log: keys are sequences; it batches the puts of a turn itself and commits on a thread
// of its own. overlappingSync is off, so that a put resolves when its commit is on disk; noSync in
// the written rows.

import { join } from 'node:path';
import type { AppendLog, Contender, ReplayTask } from '../contender.js';
import { payload } from '../log-file.js';
import { joined } from './framing.js';
import { loadPeer } from './packages.js';

interface Database {
  put(key: number, value: Uint8Array): Promise<boolean>;
  getRange(options: object): Iterable<{ key: number; value: Uint8Array }>;
  flushed: Promise<unknown>;
  close(): Promise<void>;
}

interface Lmdb {
  readonly open: (options: object) => Database;
}

/** Bytes of address space; far beyond what a trial writes. */
const MAP_BYTES = 16 * 2 ** 30;

export function lmdb(): Contender {
  const { open } = loadPeer<Lmdb>('lmdb');
  const openAt = (directory: string, noSync: boolean): Database =>
    open({
      path: join(directory, 'log.lmdb'),
      encoding: 'binary',
      keyEncoding: 'uint32',
      mapSize: MAP_BYTES,
      overlappingSync: false,
      noSync,
    });
  return {
    openLog: (task, context) => {
      if (task.durability === 'disk') throw new Error('no way to sync once at the end');
      return Promise.resolve(wrap(openAt(context.directory, task.durability !== 'durable')));
    },
    prepareReplay: async (task, directory) => {
      await fill(openAt(directory, true), task);
    },
    replay: async (task, directory) => {
      const database = openAt(directory, true);
      let records = 0;
      let check = 0;
      for (const { value } of database.getRange({})) {
        records++;
        check += (value[0] ?? 0) + value.length - task.keyBytes;
      }
      await database.close();
      return { records, check };
    },
  };
}

function wrap(database: Database): AppendLog {
  return {
    append: (sequence, key, value) => {
      return database.put(sequence, joined(key, value));
    },
    flush: () => Promise.resolve(),
    close: () => database.close(),
  };
}

async function fill(database: Database, task: ReplayTask): Promise<void> {
  const { key, value } = payload(task);
  const record = joined(key, value);
  let last: Promise<unknown> = Promise.resolve();
  for (let sequence = 1; sequence <= task.records; sequence++) {
    last = database.put(sequence, record);
    if (sequence % 50_000 === 0) await last;
  }
  await last;
  await database.close();
}
