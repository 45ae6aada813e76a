// The simulated driver: the seam of lib/io/driver.ts over a simulated disk. One instance is one
// process; it dies with kill() or powerCut(), after which nothing it promised ever settles, while
// the disk and the environment live on for the next one.
//
// Nothing happens by itself: whoever runs the world takes event after event (eligible, advance,
// runDeferred, fireTimer), each only after the microtask queue has drained.

import { WalError } from '../lib/errors.js';
import {
  type IoDriver,
  IoError,
  type IoFile,
  type IoLock,
  type IoMemory,
  type IoOpenOptions,
} from '../lib/io/driver.js';
import { SimDirectory } from './disk-directory.js';
import { SimInode } from './disk-file.js';
import { drawnSurvival } from './disk-survival.js';
import { SimFile } from './driver-file.js';
import { SimMemory } from './driver-memory.js';
import { asError, attempt, never } from './driver-promise.js';
import { OperationTable, type Settlement, type TouchedRange } from './driver-operation.js';
import type { SimEnvironment } from './environment.js';
import { LANE } from './choices.js';

/** What an operation does between issue and completion; throws an {@link IoError} to fail. */
export type Effect = () => void;

/** What else is known of an operation. */
export interface OperationDetails {
  readonly touches?: TouchedRange | undefined;
  /** Lands what a dying process leaves of it. */
  readonly abandon?: (() => void) | undefined;
  /** Runs when it completes, however it does. */
  readonly onEnd?: (() => void) | undefined;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** The processes that hold locks, by path of the lock; a dead one holds nothing. */
const holders = new WeakMap<SimInode, SimDriver>();

export class SimDriver implements IoDriver {
  readonly name = 'simulated';
  readonly fallbackReason = undefined;
  readonly environment: SimEnvironment;
  readonly operations: OperationTable;
  readonly openFiles = new Set<SimFile>();
  dead = false;
  locksHeld = 0;
  readonly #deferred: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  /** Called when there is something to do; for a world that runs by itself. */
  onWork: (() => void) | undefined;

  constructor(environment: SimEnvironment) {
    this.environment = environment;
    this.operations = new OperationTable(environment);
  }

  open(path: string, options: IoOpenOptions): Promise<IoFile> {
    const environment = this.environment;
    const failed = environment.draw('open') === 'open-error';
    if (failed) environment.fire('open-error', path);
    let inode: SimInode | undefined;
    let created = false;
    const openIt = (): void => {
      if (failed) throw new IoError('EMFILE', 'open', path);
      const existing = environment.disk.find(path);
      if (existing instanceof SimDirectory) throw new IoError('EISDIR', 'open', path);
      if (existing !== undefined && options.create === 'exclusive') {
        throw new IoError('EEXIST', 'open', path);
      }
      inode = existing;
      if (inode !== undefined) return;
      const { directory, name } = environment.disk.locate(path);
      if (options.create === 'never' || directory === undefined) {
        throw new IoError(environment.disk.missing(path), 'open', path);
      }
      inode = environment.disk.createFile(directory, name);
      created = true;
    };
    return this.run('open', path, [openIt], () => {
      if (inode === undefined) throw new IoError('EIO', 'open', path);
      if (options.direct && !environment.fileSystem.direct)
        environment.fire('direct-refused', path);
      const file = new SimFile(this, inode, path, options, created);
      this.openFiles.add(file);
      return file;
    });
  }

  lock(path: string): Promise<IoLock> {
    const lockPath = `${path}.lock`;
    const take = (): SimInode => {
      const { disk } = this.environment;
      const existing = disk.find(lockPath);
      const { directory, name } = disk.locate(lockPath);
      if (directory === undefined) throw new IoError(disk.missing(lockPath), 'open', lockPath);
      if (existing instanceof SimInode) {
        const holder = holders.get(existing);
        if (holder !== undefined && !holder.dead) {
          throw new WalError('ERR_WAL_LOCKED', `'${path}' is held by a simulated process`, {
            path,
          });
        }
        directory.unlink(name);
      }
      const inode = disk.createFile(directory, name);
      holders.set(inode, this);
      this.locksHeld += 1;
      return inode;
    };
    let inode: SimInode | undefined;
    return this.run('lock', path, [() => (inode = take())], () => this.#heldLock(lockPath, inode));
  }

  list(directory: string): Promise<string[]> {
    return this.#directoryWork('list', directory, [], () => {
      return [...this.#directoryAt('list', directory).entries.keys()].sort();
    });
  }

  makeDirectory(path: string): Promise<void> {
    const make = (): void => {
      const { disk } = this.environment;
      const existing = disk.find(path);
      if (existing instanceof SimDirectory) return;
      if (existing !== undefined) throw new IoError('EEXIST', 'mkdir', path);
      const { directory, name } = disk.locate(path);
      if (directory === undefined) throw new IoError('ENOENT', 'mkdir', path);
      directory.link(name, new SimDirectory());
    };
    return this.#directoryWork('mkdir', path, [make], () => undefined);
  }

  remove(path: string): Promise<void> {
    const unlink = (): void => {
      const { directory, name } = this.environment.disk.locate(path);
      const entry = directory?.entries.get(name);
      if (directory === undefined || entry === undefined)
        throw new IoError('ENOENT', 'unlink', path);
      if (entry instanceof SimDirectory) throw new IoError('EISDIR', 'unlink', path);
      directory.unlink(name);
    };
    return this.#directoryWork('unlink', path, [unlink], () => undefined);
  }

  rename(from: string, to: string): Promise<void> {
    const move = (): void => {
      const { disk } = this.environment;
      const source = disk.locate(from);
      const target = disk.locate(to);
      const entry = source.directory?.entries.get(source.name);
      if (source.directory === undefined || entry === undefined || target.directory === undefined) {
        throw new IoError('ENOENT', 'rename', from);
      }
      if (target.directory.entries.get(target.name) instanceof SimDirectory) {
        throw new IoError('EISDIR', 'rename', to);
      }
      if (source.directory === target.directory) {
        source.directory.rename(source.name, target.name, entry);
        return;
      }
      target.directory.link(target.name, entry);
      source.directory.unlink(source.name);
    };
    return this.#directoryWork('rename', from, [move], () => undefined);
  }

  syncDirectory(path: string): Promise<void> {
    const sync = (): void => {
      this.#directoryAt('fsync', path).sync();
    };
    return this.#directoryWork('syncDirectory', path, [sync], () => undefined);
  }

  memory(bytes: number): IoMemory {
    return new SimMemory(bytes, this.environment.arena);
  }

  now(): number {
    return this.environment.clock;
  }

  delay(ms: number, callback: () => void): () => void {
    const timer = { due: this.environment.clock + Math.max(ms, 0), callback };
    if (!this.dead) this.#timers.add(timer);
    this.onWork?.();
    return () => this.#timers.delete(timer);
  }

  defer(callback: () => void): void {
    if (this.dead) return;
    this.#deferred.push(callback);
    this.onWork?.();
  }

  close(): Promise<void> {
    return this.dead ? never() : Promise.resolve();
  }

  // What follows is for whoever runs the world.

  get timers(): number {
    return this.#timers.size;
  }

  /** Nothing in flight, deferred or timed. */
  isIdle(): boolean {
    return (
      this.operations.list.length === 0 && this.#deferred.length === 0 && this.#timers.size === 0
    );
  }

  /** Runs what was deferred; true when there was something. */
  runDeferred(): boolean {
    if (this.#deferred.length === 0) return false;
    for (const callback of this.#deferred.splice(0)) callback();
    return true;
  }

  /** Lets time pass up to the next timer, and fires it. */
  fireTimer(): void {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.due < first.due) first = timer;
    }
    if (first === undefined) return;
    this.#timers.delete(first);
    this.environment.clock = Math.max(this.environment.clock, first.due);
    first.callback();
  }

  /** The process dies; the page cache lives. What was in flight lands, partly or not at all. */
  kill(): void {
    for (const operation of this.operations.list) operation.abandon?.();
    this.#die();
  }

  /** The power goes: what survives of the unsynced is drawn. */
  powerCut(): void {
    const { choices, disk } = this.environment;
    const torn = (): boolean => {
      if (!this.environment.has('torn-sector') || !choices.chance(LANE.crash, 64)) return false;
      this.environment.fire('torn-sector');
      return true;
    };
    disk.powerCut(drawnSurvival(choices, torn));
    this.#die();
  }

  /**
   * Issues an operation: its effects, each an instant of its own, then its completion, which
   * settles the promise with `value()` or with what an effect or `value` threw.
   */
  run<T>(
    name: string,
    path: string,
    effects: readonly Effect[],
    value: () => T,
    more: OperationDetails = {},
  ): Promise<T> {
    if (this.dead) return never();
    return new Promise<T>((resolve, reject) => {
      let instant = 0;
      let failure: unknown;
      const next = (): Settlement | undefined => {
        const effect = failure === undefined ? effects[instant] : undefined;
        if (effect !== undefined) {
          instant += 1;
          operation.abandon = undefined;
          failure = attempt(effect);
          this.environment.landedSinceFault += 1;
          this.#noteInstant(instant === 1 ? 'applied' : 'durable', failure, id, name);
          return undefined;
        }
        return () => {
          let result: T | undefined;
          more.onEnd?.();
          failure ??= attempt(() => (result = value()));
          this.#noteEnd(failure, id, name, result);
          if (failure === undefined) resolve(result as T);
          else reject(asError(failure));
        };
      };
      const operation = this.operations.issue(name, path, next, more.touches, more.abandon);
      const { id } = operation;
      this.environment.note('issued', id, () => `${name} ${path}`);
      this.onWork?.();
    });
  }

  #noteInstant(kind: 'applied' | 'durable', failure: unknown, id: number, name: string): void {
    if (failure === undefined) this.environment.note(kind, id, () => name);
  }

  #noteEnd(failure: unknown, id: number, name: string, result: unknown): void {
    if (failure === undefined) {
      this.environment.note('done', id, () =>
        typeof result === 'number' ? `${name} → ${String(result)}` : name,
      );
    } else {
      this.environment.mix(7);
      this.environment.note('failed', id, () => `${name}: ${(failure as Error).message}`);
    }
  }

  #directoryWork<T>(
    name: string,
    path: string,
    effects: readonly Effect[],
    value: () => T,
  ): Promise<T> {
    const failed = this.dead ? undefined : this.environment.draw('directory');
    if (failed === undefined) return this.run(name, path, effects, value);
    this.environment.fire('directory-error', `${name} ${path}`);
    return this.run(name, path, [], () => {
      throw new IoError('EIO', name, path);
    });
  }

  #directoryAt(syscall: string, path: string): SimDirectory {
    const entry = this.environment.disk.find(path);
    if (entry instanceof SimDirectory) return entry;
    throw new IoError(entry === undefined ? 'ENOENT' : 'ENOTDIR', syscall, path);
  }

  #heldLock(lockPath: string, inode: SimInode | undefined): IoLock {
    let held = true;
    const release = (): Promise<void> => {
      if (!held) return this.dead ? never() : Promise.resolve();
      held = false;
      const unlink = (): void => {
        this.locksHeld -= 1;
        const { directory, name } = this.environment.disk.locate(lockPath);
        if (directory?.entries.get(name) === inode) directory?.unlink(name);
      };
      return this.run('unlock', lockPath, [unlink], () => undefined);
    };
    return { release };
  }

  #die(): void {
    this.dead = true;
    this.operations.list.length = 0;
    this.openFiles.clear();
    this.#deferred.length = 0;
    this.#timers.clear();
  }
}
