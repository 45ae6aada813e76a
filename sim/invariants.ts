// The promises of the library, by the names that failures, tables and docs use.

/** Each invariant with what it says, in one sentence. */
export const INVARIANTS = {
  'durable-survives': 'what was acknowledged as durable is replayed after any crash',
  'written-survives-kill': 'what was acknowledged as written is replayed after the process dies',
  'nothing-invented': 'replay returns only submitted entries, byte for byte',
  'order-without-gaps': 'an entry that is replayed has every acknowledged entry before it',
  'offsets-exact': 'offset and length of an append are where the reader finds the record',
  'crc-exact': 'the CRC of every record equals an independent computation',
  'no-swallowed-error': 'no append or flush resolves whose write or sync failed',
  'everything-settles': 'every promise settles, and close leaves nothing behind',
  'no-resurrection': 'a record that a trim or a recovery left out never returns',
  'recovery-idempotent': 'recovering again gives the same log, also after a crash inside recovery',
  'corruption-reported': 'damage to durable records is refused or reported, never dropped silently',
  'crash-is-not-corruption': 'without damage to the medium a default open succeeds after any crash',
  'buffer-unchanged-in-flight': 'bytes handed to the kernel do not change before its completion',
  'no-overlap-in-flight': 'no two operations in flight touch the same block',
  'memory-bounded': 'queued bytes never exceed the bound, or one record',
  'batch-is-atomic': 'an atomic batch is replayed whole or not at all',
  'follow-is-durable': 'a follower gets each durable entry once, in order, and no other',
  'lease-holds': 'a reader gets all that was there when it began, whatever is removed meanwhile',
  'one-writer': 'a second writer of the same log is refused',
  'files-bounded': 'a log has no more files than its hard limit, and one more for a checkpoint',
  'interval-kept': 'with a sync interval, what was written becomes durable within it',
} as const;

export type InvariantName = keyof typeof INVARIANTS;

/** Promises that only the segmented log makes. */
export const WAL_ONLY: ReadonlySet<InvariantName> = new Set([
  'batch-is-atomic',
  'follow-is-durable',
  'lease-holds',
  'one-writer',
  'files-bounded',
  'interval-kept',
]);

/** What a broken promise says, in a sentence. */
export function promiseOf(name: Violation['invariant']): string {
  return name === 'user-check' ? 'what the application itself checks' : INVARIANTS[name];
}

export const INVARIANT_NAMES = Object.keys(INVARIANTS) as InvariantName[];

/** Index of each invariant in a list of counts. */
export const INVARIANT_INDEX = Object.fromEntries(
  INVARIANT_NAMES.map((name, index) => [name, index]),
) as { readonly [name in InvariantName]: number };

/** A broken promise: which, and what was expected and found, in a sentence. */
export interface Violation {
  /** `user-check`: a check of the application whose workload ran. */
  readonly invariant: InvariantName | 'user-check';
  readonly message: string;
}

/**
 * Counts how often each invariant was checked, and keeps the first that was broken. It never
 * throws: a check may run inside a call that the library made, which would catch it.
 */
export class Checks {
  readonly counts: number[] = INVARIANT_NAMES.map(() => 0);
  violation: Violation | undefined;

  /** A check of the application failed. */
  fail(message: string): void {
    this.violation ??= { invariant: 'user-check', message };
  }

  that(holds: boolean, invariant: InvariantName, message: () => string): void {
    const index = INVARIANT_INDEX[invariant];
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    if (!holds) this.violation ??= { invariant, message: message() };
  }
}
