// What callers ask of a reading, checked before anything is read.

import { toBound } from './wal-item.js';

/**
 * What to read.
 *
 * @example
 * const until = new AbortController();
 * const options: WalReadOptions = { from: 1n, follow: true, signal: until.signal };
 * const wal = await Wal.open('app-wal');
 * for await (const { sequence } of wal.read(options)) {
 *   console.log(sequence); // → 1n
 *   break; // or until.abort() from elsewhere; without either it waits for more
 * }
 * await wal.close();
 */
export interface WalReadOptions {
  /** First sequence wanted. Default: the oldest in the log. */
  readonly from?: bigint | number;
  /** Last sequence wanted. Default: the last one written when reading starts. */
  readonly to?: bigint | number;
  /** Go on with new durable entries as they come, until `to`, an abort, or the log's close. */
  readonly follow?: boolean;
  /** Ends the reading: the iterator throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a reading wants, checked. */
export interface ReadBounds {
  readonly from: bigint;
  readonly to: bigint | undefined;
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
}

const READ_OPTIONS = ['from', 'to', 'follow', 'signal'];

/** Throws TypeError or RangeError that says what is wrong, and what is allowed. */
export function readBounds(options: WalReadOptions, names = READ_OPTIONS): ReadBounds {
  checkNames(options, names);
  const { from = 0n, to, follow = false, signal } = options;
  if (typeof follow !== 'boolean') throw new TypeError('follow must be true or false');
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal');
  }
  const last = to === undefined ? undefined : toBound(to, 'to');
  return { from: toBound(from, 'from'), to: last, follow, signal };
}

/** Throws TypeError for what is no object, or has an option of another name. */
function checkNames(options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('options must be an object');
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`unknown option '${unknown}'; there are: ${names.join(', ')}`);
}
