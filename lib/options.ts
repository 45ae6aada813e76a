// The writer's options: defaults, allowed ranges, and the checks that come before anything else.

import type { DriverChoice } from './io/select.js';
import { RECORD_BYTES_MIN } from './record.js';
import type { RecoveryMode } from './recovery.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/**
 * Options of `UringWalWriter.open`; the first four are AmateRS's, with its defaults.
 *
 * @example
 * const options: UringWalOptions = { sync: true, directIo: true, batchSize: 256 * 1024 };
 * const writer = await UringWalWriter.open('app.wal', options);
 * await writer.append(WalEntry.put(2n, 'key', 'value')); // durable
 * await writer.close();
 */
export interface UringWalOptions {
  /** Entries of the submission ring: a power of two, 1 … 32768. Default 128. */
  readonly ringSize?: number;
  /** Bytes of records that one write carries, 1 … 1 GiB; a larger record goes alone. Default 64 KiB. */
  readonly batchSize?: number;
  /** Write with O_DIRECT, past the page cache, where the file system can. Default false. */
  readonly directIo?: boolean;
  /** Records that may be queued or in flight, 1 … 16777216; further appends wait. Default 1024. */
  readonly channelCapacity?: number;
  /** Bytes that may be queued or in flight, 1 … 64 GiB; a larger record is admitted alone. Default 32 MiB. */
  readonly queueBytesMax?: number;
  /** Appends that may wait for the queue, 0 … 16777216; beyond, they reject. Default 65536. */
  readonly waitersMax?: number;
  /** Size of the largest record, in bytes, that `append` takes: 29 … 2 GiB - 4 KiB. Default 128 MiB. */
  readonly maxRecordBytes?: number;
  /**
   * Bytes zeroed ahead of the log while it is synced, 0 (off) … 1 GiB; with `directIo` once in any
   * case. Default 1 MiB.
   */
  readonly preallocateBytes?: number;
  /** What `append` does without `{ sync }` of its own: true resolves when durable. Default false. */
  readonly sync?: boolean;
  /** What moves the bytes. Default `auto`: io_uring, or the thread pool where that is refused. */
  readonly driver?: DriverChoice;
  /** What to do when the log is damaged in the middle: refuse, or cut there. Default `strict`. */
  readonly recovery?: RecoveryMode;
  /** Permission bits of a created log, 0 … 0o777. Default 0o600. */
  readonly mode?: number;
}

/**
 * Every option with its value.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * const { ringSize, batchSize }: ResolvedOptions = writer.options;
 * console.log(ringSize, batchSize); // → 128 65536
 * await writer.close();
 */
export type ResolvedOptions = Required<UringWalOptions>;

/** An integer option: default, least and most that is allowed. */
const INTEGERS = {
  ringSize: [128, 1, 32768],
  batchSize: [64 * KIB, 1, GIB],
  channelCapacity: [1024, 1, 16777216],
  queueBytesMax: [32 * MIB, 1, 64 * GIB],
  waitersMax: [65536, 0, 16777216],
  maxRecordBytes: [128 * MIB, RECORD_BYTES_MIN, 2 * GIB - 4 * KIB],
  preallocateBytes: [MIB, 0, GIB],
  mode: [0o600, 0, 0o777],
} as const;

const BOOLEANS = ['directIo', 'sync'] as const;
const RECOVERY_MODES: readonly unknown[] = ['strict', 'trim'];
const NAMES: readonly string[] = [...Object.keys(INTEGERS), ...BOOLEANS, 'driver', 'recovery'];

/** Throws TypeError for what cannot be the name of a file. */
export function checkPath(path: unknown): asserts path is string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError('path must be the name of a file');
  }
}

/** Throws TypeError for what is no object of options, or has one that is not in `names`. */
export function checkNames(options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object');
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`unknown option '${unknown}'; there are: ${names.join(', ')}`);
  }
}

/** The options with defaults filled in. Throws TypeError or RangeError that says what is allowed. */
export function resolveOptions(options: UringWalOptions): ResolvedOptions {
  checkNames(options, NAMES);
  const { recovery = 'strict', driver = 'auto' } = options;
  if (!RECOVERY_MODES.includes(recovery)) {
    throw new TypeError(`recovery is ${String(recovery)}: 'strict' or 'trim' is allowed`);
  }
  for (const name of BOOLEANS) {
    if (!['undefined', 'boolean'].includes(typeof options[name])) {
      throw new TypeError(`${name} is ${String(options[name])}: true or false is allowed`);
    }
  }
  const ringSize = integer(options, 'ringSize');
  if ((ringSize & (ringSize - 1)) !== 0) {
    throw new RangeError(`ringSize is ${String(ringSize)}: a power of two, 1 to 32768, is allowed`);
  }
  return {
    ringSize,
    batchSize: integer(options, 'batchSize'),
    channelCapacity: integer(options, 'channelCapacity'),
    queueBytesMax: integer(options, 'queueBytesMax'),
    waitersMax: integer(options, 'waitersMax'),
    maxRecordBytes: integer(options, 'maxRecordBytes'),
    preallocateBytes: integer(options, 'preallocateBytes'),
    mode: integer(options, 'mode'),
    directIo: options.directIo ?? false,
    sync: options.sync ?? false,
    driver,
    recovery,
  };
}

function integer(options: UringWalOptions, name: keyof typeof INTEGERS): number {
  const [fallback, min, max] = INTEGERS[name];
  const { [name]: value = fallback } = options as Record<string, unknown>;
  if (typeof value !== 'number') {
    throw new TypeError(`${name} is ${String(value)}: a number is allowed`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    const allowed = `an integer from ${String(min)} to ${String(max)}`;
    throw new RangeError(`${name} is ${String(value)}: ${allowed} is allowed`);
  }
  return value;
}
