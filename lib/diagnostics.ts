// What the library tells whoever listens: channels of node:diagnostics_channel. Without listeners
// an event costs one look at a flag: no message is made.

import type { Channel } from 'node:diagnostics_channel';
import { channel } from 'node:diagnostics_channel';
import type { WalError } from './errors.js';
import type { IoDriverName } from './io/driver.js';

/**
 * A log was opened, ready for appends.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:open', (message) => {
 *   const { directIo, lastSequence } = message as OpenEvent;
 *   console.log(directIo, lastSequence); // → false 1n
 * });
 * await (await UringWalWriter.open('app.wal')).close();
 */
export interface OpenEvent {
  /** The log's file or directory, as in all events. */
  readonly path: string;
  /** What moves the bytes. */
  readonly driver: IoDriverName;
  /** Writes go past the page cache. */
  readonly directIo: boolean;
  /** Last sequence in the log; undefined while there is none. */
  readonly lastSequence: bigint | undefined;
}

/**
 * What opening found in a log and did about it; before {@link OpenEvent}.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:recovery', (message) => {
 *   const { records, bytes, bytesDiscarded } = message as RecoveryEvent;
 *   console.log(records, bytes, bytesDiscarded); // → 1n 37 0
 * });
 * await (await UringWalWriter.open('app.wal')).close();
 */
export interface RecoveryEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** Records kept (of a directory: entries), and their size in bytes. */
  readonly records: bigint;
  /** Size of what was kept, in bytes. */
  readonly bytes: number;
  /** Bytes cut off or set aside, why, and the files that keep a copy. */
  readonly bytesDiscarded: number;
  /** Why something was cut off or set aside; undefined when nothing was. */
  readonly reason: string | undefined;
  /** The files that keep a copy. */
  readonly quarantined: readonly string[];
}

/**
 * A batch of records was written, or a sync made durable what was written before it.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:commit', (message) => {
 *   const { kind, offset, bytes } = message as CommitEvent;
 *   if (kind === 'write') console.log(offset, bytes); // → 37 37
 * });
 * const writer = await UringWalWriter.open('app.wal');
 * await writer.append(WalEntry.put(2n, 'key', 'value'));
 * await writer.close();
 */
export interface CommitEvent {
  /** The file; in a directory, the segment's. */
  readonly path: string;
  /** What the disk did. */
  readonly kind: 'write' | 'sync';
  /** Where the bytes stand: what was written, or what the sync moved the durable end over. */
  readonly offset: number;
  /** How many bytes. */
  readonly bytes: number;
  /** The write was a dsync write (always false for a sync). */
  readonly dsync: boolean;
  /** From submission to completion, in milliseconds. */
  readonly durationMs: number;
}

/**
 * A directory went over to its next segment.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:rotate', (message) => {
 *   const { from, to, lastSequence } = message as RotateEvent;
 *   console.log(from, to, lastSequence); // → 1 2 1n
 * });
 * const wal = await Wal.open('app-wal');
 * await wal.rotate();
 * await wal.close();
 */
export interface RotateEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** Numbers of the segments. */
  readonly from: number;
  /** Number of the new segment. */
  readonly to: number;
  /** Last sequence of the sealed segment. */
  readonly lastSequence: bigint | undefined;
}

/**
 * Opening a log failed, or a write did: the log was cut to its last whole record and goes on.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:error', (message) => {
 *   const { path, error } = message as ErrorEvent;
 *   console.error(`${path} failed:`, error);
 *   console.log(error instanceof WalError && error.code); // → ERR_WAL_OPEN
 * });
 * await UringWalWriter.open('missing/app.wal').catch(() => undefined);
 */
export interface ErrorEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** A `WalError`; for misuse a TypeError or RangeError. */
  readonly error: unknown;
}

/**
 * The state of the disk is unknown: the log takes nothing more until it is reopened.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:poisoned', (message) => {
 *   const { path, error } = message as PoisonedEvent;
 *   console.error(`${path} must be reopened:`, error.message);
 * });
 */
export interface PoisonedEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** The first cause. */
  readonly error: WalError;
}

/**
 * io_uring was wanted (`driver: 'auto'`), and cannot be had.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:fallback', (message) => {
 *   const { path, reason } = message as FallbackEvent;
 *   console.warn(`${path} is written without io_uring:`, reason);
 * });
 */
export interface FallbackEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** The driver that was taken instead. */
  readonly driver: IoDriverName;
  /** Why io_uring cannot be had, in words. */
  readonly reason: string;
}

/**
 * A directory has more segments than `maxWalFiles`: checkpoint, then `truncateBefore`.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('uring-wal:warning', (message) => {
 *   const { segments } = message as WarningEvent;
 *   console.log(segments); // → 2
 * });
 * const wal = await Wal.open('app-wal', { maxWalFiles: 1 });
 * await wal.rotate();
 * await wal.close();
 */
export interface WarningEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** What `onWarning` is told. */
  readonly message: string;
  /** How many segments there are. */
  readonly segments: number;
}

/**
 * The message that each channel carries.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * function listen<Name extends keyof DiagnosticsEvents>(
 *   name: Name,
 *   listener: (event: DiagnosticsEvents[Name]) => void,
 * ): void {
 *   subscribe(name, (message) => listener(message as DiagnosticsEvents[Name]));
 * }
 * listen('uring-wal:recovery', ({ records }) => console.log(records)); // → 1n
 * await (await UringWalWriter.open('app.wal')).close();
 */
export interface DiagnosticsEvents {
  /** A log was opened. */
  'uring-wal:open': OpenEvent;
  /** What opening found. */
  'uring-wal:recovery': RecoveryEvent;
  /** A batch was written, or synced. */
  'uring-wal:commit': CommitEvent;
  /** The next segment began. */
  'uring-wal:rotate': RotateEvent;
  /** An open or a write failed. */
  'uring-wal:error': ErrorEvent;
  /** The log takes nothing more. */
  'uring-wal:poisoned': PoisonedEvent;
  /** The thread pool took the place of io_uring. */
  'uring-wal:fallback': FallbackEvent;
  /** There are more files than `maxWalFiles`. */
  'uring-wal:warning': WarningEvent;
}

/** A channel that is published to only while somebody listens. */
export class EventChannel<Event> {
  readonly #channel: Channel;

  constructor(name: keyof DiagnosticsEvents) {
    this.#channel = channel(name);
  }

  /** Whether to measure and make a message at all. */
  get isHeard(): boolean {
    return this.#channel.hasSubscribers;
  }

  /** `make` is called only when somebody listens. What a listener throws is none of our business. */
  publish(make: () => Event): void {
    if (this.#channel.hasSubscribers) this.#channel.publish(make());
  }
}

/** The library's channels. */
export const events = {
  open: new EventChannel<OpenEvent>('uring-wal:open'),
  recovery: new EventChannel<RecoveryEvent>('uring-wal:recovery'),
  commit: new EventChannel<CommitEvent>('uring-wal:commit'),
  rotate: new EventChannel<RotateEvent>('uring-wal:rotate'),
  error: new EventChannel<ErrorEvent>('uring-wal:error'),
  poisoned: new EventChannel<PoisonedEvent>('uring-wal:poisoned'),
  fallback: new EventChannel<FallbackEvent>('uring-wal:fallback'),
  warning: new EventChannel<WarningEvent>('uring-wal:warning'),
} as const;

/** Tells how opening a log went: a fallback first, then the recovery, then that it is open. */
export function publishOpened(
  path: string,
  driver: { readonly name: IoDriverName; readonly fallbackReason: string | undefined },
  opened: Omit<OpenEvent, 'path' | 'driver'>,
  recovery: () => Omit<RecoveryEvent, 'path'>,
): void {
  const { name, fallbackReason: reason } = driver;
  if (reason !== undefined) events.fallback.publish(() => ({ path, driver: name, reason }));
  events.recovery.publish(() => ({ path, ...recovery() }));
  events.open.publish(() => ({ path, driver: name, ...opened }));
}
