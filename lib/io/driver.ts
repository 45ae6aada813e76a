// The seam. Everything above it is pure logic over these interfaces; everything below it moves
// bytes and knows nothing of records. Three drivers stand below it (io_uring, thread pool,
// simulated), and one contract suite (lib/io/contract.ts) runs against all of them, so only what
// all of them honour belongs here.
//
// Results keep the kernel's honesty: a short write is a short count, an error is an errno, and
// nothing is retried below the seam. A promise of the seam always settles.

/**
 * Memory a driver can write from and read into: aligned, zero-filled, perhaps registered.
 *
 * @example
 * await simulate({
 *   state: () => undefined,
 *   run: async ({ driver }) => {
 *     const memory: IoMemory = driver.memory(1);
 *     if (memory.bytes.length !== MEMORY_ALIGNMENT) throw new Error('not rounded up');
 *     memory.release();
 *   },
 * }, { worlds: 10 });
 */
export interface IoMemory {
  /** The bytes; their address is a multiple of {@link MEMORY_ALIGNMENT}. */
  readonly bytes: Uint8Array;
  /**
   * Gives the memory back; `bytes` must not be touched afterwards. Safe while operations on it are
   * in flight: what the kernel may still touch lives until it has completed.
   */
  release(): void;
}

/**
 * Every {@link IoMemory} starts at a multiple of this and is a multiple of it long, in bytes.
 *
 * @example
 * console.log(MEMORY_ALIGNMENT); // → 4096
 */
export const MEMORY_ALIGNMENT = 4096;

/**
 * How to open a file.
 *
 * @example
 * const options: IoOpenOptions = { access: 'read', create: 'never', direct: false, mode: 0o600 };
 * await simulate({
 *   state: () => undefined,
 *   run: async ({ driver }) => {
 *     const error: unknown = await driver.open('/none', options).catch((cause) => cause);
 *     if (!(error instanceof IoError)) throw new Error('a file that is not there was opened');
 *   },
 * }, { worlds: 10 });
 */
export interface IoOpenOptions {
  /** `write`: for reading and writing. */
  readonly access: 'read' | 'write';
  /** `never`: ENOENT when missing. `if-missing`: created when missing. `exclusive`: EEXIST when there. */
  readonly create: 'never' | 'if-missing' | 'exclusive';
  /** Ask for O_DIRECT; whether it was granted is told by {@link IoFile.direct}. */
  readonly direct: boolean;
  /** Permission bits of a created file, for example 0o600. A last symlink is never followed at create. */
  readonly mode: number;
}

/**
 * An open regular file. Operations may be in flight together; the kernel orders none of them.
 *
 * @example
 * await simulate({
 *   state: () => ({ synced: false }),
 *   run: async ({ driver }, told) => {
 *     const options = { access: 'write', create: 'if-missing', direct: false, mode: 0o600 } as const;
 *     const file: IoFile = await driver.open('/data', options);
 *     const size = await file.size();
 *     if (told.synced && size === 0) throw new Error('what was synced is gone');
 *     const memory = driver.memory(MEMORY_ALIGNMENT);
 *     const written = await file.write(memory, 0, 512, 0);
 *     await file.sync();
 *     await driver.syncDirectory('/');
 *     if (written > 0) told.synced = true;
 *     memory.release();
 *     await file.close();
 *   },
 * }, { worlds: 100 });
 */
export interface IoFile {
  /** As it was given to open. */
  readonly path: string;
  /** Whether open created it. */
  readonly created: boolean;
  /**
   * Granted O_DIRECT: the unit, in bytes (a power of two, at most {@link MEMORY_ALIGNMENT}), of
   * which `position`, `start` and `length` of every write and read must be multiples, and why it
   * was refused otherwise.
   */
  readonly direct: { readonly blockBytes: number } | { readonly refused: string } | undefined;
  /** A dsync write is known to make its range durable on this file system (FACTS: by statfs magic). */
  readonly honoursDsync: boolean;
  /** Reads past the page cache are possible; `unit` is the alignment, in bytes, that they need. */
  readonly pastCache: { readonly unit: number } | undefined;
  /** How many writes had ended when `write` returned, where the driver can tell. */
  readonly writesAtOnce?: number;

  /**
   * Writes `length` bytes of `memory` from `start` at `position`; resolves to how many were
   * written, 0 … length. With `dsync` the written range (alone) is durable on return, with the
   * file size that it needs. The bytes must not change until it settles.
   */
  write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: IoWriteOptions,
  ): Promise<number>;
  /**
   * Reads up to `length` bytes; resolves to the count, 0 at the end of the file. With `pastCache`
   * dirty pages of the range are written back first and the bytes come from the device; all three
   * numbers must then be multiples of `pastCache.unit`.
   */
  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number>;
  /** fdatasync: every write completed before the call, and the file's size, becomes durable. */
  sync(): Promise<void>;
  /** Sets the size; what is beyond reads as zeros should the file grow again. Not durable by itself. */
  truncate(size: number): Promise<void>;
  /**
   * Reserves space: afterwards the size is at least `position + length`, what lay beyond the old
   * end reads as zeros, and writing there (not in holes below) cannot run out of space. Not durable
   * by itself.
   */
  allocate(position: number, length: number): Promise<void>;
  /** Current size in bytes. */
  size(): Promise<number>;
  /** Drops clean cached pages, so that later cached reads see the device. A hint; never fails. */
  dropCache(): Promise<void>;
  /** Waits for what is in flight, then closes. The second call is a no-op. */
  close(): Promise<void>;
}

/**
 * Options of a single write.
 *
 * @example
 * const options: IoWriteOptions = { dsync: true };
 * await simulate({
 *   state: () => undefined,
 *   run: async ({ driver }) => {
 *     const how = { access: 'write', create: 'if-missing', direct: false, mode: 0o600 } as const;
 *     const file = await driver.open('/data', how);
 *     const memory = driver.memory(MEMORY_ALIGNMENT);
 *     await file.write(memory, 0, 512, 0, options);
 *     memory.release();
 *     await file.close();
 *   },
 * }, { worlds: 10 });
 */
export interface IoWriteOptions {
  /** Make the written range durable, as {@link IoFile.write} says. */
  readonly dsync?: boolean;
}

/**
 * A held lock.
 *
 * @example
 * await simulate({
 *   state: () => undefined,
 *   run: async ({ driver }) => {
 *     const lock: IoLock = await driver.lock('/log');
 *     await lock.release();
 *   },
 * }, { worlds: 10 });
 */
export interface IoLock {
  /** Gives the lock up and removes its file. The second call is a no-op. */
  release(): Promise<void>;
}

/**
 * Which driver moves the bytes.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal', { driver: 'threadpool' });
 * const name: IoDriverName = writer.driver.name;
 * console.log(name); // → threadpool
 * await writer.close();
 */
export type IoDriverName = 'uring' | 'threadpool' | 'simulated';

/**
 * Opens files, does directory work, hands out memory, and is the only source of time.
 *
 * @example
 * async function lastSequence(driver: IoDriver): Promise<bigint | undefined> {
 *   await using writer = await UringWalWriter.open('/log', { driver });
 *   return writer.recovery.lastSequence;
 * }
 * await simulate({
 *   state: () => undefined,
 *   run: async ({ driver }) => {
 *     if ((await lastSequence(driver)) !== undefined) throw new Error('nothing was appended');
 *   },
 * }, { worlds: 10 });
 */
export interface IoDriver {
  /** Which driver it is. */
  readonly name: IoDriverName;
  /** Why this driver was taken and not a better one; undefined when it is the one that was asked for. */
  readonly fallbackReason: string | undefined;
  /** How much of a file to read at once, in bytes, where that is less than the usual MiB. */
  readonly readBytes?: number;

  /** Opens a regular file. Rejects with {@link IoError}. */
  /** Opens a regular file; anything else is EINVAL, a directory EISDIR. */
  open(path: string, options: IoOpenOptions): Promise<IoFile>;
  /**
   * Locks the log at `path` against every other writer, in this process and in others, by
   * `<path>.lock`, created with permission bits `mode` (default 0o600). Rejects with `WalError`
   * `ERR_WAL_LOCKED`, naming the holder where it is known.
   */
  lock(path: string, mode?: number): Promise<IoLock>;
  /** Names (no paths, no `.` and `..`) in a directory, sorted. */
  list(directory: string): Promise<string[]>;
  /** Creates one directory (mode 0o700); fine when it is there already. */
  makeDirectory(path: string): Promise<void>;
  /** Removes a file; durable once its directory is synced. */
  remove(path: string): Promise<void>;
  /** Renames within a file system, replacing what is at `to`. Durable by a directory sync only. */
  rename(from: string, to: string): Promise<void>;
  /** Makes creations, removals and renames in the directory durable. */
  syncDirectory(path: string): Promise<void>;

  /**
   * Aligned zeroed memory of at least `bytes` bytes, rounded up to {@link MEMORY_ALIGNMENT}. Throws
   * RangeError when there is none.
   */
  memory(bytes: number): IoMemory;

  /** Milliseconds, monotonic, from an arbitrary origin; fractions count. */
  now(): number;
  /** Calls back once after `ms` milliseconds, unless cancelled by the function returned. */
  delay(ms: number, callback: () => void): () => void;
  /** Calls back once, when the callers that are running now, and their microtasks, had their turn. */
  defer(callback: () => void): void;

  /** Gives up what the driver itself holds, once its files are closed. The second call is a no-op. */
  close(): Promise<void>;
}

/**
 * A failed operation of the seam: the kernel's errno, and what was being done.
 *
 * @example
 * const error: unknown = await UringWalWriter.open('missing/app.wal').catch((cause) => cause);
 * const cause = error instanceof WalError ? error.cause : undefined;
 * console.log(cause instanceof IoError && cause.code); // → ENOENT
 */
export class IoError extends Error {
  /** `IoError`. */
  override readonly name = 'IoError';
  /** The errno's name, for example `ENOSPC`. */
  readonly code: string;
  /** What failed, by the name of the system call or of its nearest kin. */
  readonly syscall: string;
  /** As it was given to open. */
  readonly path: string;
  /**
   * Of a failed dsync write: true when it is certain that the write half failed and no sync was
   * tried. Unset means unknown, which must be taken for a failed sync.
   */
  readonly writeHalf: boolean;

  /** `code` is the name of an errno. */
  constructor(code: string, syscall: string, path: string, options: IoErrorOptions = {}) {
    super(
      `${code}: ${options.detail ?? 'operation failed'}, ${syscall} '${path}'`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.syscall = syscall;
    this.path = path;
    this.writeHalf = options.writeHalf ?? false;
  }
}

/**
 * What else is known of a failed operation.
 *
 * @example
 * const options: IoErrorOptions = { detail: 'no space left on device' };
 * const { message } = new IoError('ENOSPC', 'write', 'app.wal', options);
 * console.log(message); // → ENOSPC: no space left on device, write 'app.wal'
 */
export interface IoErrorOptions {
  /** The system's words for the errno, for example `no space left on device`. */
  readonly detail?: string | undefined;
  /** As in {@link IoError.writeHalf}. */
  readonly writeHalf?: boolean;
  /** The failure behind this one. */
  readonly cause?: unknown;
}
