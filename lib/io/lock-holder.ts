// Who holds a lock: what a lock file says of its holder, and whether that holder still lives.
// All of it is synchronous: /proc/thread-self names the thread that asks, and a node:fs call of
// the pool would ask from another one.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';

/** What a lock file holds, as JSON. Unknown facts are empty strings or 0. */
export interface LockHolder {
  readonly version: 1;
  readonly pid: number;
  /** Start of the process in clock ticks since boot: tells it from a later one with its pid. */
  readonly started: string;
  /** Kernel id of the thread: a writer dies with its thread, which need not be its process. */
  readonly thread: number;
  readonly threadStarted: string;
  /** Changes with every boot. */
  readonly boot: string;
  /** Of the pid: another container's pids mean nothing here. */
  readonly namespace: string;
  readonly host: string;
  /** The holder keeps flock on the file's inode. */
  readonly flock: boolean;
  /** Random; never used twice, so that it names this very lock. */
  readonly nonce: string;
  /** ISO 8601, for people. */
  readonly since: string;
}

/** `dying`: killed, but some of its threads may still finish a system call. */
export type Life = 'alive' | 'dying' | 'gone' | 'unknown';

const NONCE_BYTES = 16;

/** This thread, about to hold a lock. */
export function describeSelf(flock: boolean): LockHolder {
  const { pid } = process;
  const thread = ownThread();
  return {
    version: 1,
    pid,
    started: thread === 0 ? '' : (statOf(`/proc/${String(pid)}/stat`)?.started ?? ''),
    thread,
    threadStarted: thread === 0 ? '' : (statOf(taskPath(pid, thread))?.started ?? ''),
    boot: readText('/proc/sys/kernel/random/boot_id'),
    namespace: readLink('/proc/self/ns/pid'),
    host: hostname(),
    flock,
    nonce: randomBytes(NONCE_BYTES).toString('hex'),
    since: new Date().toISOString(),
  };
}

/** The content of a lock file; undefined unless it is whole and well-formed. */
export function parseHolder(text: string): LockHolder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const facts = value as Partial<Record<keyof LockHolder, unknown>>;
  const strings = [facts.started, facts.threadStarted, facts.boot, facts.namespace, facts.host];
  const whole =
    facts.version === 1 &&
    Number.isSafeInteger(facts.pid) &&
    Number(facts.pid) > 0 &&
    Number.isSafeInteger(facts.thread) &&
    Number(facts.thread) >= 0 &&
    typeof facts.flock === 'boolean' &&
    typeof facts.since === 'string' &&
    typeof facts.nonce === 'string' &&
    /^[0-9a-f]{32}$/.test(facts.nonce) &&
    strings.every((each) => typeof each === 'string');
  return whole ? (value as LockHolder) : undefined;
}

/** Whether `holder` still lives, as far as `self` can see. */
export function lifeOf(holder: LockHolder, self: LockHolder): Life {
  if (holder.boot !== '' && self.boot !== '' && holder.boot !== self.boot) {
    // Another boot of this machine; or another machine, on a file system shared with it.
    return holder.host === self.host ? 'gone' : 'unknown';
  }
  if (holder.namespace !== self.namespace) return 'unknown';
  const found = self.thread === 0 ? undefined : statOf(`/proc/${String(holder.pid)}/stat`);
  if (found === undefined || holder.started === '') return lifeBySignal(holder.pid);
  if (found.started !== holder.started) return 'gone';
  if (found.dead) return lifeOfZombie(holder.pid);
  if (holder.thread === 0) return 'alive';
  const thread = statOf(taskPath(holder.pid, holder.thread));
  return thread?.started === holder.threadStarted && !thread.dead ? 'alive' : 'gone';
}

/** Where /proc does not show the process: it is hidden from us, or this is no Linux. */
function lifeBySignal(pid: number): Life {
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'alive';
  }
}

/** A killed process is a zombie once its first thread ended; others may still be in a write. */
function lifeOfZombie(pid: number): Life {
  try {
    const tasks = fs.readdirSync(`/proc/${String(pid)}/task`);
    const living = tasks.some((task) => statOf(taskPath(pid, Number(task)))?.dead === false);
    return living ? 'dying' : 'gone';
  } catch {
    return 'gone';
  }
}

/** Kernel id of this thread; 0 where /proc is missing or shows the pids of another namespace. */
function ownThread(): number {
  const match = /^(\d+)\/task\/(\d+)$/.exec(readLink('/proc/thread-self'));
  return match !== null && Number(match[1]) === process.pid ? Number(match[2]) : 0;
}

function taskPath(pid: number, thread: number): string {
  return `/proc/${String(pid)}/task/${String(thread)}/stat`;
}

/** State and start time (fields 3 and 22) of proc_pid_stat(5); undefined when there is none. */
function statOf(path: string): { readonly started: string; readonly dead: boolean } | undefined {
  const text = readText(path);
  // Field 2 is the program's name in brackets, which may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  if (state === undefined || started === undefined) return undefined;
  return { started, dead: state === 'Z' || state === 'X' };
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function readLink(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}
