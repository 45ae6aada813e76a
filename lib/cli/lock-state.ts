// Who holds a log's lock, read from its lock file; nothing is locked or changed for it.

import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors.js';
import { describeSelf, lifeOf, parseHolder } from '../io/lock-holder.js';
import type { Target } from './target.js';

/** What the lock file says. `stale` is one whose holder is gone: the next open takes it over. */
export interface LockState {
  readonly kind: 'free' | 'held' | 'stale' | 'unreadable';
  readonly pid?: number;
  readonly host?: string;
  /** ISO 8601. */
  readonly since?: string;
}

/** Reads the lock of a log. Never rejects. */
export async function readLockState({ kind, path }: Target): Promise<LockState> {
  let text: string;
  try {
    // The lock stands beside the file itself, whatever symlink leads to it.
    const lock = kind === 'file' ? `${await realpath(path)}.lock` : join(path, 'wal.lock');
    text = await readFile(lock, 'utf8');
  } catch (error) {
    return { kind: errnoOf(error) === 'ENOENT' ? 'free' : 'unreadable' };
  }
  const holder = parseHolder(text);
  if (holder === undefined) return { kind: 'unreadable' };
  const { pid, host, since } = holder;
  const isGone = lifeOf(holder, describeSelf(false)) === 'gone';
  return { kind: isGone ? 'stale' : 'held', pid, host, since };
}

/** For example `held by process 12 on host since 2026-01-01T00:00:00.000Z`. */
export function describeLock({ kind, pid, host, since }: LockState): string {
  if (pid === undefined) return kind === 'free' ? 'free' : 'there is a lock file nobody can read';
  const who = `process ${String(pid)} on ${host ?? '?'} since ${since ?? '?'}`;
  return kind === 'held' ? `held by ${who}` : `left behind by ${who}, which is gone`;
}
