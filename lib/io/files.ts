// What every driver on a real kernel does alike through node:fs: opening without surprises,
// directory work, telling what a file system is known to honour, and errors as `IoError`.
// None of it is on the path of a write.

import * as fs from 'node:fs';

import { IoError, type IoOpenOptions } from './driver.js';

const { constants } = fs;

/** File systems known to sync the range of an O_DSYNC / RWF_DSYNC write, by `statfs` magic. */
const DSYNC_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
]);

/** Those whose page cache takes a small write without asking another process or machine first. */
const LOCAL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  ...DSYNC_FILE_SYSTEMS,
  0xf2f52010, // F2FS
  0x01021994, // tmpfs
  0x794c7630, // overlayfs, whose upper layer cannot be on a network
]);

/** How often opening races with others that create and remove the same name before it gives up. */
const OPEN_ATTEMPTS_MAX = 16;

/** A callback as node:fs takes it. */
type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** Runs one node:fs call; rejects with an {@link IoError}. */
export function call<T>(
  syscall: string,
  path: string,
  start: (callback: Callback<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(toIoError(error, syscall, path));
      else resolve(value);
    });
  });
}

/** An error of node:fs (or of anything with an errno name as `code`) as the seam's. */
export function toIoError(
  error: unknown,
  syscall: string,
  path: string,
  options: { readonly writeHalf?: boolean } = {},
): IoError {
  if (error instanceof IoError) return error;
  const facts = error as { code?: unknown; message?: unknown };
  const code = typeof facts.code === 'string' ? facts.code : 'EIO';
  const message = typeof facts.message === 'string' ? facts.message : undefined;
  const words = message === undefined ? undefined : /^E\w+: ([^,]+)/.exec(message)?.[1];
  return new IoError(code, syscall, path, { ...options, detail: words ?? message, cause: error });
}

/** The flags of open(2) for `options`, O_DIRECT and creation left out. libuv adds O_CLOEXEC. */
export function accessFlags(options: Pick<IoOpenOptions, 'access'>): number {
  return options.access === 'write' ? constants.O_RDWR : constants.O_RDONLY;
}

/**
 * O_CREAT | O_EXCL | O_NOFOLLOW: a name is only ever created, never followed.
 * `O_NOFOLLOW` is missing on Windows, where O_EXCL alone does it.
 */
export const CREATE_FLAGS: number =
  constants.O_CREAT | constants.O_EXCL | ((constants as Partial<typeof constants>).O_NOFOLLOW ?? 0);

/** O_DIRECT where the platform has it. */
export const DIRECT_FLAG: number | undefined = (constants as Partial<typeof constants>).O_DIRECT;

/** O_DSYNC where the platform has it. */
export const DSYNC_FLAG: number | undefined = (constants as Partial<typeof constants>).O_DSYNC;

/** A descriptor just opened, through the page cache; its owner closes it. */
export interface OpenedDescriptor {
  readonly fd: number;
  /** Whether this very call created the file. */
  readonly created: boolean;
}

/**
 * Opens a file through the page cache and tells for certain whether this call created it. O_DIRECT
 * is no part of it: open(2) may create a file and refuse O_DIRECT in one call; see {@link reopen}.
 * Rejects with `IoError`: EEXIST (`exclusive`), ENOENT, EISDIR, EINVAL (a pipe, socket or device), ELOOP
 * (creating would have to follow a symlink), and what open(2) says.
 */
export async function openDescriptor(
  path: string,
  options: Omit<IoOpenOptions, 'direct'>,
): Promise<OpenedDescriptor> {
  const access = accessFlags(options);
  for (let attempt = 0; attempt < OPEN_ATTEMPTS_MAX; attempt += 1) {
    if (options.create !== 'exclusive') {
      const fd = await openExisting(path, access);
      if (fd !== undefined) return { fd, created: false };
    }
    if (options.create === 'never') break;
    try {
      const flags = access | CREATE_FLAGS;
      const fd = await call<number>('open', path, (done) => {
        fs.open(path, flags, options.mode, done);
      });
      return { fd, created: true };
    } catch (error) {
      const exists = error instanceof IoError && error.code === 'EEXIST';
      if (!exists || options.create === 'exclusive') throw error;
    }
  }
  if (options.create === 'never') {
    throw new IoError('ENOENT', 'open', path, { detail: 'no such file or directory' });
  }
  throw new IoError('ELOOP', 'open', path, { detail: 'a symlink to nothing stands there' });
}

/** The descriptor, or undefined when nothing is there. */
async function openExisting(path: string, flags: number): Promise<number | undefined> {
  try {
    const stats = await call<fs.Stats>('open', path, (done) => {
      fs.stat(path, done);
    });
    if (stats.isDirectory()) {
      throw new IoError('EISDIR', 'open', path, { detail: 'illegal operation on a directory' });
    }
    // Opening a pipe would wait for its other end, and a device has no size to append at.
    if (!stats.isFile()) {
      throw new IoError('EINVAL', 'open', path, { detail: 'not a regular file' });
    }
    return await call<number>('open', path, (done) => {
      fs.open(path, flags, done);
    });
  } catch (error) {
    if (error instanceof IoError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * A second descriptor, with other flags, of the file behind `fd`, also after it was renamed. Rejects
 * with `IoError`, for example EINVAL when the file system refuses O_DIRECT.
 */
export async function reopen(fd: number, path: string, flags: number): Promise<number> {
  const byDescriptor = descriptorPath(fd);
  if (byDescriptor !== undefined) {
    return call<number>('open', path, (done) => {
      fs.open(byDescriptor, flags, done);
    });
  }
  const second = await call<number>('open', path, (done) => {
    fs.open(path, flags, done);
  });
  if (sameFile(fd, second)) return second;
  await closeDescriptor(second, path);
  throw new IoError('ESTALE', 'open', path, { detail: 'the name stands for another file now' });
}

function sameFile(first: number, second: number): boolean {
  const a = fs.fstatSync(first, { bigint: true });
  const b = fs.fstatSync(second, { bigint: true });
  return a.dev === b.dev && a.ino === b.ino;
}

/** A path that names the open file itself, whatever its name is now; only where /proc is there. */
function descriptorPath(fd: number): string | undefined {
  const path = `/proc/self/fd/${String(fd)}`;
  return process.platform === 'linux' && fs.existsSync(path) ? path : undefined;
}

/** Closes a descriptor. On Linux it is gone even when an error is told. */
export function closeDescriptor(fd: number, path: string): Promise<void> {
  return call<void>('close', path, (done) => {
    fs.close(fd, done);
  });
}

/** What a writer wants to know of a file system. */
interface FileSystemFacts {
  readonly honoursDsync: boolean;
  readonly isLocal: boolean;
}

const NOTHING_KNOWN: FileSystemFacts = { honoursDsync: false, isLocal: false };

/** What is known of the file system of an open file; of one to read, nobody asks. Never rejects. */
export async function fileSystemFacts(
  fd: number,
  access: IoOpenOptions['access'],
): Promise<FileSystemFacts> {
  const path = access === 'write' ? descriptorPath(fd) : undefined;
  if (path === undefined) return NOTHING_KNOWN;
  try {
    const { type } = await call<fs.StatsFs>('statfs', path, (done) => {
      fs.statfs(path, done);
    });
    // A 32-bit magic may come sign-extended.
    const magic = type >>> 0;
    return {
      honoursDsync: DSYNC_FILE_SYSTEMS.has(magic),
      isLocal: LOCAL_FILE_SYSTEMS.has(magic),
    };
  } catch {
    return NOTHING_KNOWN;
  }
}

/** Names in a directory, sorted by code unit. */
export async function listDirectory(directory: string): Promise<string[]> {
  const names = await call<string[]>('scandir', directory, (done) => {
    fs.readdir(directory, done);
  });
  return names.sort();
}

/** Creates one directory, mode 0o700; fine when a directory is there already. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await call<void>('mkdir', path, (done) => {
      fs.mkdir(path, 0o700, done as fs.NoParamCallback);
    });
  } catch (error) {
    if (!(error instanceof IoError) || error.code !== 'EEXIST') throw error;
    const stats = await call<fs.Stats>('mkdir', path, (done) => {
      fs.stat(path, done);
    });
    if (!stats.isDirectory()) throw error;
  }
}

/** Removes a file. */
export function removeFile(path: string): Promise<void> {
  return call<void>('unlink', path, (done) => {
    fs.unlink(path, done);
  });
}

/** Renames a file, replacing what is at `to`. */
export function renameFile(from: string, to: string): Promise<void> {
  return call<void>('rename', from, (done) => {
    fs.rename(from, to, done);
  });
}

/** Makes the names in a directory durable. Windows has no such call and needs none. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const fd = await call<number>('open', path, (done) => {
    fs.open(path, flags, done);
  });
  try {
    await call<void>('fsync', path, (done) => {
      fs.fsync(fd, done);
    });
  } catch (error) {
    // EINVAL: the file system (some FUSE and network ones) has no sync of directories.
    if (!(error instanceof IoError) || error.code !== 'EINVAL') throw error;
  } finally {
    await closeDescriptor(fd, path);
  }
}
