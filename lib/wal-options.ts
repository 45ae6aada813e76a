// Options of the segmented log: those of a single file, and its own.

import type { ResolvedOptions, UringWalOptions } from './options.js';
import { resolveOptions } from './options.js';
import { RECORD_BYTES_MIN } from './record.js';
import type { RecoveryMode } from './recovery.js';

const MIB = 1024 * 1024;

/**
 * When an append of a `Wal` resolves: durable, written, or written with a sync every so often.
 *
 * @example
 * const sync: SyncPolicy = { intervalMs: 100 }; // a power cut may take the last tenth of a second
 * const wal = await Wal.open('app-wal', { sync });
 * await wal.put('key', 'value'); // written
 * await wal.close();
 */
export type SyncPolicy = 'always' | 'manual' | { readonly intervalMs: number };

/**
 * `salvage` cuts only the damaged file and keeps the ones behind it.
 *
 * @example
 * const recovery: WalRecoveryMode = 'salvage'; // only for a log that was refused as corrupt
 * const wal = await Wal.open('app-wal', { recovery });
 * console.log(wal.recovery.entriesCorrupted, wal.recovery.quarantined); // → 0n []
 * await wal.close();
 */
export type WalRecoveryMode = RecoveryMode | 'salvage';

/**
 * Options of `Wal.open`.
 *
 * @example
 * const onWarning = (message: string): void => console.warn(message);
 * const options: WalOptions = { maxWalFiles: 20, maxWalFilesHard: 100, onWarning };
 * const wal = await Wal.open('app-wal', options);
 * await wal.close();
 */
export interface WalOptions extends Omit<UringWalOptions, 'sync' | 'recovery'> {
  /** A file takes no record that makes it longer than this, in bytes: 4 KiB … 1 TiB. Default 64 MiB. */
  readonly maxFileSize?: number;
  /** More files than this is a warning, never a reason to delete one: 1 … 1000000. Default 10. */
  readonly maxWalFiles?: number;
  /**
   * An append that needs more files than this is refused with `ERR_WAL_FULL`: 1 … 1000000. Default:
   * no limit. `rotate` may make one more, so that there is room for a checkpoint in the log.
   */
  readonly maxWalFilesHard?: number;
  /** Default `always`. */
  readonly sync?: SyncPolicy;
  /** What to do about damage in the middle: refuse (`strict`, default), cut there, or `salvage`. */
  readonly recovery?: WalRecoveryMode;
  /** Read every segment at open, also those that the manifest vouches for. Default false. */
  readonly verifyAll?: boolean;
  /** Called now and then while recovery reads. */
  readonly onProgress?: (progress: RecoveryProgress) => void;
  /** Called when there are more than `maxWalFiles` files, once for each further one. */
  readonly onWarning?: (message: string) => void;
}

/**
 * How far recovery is, in bytes.
 *
 * @example
 * const onProgress = ({ bytesRead, bytesTotal }: RecoveryProgress): void => {
 *   console.error(`recovering: ${Math.round((100 * bytesRead) / bytesTotal)} %`);
 * };
 * const wal = await Wal.open('app-wal', { onProgress, verifyAll: true });
 * await wal.close();
 */
export interface RecoveryProgress {
  /** Bytes read so far. */
  readonly bytesRead: number;
  /** Bytes there are to read. */
  readonly bytesTotal: number;
}

/** Every option with its value. */
export interface ResolvedWalOptions {
  /** What a single file of the log is opened with. */
  readonly file: ResolvedOptions;
  /** As in {@link WalOptions}. */
  readonly maxFileSize: number;
  /** As in {@link WalOptions}. */
  readonly maxWalFiles: number;
  /** As in {@link WalOptions}. */
  readonly maxWalFilesHard: number;
  /** As in {@link WalOptions}. */
  readonly sync: SyncPolicy;
  /** As in {@link WalOptions}. */
  readonly recovery: WalRecoveryMode;
  /** As in {@link WalOptions}. */
  readonly verifyAll: boolean;
  /** As in {@link WalOptions}. */
  readonly onProgress: (progress: RecoveryProgress) => void;
  /** As in {@link WalOptions}. */
  readonly onWarning: (message: string) => void;
}

const FILES_MAX = 1000000;
const INTERVAL_MS_MAX = 3600000;
const OWN_OPTIONS = [
  ...['maxFileSize', 'maxWalFiles', 'maxWalFilesHard', 'sync', 'recovery', 'verifyAll'],
  ...['onProgress', 'onWarning'],
];
/** What a single file of the log takes, but for what the log decides itself. */
const FILE_OPTIONS = Object.keys(resolveOptions({})).filter(
  (name) => name !== 'sync' && name !== 'recovery',
);

/** The options with defaults filled in. Throws TypeError or RangeError that says what is allowed. */
export function resolveWalOptions(options: WalOptions): ResolvedWalOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object');
  }
  const { maxFileSize = 64 * MIB, maxWalFiles = 10, maxWalFilesHard = FILES_MAX } = options;
  const { sync = 'always', recovery = 'strict', verifyAll } = options;
  const { onProgress, onWarning } = options;
  const fileOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => !OWN_OPTIONS.includes(name)),
  );
  const unknown = Object.keys(fileOptions).find((name) => !FILE_OPTIONS.includes(name));
  if (unknown !== undefined) {
    const names = [...OWN_OPTIONS, ...FILE_OPTIONS].join(', ');
    throw new TypeError(`unknown option '${unknown}'; there are: ${names}`);
  }
  const file = resolveOptions(fileOptions);
  if (!['strict', 'trim', 'salvage'].includes(recovery)) {
    throw new TypeError(
      `recovery is ${String(recovery)}: 'strict', 'trim' or 'salvage' is allowed`,
    );
  }
  if (verifyAll !== undefined && typeof verifyAll !== 'boolean') {
    throw new TypeError('verifyAll must be true or false');
  }
  for (const [name, hook] of Object.entries({ onProgress, onWarning })) {
    if (hook !== undefined && typeof hook !== 'function') {
      throw new TypeError(`${name} must be a function`);
    }
  }
  return {
    file,
    maxFileSize: integer('maxFileSize', maxFileSize, 4096, MIB * MIB),
    maxWalFiles: integer('maxWalFiles', maxWalFiles, 1, FILES_MAX),
    maxWalFilesHard: integer('maxWalFilesHard', maxWalFilesHard, 1, FILES_MAX),
    sync: checkSync(sync),
    recovery,
    verifyAll: verifyAll ?? false,
    onProgress: onProgress ?? (() => undefined),
    onWarning: onWarning ?? (() => undefined),
  };
}

/** Size of the largest record that fits, in bytes. */
export function recordBytesMax(options: ResolvedWalOptions): number {
  return Math.max(RECORD_BYTES_MIN, Math.min(options.maxFileSize, options.file.maxRecordBytes));
}

function checkSync(sync: unknown): SyncPolicy {
  if (sync === 'always' || sync === 'manual') return sync;
  if (typeof sync === 'object' && sync !== null && 'intervalMs' in sync) {
    return { intervalMs: integer('sync.intervalMs', sync.intervalMs, 1, INTERVAL_MS_MAX) };
  }
  throw new TypeError("sync must be 'always', 'manual' or { intervalMs }");
}

function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, not ${typeof value}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    const allowed = `an integer from ${String(min)} to ${String(max)}`;
    throw new RangeError(`${name} is ${String(value)}: ${allowed} is allowed`);
  }
  return value;
}
