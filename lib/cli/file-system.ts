// What is known of file systems and disks: names by `statfs` magic, whether a sync there means
// anything, and what the device says of its write cache.

import { existsSync } from 'node:fs';
import { readFile, realpath, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lookUpFaithlessMount } from './mounts.js';

/** A kind of file system. `advice` says what is wrong with it for a log. */
export interface FileSystem {
  readonly name: string;
  /** `durable`: a sync is a promise. `depends`: on what is below. `none`: nothing survives. */
  readonly promise: 'durable' | 'depends' | 'none' | 'unknown';
  readonly advice?: string;
}

const NETWORK =
  'over a network a sync is not the promise that a log stands on; keep it on a local disk';

/** By magic number: see statfs(2) and linux/magic.h. */
const FILE_SYSTEMS: ReadonlyMap<number, FileSystem> = new Map<number, FileSystem>([
  [0xef53, { name: 'ext4', promise: 'durable' }],
  [0x58465342, { name: 'xfs', promise: 'durable' }],
  [0x9123683e, { name: 'btrfs', promise: 'durable' }],
  [0xf2f52010, { name: 'f2fs', promise: 'durable' }],
  [0x2fc12fc1, { name: 'zfs', promise: 'durable' }],
  [0xca451a4e, { name: 'bcachefs', promise: 'durable' }],
  [
    0x01021994,
    { name: 'tmpfs', promise: 'none', advice: 'it is memory: a reboot loses all; use a disk' },
  ],
  [
    0x858458f6,
    { name: 'ramfs', promise: 'none', advice: 'it is memory: a reboot loses all; use a disk' },
  ],
  [
    0x794c7630,
    {
      name: 'overlayfs',
      promise: 'depends',
      advice: "a container's own layer: it goes with the container; use a volume",
    },
  ],
  [0x6969, { name: 'nfs', promise: 'none', advice: NETWORK }],
  [0xff534d42, { name: 'cifs', promise: 'none', advice: NETWORK }],
  [0xfe534d42, { name: 'smb', promise: 'none', advice: NETWORK }],
  [0x00c36400, { name: 'ceph', promise: 'none', advice: NETWORK }],
  [0x01021997, { name: '9p', promise: 'none', advice: `a share of the host's files: ${NETWORK}` }],
  [
    0x65735546,
    {
      name: 'fuse',
      promise: 'depends',
      advice: 'a program in user space decides what a sync means; use a disk file system',
    },
  ],
]);

/** The file system with this magic number. */
export function fileSystemOf(magic: number): FileSystem {
  const number = magic >>> 0;
  const known = FILE_SYSTEMS.get(number);
  const advice = 'nothing is known of its syncs; ext4, XFS and Btrfs are known to keep them';
  return known ?? { name: `0x${number.toString(16)}`, promise: 'unknown', advice };
}

/** The file system at `path`, and how many bytes are free there. Rejects with the system's error. */
export async function lookUpFileSystem(
  path: string,
): Promise<{ readonly fileSystem: FileSystem; readonly freeBytes: number }> {
  const { type, bavail, bsize } = await statfs(path);
  const kind = fileSystemOf(type);
  const faithless = kind.promise === 'none' ? undefined : await lookUpFaithlessMount(path);
  const fileSystem: FileSystem =
    faithless === undefined ? kind : { name: kind.name, promise: 'none', advice: faithless };
  return { fileSystem, freeBytes: bavail * bsize };
}

/** What the block device under `path` says of its write cache; `root` stands for `/sys`. */
export async function lookUpWriteCache(
  path: string,
  root = '/sys',
): Promise<{ readonly device: string; readonly cache: string } | undefined> {
  try {
    const { dev } = await stat(path, { bigint: true });
    const link = join(root, 'dev', 'block', deviceNumbers(dev));
    if (!existsSync(link)) return undefined;
    const device = await realpath(link);
    // A partition has no queue of its own: that is its disk's.
    for (const place of [device, dirname(device)]) {
      const file = join(place, 'queue', 'write_cache');
      if (!existsSync(file)) continue;
      return {
        device: place.split('/').at(-1) ?? '',
        cache: (await readFile(file, 'utf8')).trim(),
      };
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** `major:minor` of a dev_t: see makedev(3). */
export function deviceNumbers(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${String(major)}:${String(minor)}`;
}
