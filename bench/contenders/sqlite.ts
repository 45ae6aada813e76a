// better-sqlite3 as a log: WAL mode, a transaction per turn of the event loop. synchronous=FULL in
// the durable rows (every commit syncs the WAL); OFF in the written ones, which promises as much as
// ours there: it survives the death of the process.

import { join } from 'node:path';
import type { AppendLog, AppendTask, Contender, OpenContext, ReplayTask } from '../contender.js';
import { payload } from '../log-file.js';
import { loadPeer } from './packages.js';
import { PendingBatch } from './pending-batch.js';

interface Statement {
  run(...values: unknown[]): unknown;
  iterate(): Iterable<unknown[]>;
  raw(on: boolean): Statement;
}

interface Database {
  pragma(source: string): unknown;
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

type DatabaseConstructor = new (path: string) => Database;

const TABLE = 'CREATE TABLE log (sequence INTEGER PRIMARY KEY, key BLOB, value BLOB)';
const INSERT = 'INSERT INTO log VALUES (?, ?, ?)';

export function sqlite(): Contender {
  const Constructor = loadPeer<DatabaseConstructor>('better-sqlite3');
  return {
    openLog: (task, context) => Promise.resolve(open(Constructor, task, context)),
    prepareReplay: (task, directory) => {
      fill(Constructor, task, join(directory, 'log.sqlite'));
      return Promise.resolve();
    },
    replay: (_task, directory) => {
      const database = new Constructor(join(directory, 'log.sqlite'));
      let records = 0;
      let check = 0;
      const all = database.prepare('SELECT sequence, key, value FROM log ORDER BY sequence');
      for (const row of all.raw(true).iterate()) {
        const [, key, value] = row as [number, Uint8Array, Uint8Array];
        records++;
        check += (key[0] ?? 0) + value.length;
      }
      database.close();
      return Promise.resolve({ records, check });
    },
  };
}

function open(Constructor: DatabaseConstructor, task: AppendTask, context: OpenContext): AppendLog {
  const database = new Constructor(join(context.directory, 'log.sqlite'));
  database.pragma('journal_mode = WAL');
  database.pragma(`synchronous = ${task.durability === 'durable' ? 'FULL' : 'OFF'}`);
  database.exec(TABLE);
  const insert = database.prepare(INSERT);
  const begin = database.prepare('BEGIN');
  const commit = database.prepare('COMMIT');
  const batch = new PendingBatch<[number, Uint8Array, Uint8Array]>('turn', (rows) => {
    begin.run();
    for (const [sequence, key, value] of rows) insert.run(sequence, key, value);
    commit.run();
    return undefined;
  });
  return {
    append: (sequence, key, value) => batch.add([sequence, key, value]),
    flush: () => {
      database.pragma('wal_checkpoint(FULL)');
      return Promise.resolve();
    },
    close: () => {
      database.close();
      return Promise.resolve();
    },
  };
}

function fill(Constructor: DatabaseConstructor, task: ReplayTask, path: string): void {
  const { key, value } = payload(task);
  const database = new Constructor(path);
  database.pragma('synchronous = OFF');
  database.exec(TABLE);
  const insert = database.prepare(INSERT);
  database.exec('BEGIN');
  for (let sequence = 1; sequence <= task.records; sequence++) insert.run(sequence, key, value);
  database.exec('COMMIT');
  database.close();
}
