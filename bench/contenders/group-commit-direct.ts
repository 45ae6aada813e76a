// The hand-made group commit with O_DIRECT and O_DSYNC. node:fs takes no address, but the memory of
// a WebAssembly.Memory starts at a page, and O_DIRECT asks for no more. A batch is written in whole
// blocks; its unfinished last block is copied to the front of the next one, which rewrites it.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type { AppendLog, Contender, OpenContext } from '../contender.js';
import { encodePut, recordBytes } from '../record.js';
import { checkZeros, zeroAhead } from './group-commit.js';

const BLOCK_BYTES = 4096;
const PAGE_BYTES = 65536;
const BUFFER_BYTES = 1 << 20;

/** The part of WebAssembly that is used; the types of Node.js do not bring it. */
declare const WebAssembly: {
  Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer };
};

export function groupCommitDirect(): Contender {
  return {
    openLog: (task, context) => {
      if (task.durability !== 'durable') throw new Error('for durable appends only');
      return Promise.resolve(new GroupCommitDirect(context));
    },
  };
}

/** A batch being filled, or in flight. */
class Batch {
  bytes = aligned(BUFFER_BYTES);
  view = new DataView(this.bytes.buffer);
  used = 0;
  readonly settle: { resolve: () => void; reject: (error: Error) => void }[] = [];

  reserve(length: number): void {
    // Room for the padding of the last block as well.
    const needed = this.used + length + BLOCK_BYTES;
    if (needed <= this.bytes.length) return;
    const bytes = aligned(2 * needed);
    bytes.set(this.bytes.subarray(0, this.used));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

class GroupCommitDirect implements AppendLog {
  private readonly fd: number;
  private readonly zeroedBytes: number;
  /** Where the block stands that the filling batch starts with. */
  private position = 0;
  private filling = new Batch();
  private spare: Batch | undefined = new Batch();
  private scheduled = false;
  private readonly commit = (): void => {
    this.scheduled = false;
    const batch = this.filling;
    const next = this.spare ?? new Batch();
    this.spare = undefined;
    const whole = batch.used - (batch.used % BLOCK_BYTES);
    next.bytes.set(batch.bytes.subarray(whole, batch.used));
    next.used = batch.used - whole;
    this.filling = next;
    const end = Math.ceil(batch.used / BLOCK_BYTES) * BLOCK_BYTES;
    batch.bytes.fill(0, batch.used, end);
    this.write(batch, 0, end, this.position);
    this.position += whole;
  };

  constructor(context: OpenContext) {
    const path = join(context.directory, 'group-commit.log');
    zeroAhead(path, context.zeroedBytes);
    const { O_WRONLY, O_DSYNC, O_DIRECT } = fs.constants;
    this.fd = fs.openSync(path, O_WRONLY | O_DSYNC | O_DIRECT);
    this.zeroedBytes = context.zeroedBytes;
  }

  append(sequence: number, key: Uint8Array, value: Uint8Array): Promise<void> {
    const batch = this.filling;
    batch.reserve(recordBytes(key.length, value.length));
    batch.used = encodePut(batch.bytes, batch.view, batch.used, sequence, key, value);
    if (!this.scheduled && this.spare !== undefined) this.schedule();
    return new Promise((resolve, reject) => {
      batch.settle.push({ resolve, reject });
    });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  atEnd(): void {
    checkZeros(this.position, this.zeroedBytes);
  }

  close(): Promise<void> {
    fs.closeSync(this.fd);
    return Promise.resolve();
  }

  private schedule(): void {
    this.scheduled = true;
    process.nextTick(this.commit);
  }

  private write(batch: Batch, done: number, end: number, position: number): void {
    fs.write(this.fd, batch.bytes, done, end - done, position + done, (error, count) => {
      if (error === null && done + count < end) this.write(batch, done + count, end, position);
      else this.settle(batch, error);
    });
  }

  private settle(batch: Batch, error: Error | null): void {
    for (const { resolve, reject } of batch.settle) {
      if (error === null) resolve();
      else reject(error);
    }
    batch.settle.length = 0;
    batch.used = 0;
    this.spare = batch;
    if (this.filling.settle.length > 0 && !this.scheduled) this.schedule();
  }
}

/** Page-aligned memory of at least so many bytes. */
function aligned(bytes: number): Uint8Array {
  return new Uint8Array(new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) }).buffer);
}
