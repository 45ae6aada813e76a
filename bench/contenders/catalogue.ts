// Every contender, in the order of the table, with what it lacks beside ours. Loading one is left
// to the trial that runs it: what is not installed is told in its row.

import type { Contender, ContenderFacts } from '../contender.js';
import type { OursOptions } from './uring-wal.js';

/** Facts, and how to load it; the floor (fio) is no process of ours and has no loader. */
export interface CatalogueEntry extends ContenderFacts {
  readonly load?: () => Promise<Contender>;
}

const OURS_DEFAULTS: OursOptions = {
  directIo: false,
  driver: 'auto',
  replayChunks: true,
  zeroedBefore: false,
};

const ours = (variant: Partial<OursOptions>) => () =>
  import('./uring-wal.js').then(({ uringWal }) => uringWal({ ...OURS_DEFAULTS, ...variant }));

const handMade = (blocking: boolean) => () =>
  import('./group-commit.js').then(({ groupCommit }) => groupCommit(blocking));

export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    id: 'ours',
    title: 'uring-wal',
    family: 'ours',
    blocks: false,
    lacks: '',
    load: ours({}),
  },
  {
    id: 'ours-direct',
    title: 'uring-wal, directIo',
    family: 'ours',
    blocks: false,
    lacks: '',
    load: ours({ directIo: true }),
  },
  {
    // What the hand-made peers get: space zeroed before the measured time, not during it.
    id: 'ours-zeroed',
    title: 'uring-wal, directIo, all zeroed ahead',
    family: 'ours',
    blocks: false,
    lacks: '',
    load: ours({ directIo: true, zeroedBefore: true }),
  },
  {
    id: 'ours-records',
    title: 'uring-wal, for await by record',
    family: 'ours',
    blocks: false,
    lacks: '',
    load: ours({ replayChunks: false }),
  },
  {
    id: 'ours-threads',
    title: 'uring-wal, thread-pool driver',
    family: 'ours',
    blocks: false,
    lacks: 'io_uring',
    load: ours({ driver: 'threadpool' }),
  },
  {
    id: 'group-commit',
    title: 'hand-made group commit, node:fs',
    family: 'peer',
    blocks: false,
    lacks: 'recovery, bounds, positions, lock',
    load: handMade(false),
  },
  {
    id: 'group-commit-direct',
    title: 'hand-made group commit, O_DIRECT',
    family: 'peer',
    blocks: false,
    lacks: 'recovery, bounds, positions, lock',
    load: () => import('./group-commit-direct.js').then((module) => module.groupCommitDirect()),
  },
  {
    id: 'group-commit-sync',
    title: 'hand-made group commit, fs.writeSync',
    family: 'peer',
    blocks: true,
    lacks: 'blocks the event loop; recovery, bounds, positions, lock',
    load: handMade(true),
  },
  {
    id: 'write-stream',
    title: 'fs.createWriteStream',
    family: 'peer',
    blocks: false,
    lacks: 'checksum, durability, recovery',
    load: () => import('./write-stream.js').then(({ writeStream }) => writeStream()),
  },
  {
    id: 'better-sqlite3',
    title: 'better-sqlite3, a transaction per tick',
    family: 'peer',
    blocks: true,
    lacks: 'blocks the event loop',
    requires: 'better-sqlite3',
    load: () => import('./sqlite.js').then(({ sqlite }) => sqlite()),
  },
  {
    id: 'lmdb',
    // LMDB has a hook for page checksums (mdb_env_set_checksum), which the package never sets.
    title: 'lmdb',
    family: 'peer',
    blocks: false,
    lacks: 'checksum',
    requires: 'lmdb',
    load: () => import('./lmdb.js').then(({ lmdb }) => lmdb()),
  },
  {
    id: 'classic-level',
    title: 'classic-level, a batch per tick',
    family: 'peer',
    blocks: false,
    lacks: '',
    requires: 'classic-level',
    load: () => import('./level.js').then(({ level }) => level()),
  },
  {
    id: 'sonic-boom',
    title: 'sonic-boom',
    family: 'peer',
    blocks: false,
    lacks: 'checksum, recovery',
    requires: 'sonic-boom',
    load: () => import('./sonic-boom.js').then(({ sonicBoom }) => sonicBoom()),
  },
  {
    id: 'fio',
    title: 'fio, io_uring (the floor)',
    family: 'floor',
    blocks: false,
    lacks: 'everything but the write',
  },
];

/** The entry of that id, which must exist. */
export function entryOf(id: string): CatalogueEntry {
  const entry = CATALOGUE.find((one) => one.id === id);
  if (entry === undefined) throw new Error(`no contender is called ${id}`);
  return entry;
}
