// classic-level (LevelDB) as a log: the puts of a tick go into one batch, { sync: true } in the
// durable rows.

import { join } from 'node:path';
import type { AppendLog, AppendTask, Contender, OpenContext, ReplayTask } from '../contender.js';
import { payload } from '../log-file.js';
import { joined } from './framing.js';
import { loadPeer } from './packages.js';
import { PendingBatch } from './pending-batch.js';

interface Put {
  type: 'put';
  key: Uint8Array;
  value: Uint8Array;
}

interface Iterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

interface Level {
  open(): Promise<void>;
  batch(operations: Put[], options: { sync: boolean }): Promise<void>;
  iterator(options: object): Iterator;
  close(): Promise<void>;
}

interface ClassicLevel {
  ClassicLevel: new (path: string, options: object) => Level;
}

const READ_COUNT = 1000;

export function level(): Contender {
  const { ClassicLevel } = loadPeer<ClassicLevel>('classic-level');
  const openAt = async (directory: string): Promise<Level> => {
    const database = new ClassicLevel(join(directory, 'log.level'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    await database.open();
    return database;
  };
  return {
    openLog: (task, context) => open(openAt, task, context),
    prepareReplay: async (task, directory) => {
      await fill(await openAt(directory), task);
    },
    replay: async (task, directory) => {
      const database = await openAt(directory);
      const iterator = database.iterator({ highWaterMarkBytes: 1 << 20 });
      let records = 0;
      let check = 0;
      for (;;) {
        const rows = await iterator.nextv(READ_COUNT);
        if (rows.length === 0) break;
        records += rows.length;
        for (const [, value] of rows) check += (value[0] ?? 0) + value.length - task.keyBytes;
      }
      await iterator.close();
      await database.close();
      return { records, check };
    },
  };
}

async function open(
  openAt: (directory: string) => Promise<Level>,
  task: AppendTask,
  context: OpenContext,
): Promise<AppendLog> {
  if (task.durability === 'disk') throw new Error('no way to sync once at the end');
  const database = await openAt(context.directory);
  const sync = task.durability === 'durable';
  const batch = new PendingBatch<Put>('tick', (puts) => database.batch(puts, { sync }));
  return {
    append: (sequence, key, value) => {
      return batch.add({ type: 'put', key: sequenceKey(sequence), value: joined(key, value) });
    },
    flush: () => Promise.resolve(),
    close: () => database.close(),
  };
}

/** Eight bytes, big-endian, so that keys sort as sequences do. */
function sequenceKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(sequence / 0x100000000), 0);
  key.writeUInt32BE(sequence >>> 0, 4);
  return key;
}

async function fill(database: Level, task: ReplayTask): Promise<void> {
  const { key, value } = payload(task);
  const record = joined(key, value);
  let puts: Put[] = [];
  for (let sequence = 1; sequence <= task.records; sequence++) {
    puts.push({ type: 'put', key: sequenceKey(sequence), value: record });
    if (puts.length < READ_COUNT && sequence < task.records) continue;
    await database.batch(puts, { sync: false });
    puts = [];
  }
  await database.close();
}
