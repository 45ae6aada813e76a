// Values of options, from text to what they stand for. What is wrong is a UsageError.

import { didYouMean } from './suggest.js';

/** The drivers that can be asked for. */
export const DRIVERS = ['auto', 'uring', 'threadpool'] as const;
export type DriverName = (typeof DRIVERS)[number];

const SEQUENCE_MAX = 0xffff_ffff_ffff_ffffn;

/** The command line is wrong; `topic` is the command whose help fits. */
export class UsageError extends Error {
  readonly topic: string | undefined;
  constructor(message: string, topic?: string) {
    super(message);
    this.topic = topic;
  }
}

export type OptionTable = Readonly<
  Record<string, { readonly type: 'boolean' | 'string'; readonly short?: string }>
>;
export type OptionValue = string | boolean | undefined;
export type Values = Readonly<Record<string, OptionValue>>;

/** A number from 0 on; `what` it counts is for the complaint. */
export function toCount(
  value: OptionValue,
  option: string,
  what: string,
  topic: string,
): number | undefined {
  if (value === undefined) return undefined;
  const count = /^[0-9]+$/.test(String(value)) ? Number(value) : NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new UsageError(`${option} must be ${what}, 0 or more, not '${String(value)}'`, topic);
}

/** A sequence, 0 to 2^64 - 1. */
export function toSequence(value: OptionValue, option: string, topic: string): bigint | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  const sequence = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : SEQUENCE_MAX + 1n;
  if (sequence <= SEQUENCE_MAX) return sequence;
  throw new UsageError(`${option} must be a sequence, 0 to 2^64 - 1, not '${text}'`, topic);
}

/** Seconds, fractions allowed, more than 0 and at most `max`. */
export function toSeconds(
  value: OptionValue,
  option: string,
  max: number,
  topic: string,
): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^[0-9]+(\.[0-9]+)?$/.test(String(value)) ? Number(value) : NaN;
  if (seconds > 0 && seconds <= max) return seconds;
  const allowed = `seconds, more than 0 and at most ${String(max)}`;
  throw new UsageError(`${option} must be ${allowed}, not '${String(value)}'`, topic);
}

export function toDriver(value: OptionValue, topic: string): DriverName {
  if (value === undefined) return 'auto';
  for (const driver of DRIVERS) if (driver === value) return driver;
  const near = didYouMean(String(value), DRIVERS);
  const allowed = DRIVERS.join(', ');
  throw new UsageError(`unknown driver '${String(value)}'${near}: ${allowed} are allowed`, topic);
}
