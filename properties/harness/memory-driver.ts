// The seam of lib/io/driver.ts over plain arrays: what properties of bytes run the real reader and
// the real recovery on. Nothing fails here and nothing is late; it counts what it is asked for.

import {
  IoError,
  MEMORY_ALIGNMENT,
  type IoDriver,
  type IoFile,
  type IoMemory,
  type IoOpenOptions,
} from '../../lib/io/driver.js';

const SECTOR_BYTES = 512;

/** Files by path; directories are not looked at. */
export class MemoryDisk {
  readonly files = new Map<string, Uint8Array>();
  /** The most memory that was handed out at once, in bytes. */
  memoryBytesPeak = 0;
  reads = 0;
  /** What all reads have returned, in bytes. */
  readBytes = 0;
  memoryBytes = 0;

  constructor(files: Readonly<Record<string, Uint8Array>> = {}) {
    for (const [path, bytes] of Object.entries(files)) this.files.set(path, bytes);
  }

  bytes(path: string): Uint8Array {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new IoError('ENOENT', 'open', path);
    return bytes;
  }
}

/** A driver on a disk in memory. */
export function memoryDriver(disk: MemoryDisk): IoDriver {
  return {
    name: 'simulated',
    fallbackReason: undefined,
    open: (path, options) => Promise.resolve().then(() => openFile(disk, path, options)),
    lock: () => Promise.resolve({ release: () => Promise.resolve() }),
    list: () => Promise.resolve([...disk.files.keys()].map((path) => path.slice(1)).sort()),
    makeDirectory: () => Promise.resolve(),
    remove: (path) => {
      disk.files.delete(path);
      return Promise.resolve();
    },
    rename: (from, to) => {
      disk.files.set(to, disk.bytes(from));
      disk.files.delete(from);
      return Promise.resolve();
    },
    syncDirectory: () => Promise.resolve(),
    memory: (bytes) => takeMemory(disk, bytes),
    now: () => performance.now(),
    delay: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
    defer: (callback) => process.nextTick(callback),
    close: () => Promise.resolve(),
  };
}

function takeMemory(disk: MemoryDisk, wanted: number): IoMemory {
  const bytes = new Uint8Array(Math.ceil(wanted / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT);
  disk.memoryBytes += bytes.length;
  disk.memoryBytesPeak = Math.max(disk.memoryBytesPeak, disk.memoryBytes);
  return {
    bytes,
    release: () => {
      disk.memoryBytes -= bytes.length;
    },
  };
}

function openFile(disk: MemoryDisk, path: string, options: IoOpenOptions): IoFile {
  const isThere = disk.files.has(path);
  if (isThere && options.create === 'exclusive') throw new IoError('EEXIST', 'open', path);
  if (!isThere && options.create === 'never') throw new IoError('ENOENT', 'open', path);
  if (!isThere) disk.files.set(path, new Uint8Array(0));
  return new MemoryFile(disk, path, !isThere);
}

class MemoryFile implements IoFile {
  readonly path: string;
  readonly created: boolean;
  readonly direct = undefined;
  readonly honoursDsync = true;
  readonly pastCache = { unit: SECTOR_BYTES };
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk, path: string, created: boolean) {
    this.#disk = disk;
    this.path = path;
    this.created = created;
  }

  write(memory: IoMemory, start: number, length: number, position: number): Promise<number> {
    const bytes = this.#atLeast(position + length);
    bytes.set(memory.bytes.subarray(start, start + length), position);
    return Promise.resolve(length);
  }

  read(memory: IoMemory, start: number, length: number, position: number): Promise<number> {
    this.#disk.reads += 1;
    const piece = this.#disk.bytes(this.path).subarray(position, position + length);
    memory.bytes.set(piece, start);
    this.#disk.readBytes += piece.length;
    return Promise.resolve(piece.length);
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  truncate(size: number): Promise<void> {
    this.#disk.files.set(this.path, this.#atLeast(size).slice(0, size));
    return Promise.resolve();
  }

  allocate(position: number, length: number): Promise<void> {
    this.#atLeast(position + length);
    return Promise.resolve();
  }

  size(): Promise<number> {
    return Promise.resolve(this.#disk.bytes(this.path).length);
  }

  dropCache(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #atLeast(size: number): Uint8Array {
    const bytes = this.#disk.bytes(this.path);
    if (bytes.length >= size) return bytes;
    const larger = new Uint8Array(size);
    larger.set(bytes);
    this.#disk.files.set(this.path, larger);
    return larger;
  }
}
