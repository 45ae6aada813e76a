// A file of the thread-pool driver. One file may stand on several descriptors, since the flags of
// one cannot be had per operation from node:fs: the first goes through the page cache, another
// past it (O_DIRECT), and a third makes each write durable (O_DSYNC).

import * as fs from 'node:fs';

import { assert } from '../errors.js';
import type { DirectDescriptor } from './direct.js';
import { IoError, type IoFile, type IoMemory, type IoWriteOptions } from './driver.js';
import { call, closeDescriptor, DIRECT_FLAG, DSYNC_FLAG, reopen, toIoError } from './files.js';
import { WasmMemory } from './wasm-memory.js';

/** What a {@link ThreadpoolFile} is made of; it owns the descriptors. */
export interface ThreadpoolFileParts {
  readonly path: string;
  readonly created: boolean;
  readonly fd: number;
  readonly past: DirectDescriptor;
  /** Every write and read is to go past the page cache. */
  readonly direct: boolean;
  readonly honoursDsync: boolean;
}

/** What Linux moves by one call at most (MAX_RW_COUNT), in bytes; node:fs throws above 2^31 - 1. */
const CALL_BYTES_MAX = 0x7ffff000;

/** Zeros are written in pieces of this many bytes. */
const ZERO_BYTES = 1024 * 1024;
let zeros: Uint8Array | undefined;

/** Where in a memory, and where in the file; all in bytes. */
interface Span {
  readonly memory: IoMemory;
  readonly start: number;
  readonly length: number;
  readonly position: number;
}

export class ThreadpoolFile implements IoFile {
  readonly path: string;
  readonly created: boolean;
  readonly direct: IoFile['direct'];
  readonly honoursDsync: boolean;
  readonly pastCache: IoFile['pastCache'];

  readonly #fd: number;
  readonly #pastFd: number | undefined;
  /** The descriptor of ordinary reads and writes: one of the two above. */
  readonly #mainFd: number;
  /** Opened by the first dsync write; undefined inside when the system refuses it. */
  #dsyncFd: Promise<number | undefined> | undefined;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: ThreadpoolFileParts) {
    const { past } = parts;
    this.path = parts.path;
    this.created = parts.created;
    this.honoursDsync = parts.honoursDsync;
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
    const span = checkedSpan(memory, start, length, position);
    if (this.#mainFd === this.#pastFd && !this.#isAligned(span)) return this.#misaligned('write');
    return this.#track('write', memory, () =>
      options?.dsync === true ? this.#writeDsync(span) : this.#write(this.#mainFd, span, 'plain'),
    );
  }

  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> {
    const span = checkedSpan(memory, start, length, position);
    const fd = options?.pastCache === true ? this.#pastFd : this.#mainFd;
    if (fd === undefined) {
      const detail = 'no reads past the page cache on this file system';
      return Promise.reject(new IoError('EINVAL', 'read', this.path, { detail }));
    }
    if (fd === this.#pastFd && !this.#isAligned(span)) return this.#misaligned('read');
    return this.#track('read', memory, () =>
      call<number>('read', this.path, (done) => {
        const bytes = Math.min(length, CALL_BYTES_MAX);
        fs.read(fd, span.memory.bytes, start, bytes, position, done);
      }),
    );
  }

  /** The kernel does not always notice, for example at the end of the file. */
  #isAligned({ start, length, position }: Span): boolean {
    const unit = this.pastCache?.unit ?? 1;
    return start % unit === 0 && length % unit === 0 && position % unit === 0;
  }

  #misaligned(syscall: string): Promise<number> {
    const detail = `past the page cache, all must be multiples of ${String(this.pastCache?.unit)}`;
    const writeHalf = syscall === 'write';
    return Promise.reject(new IoError('EINVAL', syscall, this.path, { detail, writeHalf }));
  }

  sync(): Promise<void> {
    return this.#track('fdatasync', undefined, () => this.#sync());
  }

  truncate(size: number): Promise<void> {
    return this.#track('ftruncate', undefined, () =>
      call<void>('ftruncate', this.path, (done) => {
        fs.ftruncate(this.#fd, size, done as fs.NoParamCallback);
      }),
    );
  }

  allocate(position: number, length: number): Promise<void> {
    return this.#track('fallocate', undefined, () => this.#writeZeros(position, position + length));
  }

  size(): Promise<number> {
    return this.#track('fstat', undefined, () => this.#size());
  }

  /** A hint that node:fs has no call for. */
  dropCache(): Promise<void> {
    return Promise.resolve();
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
    const descriptors = [this.#fd, this.#pastFd, await this.#dsyncFd];
    const closings = descriptors.flatMap((fd) =>
      fd === undefined ? [] : [closeDescriptor(fd, this.path)],
    );
    const outcomes = await Promise.allSettled(closings);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Counts an operation, so that close waits for it and its memory is not handed out again. */
  async #track<T>(
    syscall: string,
    memory: IoMemory | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) {
      throw new IoError('EBADF', syscall, this.path, { detail: 'the file is closed' });
    }
    const held = memory instanceof WasmMemory ? memory : undefined;
    held?.hold();
    this.#inFlight += 1;
    try {
      return await run();
    } finally {
      held?.drop();
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#idle?.();
    }
  }

  /** `part` says what of a dsync write it is, if it is of any. */
  #write(fd: number, span: Span, part: 'plain' | 'whole' | 'half'): Promise<number> {
    return new Promise((resolve, reject) => {
      const { memory, start, position } = span;
      const length = Math.min(span.length, CALL_BYTES_MAX);
      fs.write(fd, memory.bytes, start, length, position, (error, count) => {
        if (error === null) resolve(count);
        else {
          // A file size limit is checked before anything is written, let alone synced.
          const writeHalf = part === 'half' || (part === 'whole' && error.code === 'EFBIG');
          reject(toIoError(error, 'write', this.path, { writeHalf }));
        }
      });
    });
  }

  async #writeDsync(span: Span): Promise<number> {
    const fd = this.honoursDsync ? await (this.#dsyncFd ??= this.#openDsync()) : undefined;
    if (fd !== undefined) return this.#write(fd, span, 'whole');
    const count = await this.#write(this.#mainFd, span, 'half');
    await this.#sync();
    return count;
  }

  /** Undefined when the system refuses, as after a change of user: then a sync follows the write. */
  async #openDsync(): Promise<number | undefined> {
    if (DSYNC_FLAG === undefined) return undefined;
    const direct = this.#mainFd === this.#pastFd ? (DIRECT_FLAG ?? 0) : 0;
    try {
      return await reopen(this.#fd, this.path, fs.constants.O_RDWR | DSYNC_FLAG | direct);
    } catch {
      return undefined;
    }
  }

  #sync(): Promise<void> {
    // Always the oldest descriptor: it is told of every failed writeback since the file was opened.
    return call<void>('fdatasync', this.path, (done) => {
      fs.fdatasync(this.#fd, done);
    });
  }

  async #size(): Promise<number> {
    const stats = await call<fs.Stats>('fstat', this.path, (done) => {
      fs.fstat(this.#fd, done);
    });
    return stats.size;
  }

  /** Zeros from the present end, and not before `from`, up to `end`: they overwrite nothing. */
  async #writeZeros(from: number, end: number): Promise<void> {
    zeros ??= new Uint8Array(ZERO_BYTES);
    const piece = zeros;
    let position = Math.max(from, await this.#size());
    while (position < end) {
      const length = Math.min(piece.length, end - position);
      const at = position;
      const count = await call<number>('fallocate', this.path, (done) => {
        fs.write(this.#fd, piece, 0, length, at, done);
      });
      if (count === 0) throw new IoError('ENOSPC', 'fallocate', this.path);
      position += count;
    }
  }
}

function checkedSpan(memory: IoMemory, start: number, length: number, position: number): Span {
  assert(start >= 0 && length >= 0, 'a range of memory starts and ends in order');
  assert(start + length <= memory.bytes.length, 'a range of memory ends within it');
  assert(Number.isSafeInteger(position) && position >= 0, 'a position is a safe integer');
  return { memory, start, length, position };
}
