// For the tests of the lock protocol: lock files of holders that live or are gone, by hand.

import * as fs from 'node:fs';

import type { LockSystem, Placement, PreparedLock } from './lock-claim.js';
import { describeSelf, type LockHolder } from './lock-holder.js';

const patienceMs = { alive: 0, dying: 0, gone: 0, unknown: 0 };

/** Without flock. */
export const PLAIN: LockSystem = {
  tryFlock: undefined,
  link: fs.linkSync,
  patienceMs,
  mode: 0o600,
};

/** A holder that is gone: this pid, but of a process that started long ago. */
export function goneHolder(facts: Partial<LockHolder> = {}): LockHolder {
  return { ...describeSelf(false), started: '1', ...facts };
}

/** Writes a record as it is, whatever stands there. */
export function plant(path: string, holder: LockHolder): LockHolder {
  fs.writeFileSync(path, JSON.stringify(holder));
  return holder;
}

/** A record ready to be linked to `lockPath`; by default one of this thread. */
export function prepare(lockPath: string, holder: LockHolder = describeSelf(false)): PreparedLock {
  const path = `${lockPath}.${holder.nonce}.new`;
  plant(path, holder);
  return { path, holder };
}

/** The refusal that a placement is; throws when it is none. */
export function refusalOf(
  placement: Placement,
): Extract<Placement, { kind: 'refused' }>['refusal'] {
  if (placement.kind !== 'refused') throw new Error(`not refused but ${placement.kind}`);
  return placement.refusal;
}
