// A file of the io_uring driver. It stands on up to two descriptors: one through the page cache and
// one past it (O_DIRECT), either of which may be the one of ordinary reads and writes.

import * as fs from 'node:fs';

import { assert } from '../errors.js';
import type { DirectDescriptor } from './direct.js';
import { IoError, type IoFile, type IoMemory, type IoWriteOptions } from './driver.js';
import { call, closeDescriptor } from './files.js';
import * as turn from './turn.js';
import { UringMemory } from './uring-memory.js';
import { describeErrno } from './uring-reason.js';
import type { SharedRing } from './uring-ring.js';

/** What a {@link UringFile} is made of; it owns the descriptors. */
export interface UringFileParts {
  readonly path: string;
  readonly created: boolean;
  readonly fd: number;
  readonly past: DirectDescriptor;
  /** Every write and read is to go past the page cache. */
  readonly direct: boolean;
  readonly honoursDsync: boolean;
  /** A small write into the page cache waits for no other process or machine: it is made at once. */
  readonly isLocal: boolean;
}

/** RWF_DSYNC of pwritev2(2). */
const RWF_DSYNC = 2;

/** Zeros are written in pieces of this many bytes, where there is no fallocate(2). */
const ZERO_BYTES = 1024 * 1024;

/** What an error tells of an operation that failed. */
interface Operation {
  readonly syscall: string;
  /** A failure proves that nothing was synced; undefined where its errno must be looked at. */
  readonly writeHalf?: boolean;
}

const READ: Operation = { syscall: 'read' };
const WRITE: Operation = { syscall: 'write', writeHalf: true };
const WRITE_DSYNC: Operation = { syscall: 'write' };
const SYNC: Operation = { syscall: 'fdatasync' };
const ALLOCATE: Operation = { syscall: 'fallocate' };

export class UringFile implements IoFile {
  readonly path: string;
  readonly created: boolean;
  readonly direct: IoFile['direct'];
  readonly honoursDsync: boolean;
  readonly pastCache: IoFile['pastCache'];
  writesAtOnce = 0;

  readonly #ring: SharedRing;
  /** The oldest: it is told of every failed writeback since the file was opened. */
  readonly #fd: number;
  readonly #pastFd: number | undefined;
  /** The descriptor of ordinary reads and writes: one of the two above. */
  readonly #mainFd: number;
  readonly #isLocal: boolean;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(ring: SharedRing, parts: UringFileParts) {
    const { past } = parts;
    this.#ring = ring;
    this.path = parts.path;
    this.created = parts.created;
    this.honoursDsync = parts.honoursDsync;
    this.#isLocal = parts.isLocal;
    this.#fd = parts.fd;
    this.#pastFd = 'refused' in past ? undefined : past.fd;
    this.#mainFd = parts.direct ? (this.#pastFd ?? parts.fd) : parts.fd;
    this.pastCache = 'refused' in past ? undefined : { unit: past.unit };
    if (!parts.direct) this.direct = undefined;
    else this.direct = 'refused' in past ? past : { blockBytes: past.unit };
  }

  write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: IoWriteOptions,
  ): Promise<number> {
    if (this.#unusable) return this.#refuse('write');
    if (options?.dsync !== true) return this.#write(memory, start, length, position, 0, WRITE);
    if (this.honoursDsync) {
      return this.#write(memory, start, length, position, RWF_DSYNC, WRITE_DSYNC);
    }
    // As one: between the two, close must not take the descriptor away.
    return this.#track('write', async () => {
      const count = await this.#write(memory, start, length, position, 0, WRITE);
      await this.#sync();
      return count;
    });
  }

  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> {
    if (this.#unusable) return this.#refuse('read');
    const fd = options?.pastCache === true ? this.#pastFd : this.#mainFd;
    if (fd === undefined) {
      const detail = 'no reads past the page cache on this file system';
      return Promise.reject(new IoError('EINVAL', 'read', this.path, { detail }));
    }
    const { addon, number } = this.#ring;
    const from = ownMemory(memory, start, length, position);
    if (fd === this.#pastFd && !this.#aligned(start, length, position))
      return this.#misaligned('read');
    return this.#wait(addon.ringRead(number, fd, from, start, length, position, 0, 0), READ);
  }

  sync(): Promise<void> {
    if (this.#unusable) return this.#refuse('fdatasync');
    return this.#sync();
  }

  truncate(size: number): Promise<void> {
    return this.#track('ftruncate', () =>
      call<void>('ftruncate', this.path, (done) => {
        fs.ftruncate(this.#fd, size, done as fs.NoParamCallback);
      }),
    );
  }

  allocate(position: number, length: number): Promise<void> {
    return this.#track('fallocate', async () => {
      const { addon, number } = this.#ring;
      try {
        await this.#wait(addon.ringAllocate(number, this.#fd, position, length), ALLOCATE);
      } catch (error) {
        if (!(error instanceof IoError) || error.code !== 'EOPNOTSUPP') throw error;
        await this.#writeZeros(position, position + length);
      }
    });
  }

  size(): Promise<number> {
    return this.#track('fstat', () => this.#size());
  }

  async dropCache(): Promise<void> {
    if (this.#unusable) return;
    const { addon, number } = this.#ring;
    try {
      await this.#wait(addon.ringDropCache(number, this.#fd), { syscall: 'fadvise' });
    } catch {
      // A hint: where the system has no use for it, nothing is lost.
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    const descriptors = [this.#fd, this.#pastFd].filter((fd) => fd !== undefined);
    const outcomes = await Promise.allSettled(
      descriptors.map((fd) => closeDescriptor(fd, this.path)),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    flags: number,
    operation: Operation,
  ): Promise<number> {
    const { addon, number } = this.#ring;
    const from = ownMemory(memory, start, length, position);
    if (this.#mainFd === this.#pastFd && !this.#aligned(start, length, position)) {
      return this.#misaligned('write');
    }
    const quick = this.#isLocal && this.#mainFd === this.#fd && flags === 0 ? 1 : 0;
    const fd = this.#mainFd;
    const started = addon.ringWrite(number, fd, from, start, length, position, flags, quick);
    if (started >= 0) this.writesAtOnce += 1;
    return this.#wait(started, operation);
  }

  #sync(): Promise<void> {
    const { addon, number } = this.#ring;
    return this.#wait(
      addon.ringSync(number, this.#fd, 1),
      SYNC,
    ) as Promise<unknown> as Promise<void>;
  }

  /** The promise of an operation just started: settled already when its result is there. */
  #wait(started: number, operation: Operation): Promise<number> {
    let complete: ((result: number) => void) | undefined;
    const completion = (result: number): void => {
      this.#leave();
      complete?.(result);
    };
    if (this.#ring.completed(started, completion)) {
      if (turn.isOverdue()) return this.#nextTurn(started, operation);
      return started >= 0
        ? Promise.resolve(started)
        : Promise.reject(this.#error(started, operation));
    }
    this.#inFlight += 1;
    return new Promise((resolve, reject) => {
      complete = (result) => {
        if (result >= 0) resolve(result);
        else reject(this.#error(result, operation));
      };
    });
  }

  /** Others in this thread have waited long enough: the result is there, but not told before. */
  #nextTurn(result: number, operation: Operation): Promise<number> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (result >= 0) resolve(result);
        else reject(this.#error(result, operation));
      });
    });
  }

  #error(result: number, operation: Operation): IoError {
    const { code, detail } = describeErrno(-result);
    // A file size limit is checked before anything is written, let alone synced.
    const writeHalf = operation.writeHalf ?? code === 'EFBIG';
    return new IoError(code, operation.syscall, this.path, { detail, writeHalf });
  }

  /** The kernel does not always notice: memory that is registered it may take as it is. */
  #aligned(start: number, length: number, position: number): boolean {
    const unit = this.pastCache?.unit ?? 1;
    return start % unit === 0 && length % unit === 0 && position % unit === 0;
  }

  #misaligned(syscall: string): Promise<number> {
    const detail = `past the page cache, all must be multiples of ${this.pastCache?.unit ?? 1}`;
    const writeHalf = syscall === 'write';
    return Promise.reject(new IoError('EINVAL', syscall, this.path, { detail, writeHalf }));
  }

  get #unusable(): boolean {
    return this.#closed !== undefined || this.#ring.closed;
  }

  #refuse<T>(syscall: string): Promise<T> {
    return Promise.reject(
      new IoError('EBADF', syscall, this.path, { detail: 'the file or its driver is closed' }),
    );
  }

  /** Counts what goes through node:fs, so that close waits for it. */
  async #track<T>(syscall: string, run: () => Promise<T>): Promise<T> {
    if (this.#unusable) return this.#refuse(syscall);
    this.#inFlight += 1;
    try {
      return await run();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  async #size(): Promise<number> {
    const stats = await call<fs.Stats>('fstat', this.path, (done) => {
      fs.fstat(this.#fd, done);
    });
    return stats.size;
  }

  /** Zeros from the present end, and not before `from`, up to `end`: they overwrite nothing. */
  async #writeZeros(from: number, end: number): Promise<void> {
    const memory = this.#ring.memory(ZERO_BYTES);
    const { addon, number } = this.#ring;
    try {
      let at = Math.max(from, await this.#size());
      while (at < end) {
        const length = Math.min(ZERO_BYTES, end - at);
        const count = await this.#wait(
          addon.ringWrite(number, this.#fd, memory.number, 0, length, at, 0, 0),
          ALLOCATE,
        );
        if (count === 0) throw new IoError('ENOSPC', 'fallocate', this.path);
        at += count;
      }
    } finally {
      memory.release();
    }
  }
}

/** The addon's number of the memory, once the range is known to be in it. */
function ownMemory(memory: IoMemory, start: number, length: number, position: number): number {
  assert(memory instanceof UringMemory, 'the memory is one of this driver');
  assert(start >= 0 && length >= 0, 'a range of memory starts and ends in order');
  assert(start + length <= memory.bytes.length, 'a range of memory ends within it');
  assert(Number.isSafeInteger(position) && position >= 0, 'a position is a safe integer');
  return memory.number;
}
