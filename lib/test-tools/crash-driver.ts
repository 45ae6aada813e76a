// A driver for a process that dies: it counts what changes the disk, and from a chosen change on
// nothing happens any more. What was done before is on a real file system, for the next process.

import type {
  IoDriver,
  IoFile,
  IoLock,
  IoMemory,
  IoOpenOptions,
  IoWriteOptions,
} from '../io/driver.js';
import { IoError } from '../io/driver.js';

/** Wraps a driver that the test closes. */
export class CrashDriver implements IoDriver {
  readonly name;
  readonly fallbackReason;
  /** What was asked to change, in order: `rename wal_manifest.draft`. */
  readonly changes: string[] = [];
  readonly #inner: IoDriver;
  readonly #held: (() => Promise<void>)[] = [];
  #changesLeft: number;
  #isDead = false;

  /** Dies at change number `crashAt`, counted from 0; half of it is done if it is a write. */
  constructor(inner: IoDriver, crashAt = Infinity) {
    this.#inner = inner;
    this.#changesLeft = crashAt;
    this.name = inner.name;
    this.fallbackReason = inner.fallbackReason;
  }

  get hasCrashed(): boolean {
    return this.#isDead;
  }

  /** What the kernel does for a process that died: closes its files, gives up its locks. */
  async bury(): Promise<void> {
    this.#isDead = true;
    for (const end of this.#held.splice(0)) await end();
    await this.#inner.close();
  }

  /** Does a change, or dies of it. */
  change<T>(what: string, path: string, perform: () => Promise<T>, half = perform): Promise<T> {
    this.changes.push(`${what} ${path.slice(path.lastIndexOf('/') + 1)}`);
    if (this.#isDead) return dead(what, path);
    if (this.#changesLeft-- > 0) return perform();
    this.#isDead = true;
    return half === perform ? dead(what, path) : half().then(() => dead(what, path));
  }

  /** Does what changes nothing, while alive. */
  look<T>(what: string, path: string, perform: () => Promise<T>): Promise<T> {
    return this.#isDead ? dead(what, path) : perform();
  }

  async open(path: string, options: IoOpenOptions): Promise<IoFile> {
    const perform = (): Promise<IoFile> => this.#inner.open(path, options);
    const file = await (options.create === 'never'
      ? this.look('open', path, perform)
      : this.change('create', path, perform));
    this.#held.push(() => file.close());
    return new CrashFile(this, file);
  }

  async lock(path: string, mode?: number): Promise<IoLock> {
    const lock = await this.look('lock', path, () => this.#inner.lock(path, mode));
    this.#held.push(() => lock.release());
    return { release: () => this.look('unlock', path, () => lock.release()) };
  }

  list(directory: string): Promise<string[]> {
    return this.look('list', directory, () => this.#inner.list(directory));
  }

  makeDirectory(path: string): Promise<void> {
    return this.change('mkdir', path, () => this.#inner.makeDirectory(path));
  }

  remove(path: string): Promise<void> {
    return this.change('remove', path, () => this.#inner.remove(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.change('rename', from, () => this.#inner.rename(from, to));
  }

  syncDirectory(path: string): Promise<void> {
    return this.change('syncDirectory', path, () => this.#inner.syncDirectory(path));
  }

  memory(bytes: number): IoMemory {
    return this.#inner.memory(bytes);
  }

  now(): number {
    return this.#inner.now();
  }

  delay(ms: number, callback: () => void): () => void {
    return this.#inner.delay(ms, callback);
  }

  defer(callback: () => void): void {
    this.#inner.defer(callback);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class CrashFile implements IoFile {
  readonly path;
  readonly created;
  readonly direct;
  readonly honoursDsync;
  readonly pastCache;
  readonly #driver: CrashDriver;
  readonly #inner: IoFile;

  constructor(driver: CrashDriver, inner: IoFile) {
    this.#driver = driver;
    this.#inner = inner;
    this.path = inner.path;
    this.created = inner.created;
    this.direct = inner.direct;
    this.honoursDsync = inner.honoursDsync;
    this.pastCache = inner.pastCache;
  }

  write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: IoWriteOptions,
  ): Promise<number> {
    const perform = (bytes: number): Promise<number> =>
      this.#inner.write(memory, start, bytes, position, options);
    const unit =
      this.direct !== undefined && 'blockBytes' in this.direct ? this.direct.blockBytes : 1;
    const half = Math.floor(length / 2 / unit) * unit;
    const all = (): Promise<number> => perform(length);
    return this.#driver.change('write', this.path, all, () =>
      half === 0 ? Promise.resolve(0) : perform(half),
    );
  }

  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> {
    return this.#driver.look('read', this.path, () =>
      this.#inner.read(memory, start, length, position, options),
    );
  }

  sync(): Promise<void> {
    return this.#driver.change('sync', this.path, () => this.#inner.sync());
  }

  truncate(size: number): Promise<void> {
    return this.#driver.change('truncate', this.path, () => this.#inner.truncate(size));
  }

  allocate(position: number, length: number): Promise<void> {
    return this.#driver.change('allocate', this.path, () => this.#inner.allocate(position, length));
  }

  size(): Promise<number> {
    return this.#driver.look('size', this.path, () => this.#inner.size());
  }

  dropCache(): Promise<void> {
    return this.#inner.dropCache();
  }

  close(): Promise<void> {
    return this.#driver.look('close', this.path, () => this.#inner.close());
  }
}

function dead(what: string, path: string): Promise<never> {
  return Promise.reject(new IoError('EIO', what, path, { detail: 'the process is dead' }));
}
