// What the library tells whoever listens: channels of node:diagnostics_channel. Without listeners
// an event costs one look at a flag: no message is made.

import type { Channel } from 'node:diagnostics_channel';
import { channel } from 'node:diagnostics_channel';
import type { WalError } from './errors.js';
import type { IoDriverName } from './io/driver.js';

/** A log was opened, ready for appends. */
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

/** What opening found in a log and did about it; before {@link OpenEvent}. */
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

/** A batch of records was written, or a sync made durable what was written before it. */
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

/** A directory went over to its next segment. */
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

/** Opening a log failed, or a write did: the log was cut to its last whole record and goes on. */
export interface ErrorEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** A `WalError`; for misuse a TypeError or RangeError. */
  readonly error: unknown;
}

/** The state of the disk is unknown: the log takes nothing more until it is reopened. */
export interface PoisonedEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** The first cause. */
  readonly error: WalError;
}

/** io_uring was wanted (`driver: 'auto'`), and cannot be had. */
export interface FallbackEvent {
  /** As in {@link OpenEvent}. */
  readonly path: string;
  /** The driver that was taken instead. */
  readonly driver: IoDriverName;
  /** Why io_uring cannot be had, in words. */
  readonly reason: string;
}

/** The message that each channel carries. */
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
