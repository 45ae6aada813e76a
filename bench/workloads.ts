// What is measured, by whom, and what is to be reached. Targets are ratios to something measured in
// the same run, since only ratios travel between machines.

import type { Task, TrialResult } from './contender.js';

/** The figure that a workload's rows are about. */
export type Metric =
  /** Operations per second. */
  | 'rate'
  /** Bytes per second. */
  | 'throughput'
  /** Median latency of one append, µs. */
  | 'latency'
  /** Milliseconds from start to end. */
  | 'duration';

/** What ours is compared with. */
export type Yardstick =
  /** The best peer that does not block the event loop. */
  { readonly against: 'best-peer' } | { readonly against: 'contender'; readonly id: string };

/** Ours must be at least (or, of a latency, at most) `ratio` times the yardstick. */
export interface Target {
  readonly ratio: number;
  readonly yardstick: Yardstick;
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly task: Task;
  readonly metric: Metric;
  /** Ids of the catalogue, in table order: all that are measured by name or with --all. */
  readonly contenders: readonly string[];
  /** Those of a `--quick` run: ours, the yardsticks, the floor. */
  readonly quick?: readonly string[];
  readonly target?: Target;
  /** What a fast contender writes in a second: space is zeroed for it, and slices end with it. */
  readonly zeroedBytesPerSecond: number;
  /** In the default run, or only by name and with --all. */
  readonly tier: 'default' | 'extended';
}

const SMALL = { keyBytes: 16, valueBytes: 100 } as const;
const MIB = 2 ** 20;
const OURS = ['ours', 'ours-direct'] as const;
const HAND_MADE = ['group-commit', 'group-commit-sync'] as const;
const PACKAGES = ['better-sqlite3', 'lmdb', 'classic-level', 'sonic-boom'] as const;
const RECOVERING = ['ours', 'group-commit'];
const BEST_PEER = { against: 'best-peer' } as const;

function small(
  durability: 'durable' | 'written',
  callers: number,
  zeroedMibPerSecond: number,
  more: Pick<Workload, 'metric' | 'contenders' | 'quick'> & { target?: Target },
): Workload {
  return {
    name: `${durability}-${String(callers)}`,
    title: `${durability}, ${String(callers)} ${callers === 1 ? 'caller' : 'callers'}`,
    task: { kind: 'append', durability, callers, ...SMALL },
    zeroedBytesPerSecond: zeroedMibPerSecond * MIB,
    tier: 'default',
    ...more,
  };
}

function large(
  durability: 'durable' | 'disk',
  callers: number,
  [valueName, valueBytes]: readonly [string, number],
  more: Pick<Workload, 'contenders' | 'quick' | 'tier'> & { target?: Target },
): Workload {
  const words = durability === 'disk' ? 'written to disk' : 'durable';
  return {
    name: `${durability}-${valueName}`,
    title: `${valueName.replace('k', ' KiB').replace('m', ' MiB')} values, ${words}, ${String(callers)} callers`,
    task: { kind: 'append', durability, callers, keyBytes: SMALL.keyBytes, valueBytes },
    metric: 'throughput',
    zeroedBytesPerSecond: (durability === 'disk' ? 1600 : valueBytes === 4096 ? 768 : 1024) * MIB,
    ...more,
  };
}

function recover(name: string, logBytes: number, isQuick = false): Workload {
  return {
    name: `recover-${name}`,
    title: `open and recover a log of ${name.replace('m', ' MB').replace('g', ' GB')}`,
    task: { kind: 'recover', logBytes, ...SMALL },
    metric: 'duration',
    contenders: RECOVERING,
    ...(isQuick && { quick: RECOVERING }),
    zeroedBytesPerSecond: 0,
    tier: 'default',
  };
}

/** Calls that carry many records each, as one who imports or replicates makes them. */
function many(
  durability: 'durable' | 'written',
  zeroedMibPerSecond: number,
  contenders: readonly string[],
): Workload {
  const task = { kind: 'append', durability, callers: 4, recordsPerCall: 256, ...SMALL } as const;
  return {
    name: `${durability}-many`,
    title: `${durability}, 4 callers, 256 records a call`,
    task,
    metric: 'rate',
    contenders,
    zeroedBytesPerSecond: zeroedMibPerSecond * MIB,
    tier: 'extended',
  };
}

const HAND_MADE_DURABLE = ['group-commit', 'group-commit-direct', 'group-commit-sync'] as const;
const DURABLE = [...OURS, 'ours-zeroed', ...HAND_MADE_DURABLE, ...PACKAGES];
const WRITTEN = ['ours', ...HAND_MADE, 'write-stream', ...PACKAGES];
const TO_DISK = [...OURS, 'ours-zeroed', 'group-commit', 'write-stream', 'fio'];

export const WORKLOADS: readonly Workload[] = [
  small('durable', 1, 16, {
    quick: ['ours-zeroed', 'fio'],
    metric: 'latency',
    contenders: [...DURABLE, 'fio'],
    target: { ratio: 1.2, yardstick: { against: 'contender', id: 'fio' } },
  }),
  small('durable', 64, 128, {
    quick: ['ours', 'ours-zeroed', 'group-commit', 'group-commit-direct'],
    metric: 'rate',
    contenders: [...DURABLE, 'ours-threads'],
    target: { ratio: 1.4, yardstick: BEST_PEER },
  }),
  small('durable', 1024, 256, {
    quick: ['ours-direct', 'ours-zeroed', 'group-commit', 'group-commit-direct'],
    metric: 'rate',
    contenders: DURABLE,
    target: { ratio: 1.5, yardstick: BEST_PEER },
  }),
  small('written', 1, 64, {
    quick: ['ours', 'write-stream'],
    metric: 'rate',
    contenders: WRITTEN,
    target: { ratio: 5, yardstick: { against: 'contender', id: 'write-stream' } },
  }),
  small('written', 64, 320, { metric: 'rate', contenders: [...WRITTEN, 'ours-threads'] }),
  small('written', 1024, 384, {
    quick: ['ours', 'group-commit'],
    metric: 'rate',
    contenders: WRITTEN,
    target: { ratio: 1.3, yardstick: BEST_PEER },
  }),
  many('durable', 256, [...OURS, 'group-commit', 'better-sqlite3', 'classic-level']),
  many('written', 384, ['ours', 'group-commit', 'better-sqlite3', 'classic-level']),
  large('durable', 64, ['4k', 4096], {
    contenders: [
      ...OURS,
      'ours-zeroed',
      ...HAND_MADE_DURABLE,
      'better-sqlite3',
      'lmdb',
      'classic-level',
    ],
    tier: 'default',
  }),
  large('durable', 64, ['64k', 65536], {
    contenders: [...OURS, ...HAND_MADE_DURABLE, 'better-sqlite3', 'lmdb', 'classic-level'],
    tier: 'default',
  }),
  large('durable', 16, ['1m', MIB], {
    contenders: [...OURS, ...HAND_MADE_DURABLE, 'better-sqlite3', 'lmdb'],
    tier: 'default',
  }),
  large('disk', 64, ['4k', 4096], { contenders: TO_DISK, tier: 'extended' }),
  large('disk', 64, ['64k', 65536], {
    quick: ['ours-zeroed', 'fio'],
    contenders: TO_DISK,
    target: { ratio: 0.85, yardstick: { against: 'contender', id: 'fio' } },
    tier: 'default',
  }),
  large('disk', 16, ['1m', MIB], { contenders: TO_DISK, tier: 'default' }),
  {
    name: 'replay',
    title: 'replay of 200,000 records, checksums verified',
    task: { kind: 'replay', records: 200_000, ...SMALL },
    metric: 'rate',
    quick: ['ours', 'group-commit'],
    contenders: ['ours', 'ours-records', ...HAND_MADE, 'better-sqlite3', 'lmdb', 'classic-level'],
    target: { ratio: 1.4, yardstick: BEST_PEER },
    zeroedBytesPerSecond: 0,
    tier: 'default',
  },
  recover('1m', 1e6),
  recover('16m', 16e6, true),
  recover('128m', 128e6),
  recover('1g', 1e9),
];

/** Beyond these, databases and whoever blocks are measured by name or with --all. */
const WITH_EVERYBODY = ['durable-64', 'written-64'];
const FOR_SOME: readonly string[] = [...PACKAGES, 'group-commit-sync'];

/** What the default run measures of a workload. */
export function defaultContenders({ name, contenders }: Workload): readonly string[] {
  if (WITH_EVERYBODY.includes(name)) return contenders;
  return contenders.filter((id) => !FOR_SOME.includes(id));
}

/** Whether less is better. */
export function lowerIsBetter(metric: Metric): boolean {
  return metric === 'latency' || metric === 'duration';
}

/** The figure of one trial that the workload is about. */
export function metricOf(metric: Metric, result: TrialResult): number {
  switch (metric) {
    case 'rate':
      return result.operations / result.seconds;
    case 'throughput':
      return result.bytes / result.seconds;
    case 'latency':
      return result.p50Us ?? Number.NaN;
    case 'duration':
      return result.seconds * 1000;
  }
}
