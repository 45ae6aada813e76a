// An open file of the simulated driver: turns calls of the seam into operations with effects on an
// inode, and lets the faults of the world strike them.

import {
  type IoFile,
  IoError,
  type IoMemory,
  type IoOpenOptions,
  type IoWriteOptions,
} from '../lib/io/driver.js';
import { LANE } from './choices.js';
import type { SimInode } from './disk-file.js';
import type { Effect, OperationDetails, SimDriver } from './driver.js';
import type { TouchedRange } from './driver-operation.js';
import { SimMemory } from './driver-memory.js';
import { failSyncOf, syncFile, tellFailedWriteback } from './driver-sync.js';
import { type WriteFate, drawWriteFate } from './driver-write.js';
import { BLOCK_BYTES, SECTOR_BYTES } from './profile.js';

export class SimFile implements IoFile {
  readonly path: string;
  readonly created: boolean;
  readonly direct: IoFile['direct'];
  readonly honoursDsync: boolean;
  readonly pastCache: IoFile['pastCache'];
  readonly inode: SimInode;
  readonly #driver: SimDriver;
  readonly #writable: boolean;
  #inFlight = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;
  /** Writeback errors that this descriptor was told of, or that were told before it was opened. */
  errorsSeen: number;

  constructor(
    driver: SimDriver,
    inode: SimInode,
    path: string,
    options: IoOpenOptions,
    created: boolean,
  ) {
    const { fileSystem } = driver.environment;
    this.#driver = driver;
    this.inode = inode;
    this.path = path;
    this.created = created;
    this.#writable = options.access === 'write';
    this.honoursDsync = fileSystem.honoursDsync;
    this.pastCache = fileSystem.direct ? { unit: SECTOR_BYTES } : undefined;
    this.direct = !options.direct
      ? undefined
      : fileSystem.direct
        ? { blockBytes: SECTOR_BYTES }
        : { refused: 'EINVAL: the simulated file system has no O_DIRECT' };
    this.errorsSeen = inode.errorsTold;
  }

  write(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: IoWriteOptions,
  ): Promise<number> {
    const environment = this.#driver.environment;
    if (this.#driver.dead) return this.#run('write', [], () => 0);
    const refusal = this.#refusal('write', memory, [start, length, position], this.isDirect);
    if (refusal !== undefined) return this.#refuse('write', refusal);
    const source = memory as SimMemory;
    const dsync = options?.dsync === true;
    const fate = drawWriteFate(environment, this, { length, position, dsync });
    const bytes = source.bytes.subarray(start, start + length);
    const issued = bytes.slice();
    const land = (count: number): void => {
      this.#checkUnchanged(issued, bytes, position);
      if (count > 0) this.#land(bytes.subarray(0, count), position);
    };
    const effects: Effect[] = [
      () => {
        land(fate.landed);
      },
    ];
    if (dsync && fate.kind !== 'failed') effects.push(() => this.#syncWritten(fate, position));
    source.use();
    return this.#run(
      dsync ? 'dsync write' : 'write',
      effects,
      () => {
        this.#checkUnchanged(issued, bytes, position);
        if (fate.kind === 'failed') throw fate.error(this.path);
        return fate.landed;
      },
      {
        touches: this.#blocks(position, position + length),
        onEnd: () => {
          source.unuse();
        },
        text: () => `${String(length)} B at ${String(position)}`,
        abandon: () => {
          const whole = environment.choices.weighted(LANE.crash, [2, 1, 1]);
          const share = whole === 2 ? environment.choices.below(LANE.crash, length + 1) : length;
          if (whole > 0) land(this.isDirect ? share - (share % SECTOR_BYTES) : share);
        },
      },
    );
  }

  read(
    memory: IoMemory,
    start: number,
    length: number,
    position: number,
    options?: { readonly pastCache?: boolean },
  ): Promise<number> {
    const environment = this.#driver.environment;
    if (this.#driver.dead) return this.#run('read', [], () => 0);
    const past = options?.pastCache === true || this.isDirect;
    const refusal = this.#refusal('read', memory, [start, length, position], past);
    if (refusal !== undefined) return this.#refuse('read', refusal);
    const fault = environment.draw('read');
    if (fault === 'read-error') environment.fire(fault);
    const target = memory as SimMemory;
    target.use();
    const fill = (): number => {
      if (fault === 'read-error') throw new IoError('EIO', 'read', this.path);
      if (past) this.#writeBack(position, length);
      let count = Math.max(0, Math.min(length, this.inode.size - position));
      if (fault === 'short-read' && count > SECTOR_BYTES) {
        environment.fire(fault);
        const sectors = Math.floor(count / SECTOR_BYTES);
        count = SECTOR_BYTES * (1 + environment.choices.below(LANE.extent, sectors));
        count = Math.min(count, length, this.inode.size - position);
      }
      const layer = past ? this.inode.device : this.inode.cache;
      target.bytes.set(layer.subarray(position, position + count), start);
      return count;
    };
    const onEnd = (): void => {
      target.unuse();
    };
    return this.#run('read', [], fill, { onEnd });
  }

  sync(): Promise<void> {
    const environment = this.#driver.environment;
    if (this.#driver.dead) return this.#run('sync', [], () => undefined);
    if (this.#closed) return this.#refuse('sync', 'EBADF');
    const fault = environment.draw('sync');
    const lies = environment.fileSystem.profile === 'lying' && environment.has('lying-sync');
    const lie = lies && environment.choices.chance(LANE.fault, 128);
    const flush = (): void => {
      if (lie) environment.fire('lying-sync');
      else syncFile(environment, this, fault);
    };
    return this.#run('sync', [flush], () => undefined);
  }

  truncate(size: number): Promise<void> {
    const environment = this.#driver.environment;
    if (this.#driver.dead) return this.#run('truncate', [], () => undefined);
    if (this.#closed) return this.#refuse('truncate', 'EBADF');
    // ftruncate(2) has an errno of its own for a file that is open for reading only.
    if (!this.#writable) return this.#refuse('truncate', 'EINVAL');
    const failed = environment.draw('truncate') === 'truncate-error';
    if (failed) environment.fire('truncate-error');
    const cut = (): void => {
      if (failed) throw new IoError('EIO', 'ftruncate', this.path);
      environment.onTruncate?.(this.path, this.inode, size);
      this.inode.truncate(size);
    };
    const touches = this.#blocks(size, Number.POSITIVE_INFINITY);
    const text = (): string => `to ${String(size)}`;
    return this.#run('truncate', [cut], () => undefined, { touches, text });
  }

  allocate(position: number, length: number): Promise<void> {
    const environment = this.#driver.environment;
    if (this.#driver.dead) return this.#run('allocate', [], () => undefined);
    if (this.#closed || !this.#writable) return this.#refuse('allocate', 'EBADF');
    const failed = environment.draw('allocate') === 'allocate-error';
    if (failed) environment.fire('allocate-error');
    const reserve = (): void => {
      if (failed || environment.isShort()) throw new IoError('ENOSPC', 'fallocate', this.path);
      this.inode.allocate(position + length);
    };
    const touches = this.#blocks(position, position + length);
    const text = (): string => `${String(length)} B at ${String(position)}`;
    return this.#run('allocate', [reserve], () => undefined, { touches, text });
  }

  size(): Promise<number> {
    if (this.#closed && !this.#driver.dead) return this.#refuse('fstat', 'EBADF');
    return this.#run('size', [], () => this.inode.size);
  }

  dropCache(): Promise<void> {
    return this.#run('dropCache', [], () => {
      this.inode.dropClean();
    });
  }

  async close(): Promise<void> {
    if (this.#closed && !this.#driver.dead) return;
    this.#closed = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await this.#driver.run('close', this.path, [], () => {
      this.#driver.openFiles.delete(this);
    });
  }

  /** Past the page cache. */
  get isDirect(): boolean {
    return this.direct !== undefined && 'blockBytes' in this.direct;
  }

  #land(bytes: Uint8Array, position: number): void {
    const { choices, writebackEagerness } = this.#driver.environment;
    this.inode.persistOverwritten(position, bytes.length, () =>
      choices.chance(LANE.crash, writebackEagerness),
    );
    this.inode.write(bytes, position, this.isDirect);
  }

  #syncWritten(fate: Exclude<WriteFate, { kind: 'failed' }>, position: number): void {
    const environment = this.#driver.environment;
    if (fate.kind === 'unsynced') {
      failSyncOf(environment, this.inode, { position, length: fate.landed });
      throw fate.error(this.path);
    }
    const lies = environment.fileSystem.profile === 'lying' && environment.has('lying-sync');
    if (lies && environment.choices.chance(LANE.fault, 128)) environment.fire('lying-sync');
    else if (this.honoursDsync) {
      this.inode.syncRange(position, fate.landed);
      // Past the cache nothing of this descriptor's is ever written back behind it.
      if (!this.isDirect) tellFailedWriteback(this);
    }
  }

  /** Dirty pages of the range go to the device before it is read. */
  #writeBack(position: number, length: number): void {
    const environment = this.#driver.environment;
    for (const sector of this.inode.dirtySectors(position, length)) {
      if (environment.draw('background') === 'writeback-error') {
        environment.fire('writeback-error', 'before a read past the cache');
        this.inode.failSector(sector);
        environment.writebackFailures += 1;
        this.inode.errors += 1;
        throw new IoError('EIO', 'read', this.path);
      }
      this.inode.writeBack(sector);
    }
  }

  #checkUnchanged(issued: Uint8Array, bytes: Uint8Array, position: number): void {
    this.#driver.environment.checks.that(
      Buffer.compare(issued, bytes) === 0,
      'buffer-unchanged-in-flight',
      () => `the bytes of the write at ${String(position)} changed while it was in flight`,
    );
  }

  #refusal(
    syscall: string,
    memory: IoMemory,
    numbers: readonly [start: number, length: number, position: number],
    aligned: boolean,
  ): string | undefined {
    const [start, length, position] = numbers;
    if (this.#closed || (syscall === 'write' && !this.#writable)) return 'EBADF';
    if (!(memory instanceof SimMemory) || memory.released) return 'EFAULT';
    if (start < 0 || length < 0 || position < 0 || start + length > memory.bytes.length) {
      return 'EINVAL';
    }
    const unit = aligned ? SECTOR_BYTES : 1;
    return numbers.some((number) => number % unit !== 0) ? 'EINVAL' : undefined;
  }

  #refuse<T>(syscall: string, errno: string): Promise<T> {
    return this.#run(syscall, [], () => {
      throw new IoError(errno, syscall, this.path);
    });
  }

  /** The whole blocks around a range. */
  #blocks(start: number, end: number): TouchedRange {
    return {
      file: this.inode,
      start: start - (start % BLOCK_BYTES),
      end: Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES,
    };
  }

  #run<T>(
    name: string,
    effects: readonly Effect[],
    value: () => T,
    more: OperationDetails & { readonly text?: () => string } = {},
  ): Promise<T> {
    const driver = this.#driver;
    const isTold = more.text !== undefined && driver.environment.trace !== undefined;
    this.#inFlight += 1;
    return driver.run(isTold ? `${name} ${more.text()}` : name, this.path, effects, value, {
      ...more,
      onEnd: () => {
        this.#inFlight -= 1;
        more.onEnd?.();
        if (this.#inFlight === 0) this.#onIdle?.();
      },
    });
  }
}
