// On what the figures were measured: they say nothing without it.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { ROOT_DIRECTORY } from './paths.js';

export interface Environment {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
  readonly commit: string;
  readonly command: string;
  /** Load average of the last minute, when the run began. */
  readonly load: number;
}

/** Names of the statfs magics that one meets; others are told by number. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'XFS',
  0x9123683e: 'Btrfs',
  0x01021994: 'tmpfs',
  0x794c7630: 'overlayfs',
  0x65735546: 'FUSE',
  0x2fc12fc1: 'ZFS',
  0x6969: 'NFS',
  0xf2f52010: 'F2FS',
};

/** Above this a run is marked: somebody else was using the machine. */
const LOAD_PER_CORE_MAX = 0.35;

export function describeEnvironment(directory: string, commandArguments: string[]): Environment {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus[0]?.model.trim() ?? 'unknown CPU',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: fileSystemOf(directory),
    commit: commit(),
    command: [
      'npm run bench',
      ...(commandArguments.length > 0 ? ['--', ...commandArguments] : []),
    ].join(' '),
    load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Others at work on the machine make every figure doubtful: a line about it, or none. */
export function loadWarning({ load, cores }: Environment): string[] {
  if (load <= LOAD_PER_CORE_MAX * cores) return [];
  return [
    `WARNING: the load average was ${String(load)} on ${String(cores)} cores when the run began: ` +
      'somebody else was using the machine',
  ];
}

/** One line for titles and footers. */
export function environmentLine(environment: Environment): string {
  const { cpu, cores, kernel, node, fileSystem } = environment;
  return `${cpu}, ${String(cores)} cores · ${fileSystem} · ${kernel} · Node ${node}`;
}

function fileSystemOf(directory: string): string {
  const magic = fs.statfsSync(directory).type;
  return FILE_SYSTEMS[magic] ?? `file system 0x${magic.toString(16)}`;
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: ROOT_DIRECTORY, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') ? ' (modified)' : '')
    );
  } catch {
    return 'unknown';
  }
}
