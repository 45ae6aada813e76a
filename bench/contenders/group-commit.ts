// The best group commit that we could make by hand over node:fs: records encoded with their CRC
// straight into one buffer, the buffer written once per batch through an O_DSYNC descriptor into a
// file zeroed ahead, and its callers resolved when that write returns. While a batch is in flight
// the next one fills. The blocking twin does the same with writeSync, once per turn of the loop.
//
// What it leaves out, and a log needs: recovery, trimming of the zeros, bounds on memory, errors
// that name the record, a lock, several batches in flight.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type {
  AppendLog,
  AppendTask,
  Contender,
  OpenContext,
  RecoverTask,
  ReplayResult,
  ReplayTask,
} from '../contender.js';
import { encodePut, recordBytes, visitRecords } from '../record.js';
import { buildLog } from '../log-file.js';

const BUFFER_BYTES = 1 << 20;
const CHUNK_BYTES = 1 << 20;

/** The hand-made contender; `blocking` gives its twin over the synchronous calls. */
export function groupCommit(blocking: boolean): Contender {
  return {
    openLog: (task, context) => Promise.resolve(new GroupCommit(task, context, blocking)),
    prepareReplay: (task, directory) => {
      buildLog(join(directory, 'replay.log'), task, task.records);
      return Promise.resolve();
    },
    replay: (_task: ReplayTask, directory) => replay(join(directory, 'replay.log'), blocking),
    recover: (_task: RecoverTask, path) => recover(path),
  };
}

/** A batch being filled, or in flight: its bytes and who waits for them. */
class Batch {
  bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  view = new DataView(this.bytes.buffer);
  used = 0;
  readonly settle: { resolve: () => void; reject: (error: Error) => void }[] = [];

  reserve(length: number): void {
    if (this.used + length <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(2 * (this.used + length));
    this.bytes.copy(bytes, 0, 0, this.used);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

class GroupCommit implements AppendLog {
  private readonly fd: number;
  private readonly blocking: boolean;
  private readonly zeroedBytes: number;
  private position = 0;
  private filling = new Batch();
  private spare: Batch | undefined = new Batch();
  private scheduled = false;
  private readonly commit = (): void => {
    this.scheduled = false;
    const batch = this.filling;
    this.filling = this.spare ?? new Batch();
    this.spare = undefined;
    if (this.blocking) this.writeBlocking(batch);
    else this.write(batch, 0);
  };

  constructor(task: AppendTask, context: OpenContext, blocking: boolean) {
    const path = join(context.directory, 'group-commit.log');
    zeroAhead(path, context.zeroedBytes);
    const dsync = task.durability === 'durable' ? fs.constants.O_DSYNC : 0;
    this.fd = fs.openSync(path, fs.constants.O_WRONLY | dsync);
    this.blocking = blocking;
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
    fs.fdatasyncSync(this.fd);
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
    if (this.blocking) setImmediate(this.commit);
    else process.nextTick(this.commit);
  }

  private write(batch: Batch, done: number): void {
    fs.write(this.fd, batch.bytes, done, batch.used - done, this.position, (error, count) => {
      this.position += count;
      if (error === null && done + count < batch.used) this.write(batch, done + count);
      else this.settle(batch, error);
    });
  }

  private writeBlocking(batch: Batch): void {
    for (let done = 0; done < batch.used;) {
      const count = fs.writeSync(this.fd, batch.bytes, done, batch.used - done, this.position);
      this.position += count;
      done += count;
    }
    this.settle(batch, null);
  }

  private settle(batch: Batch, error: Error | null): void {
    for (const { resolve, reject } of batch.settle) {
      if (error === null) resolve();
      else reject(error);
    }
    batch.settle.length = 0;
    batch.used = 0;
    this.spare = batch;
    if (this.filling.used > 0 && !this.scheduled) this.schedule();
  }
}

/** Creates the file with written zeros, synced, so that later syncs need no journal commit. */
export function zeroAhead(path: string, bytes: number): void {
  const fd = fs.openSync(path, 'wx');
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < bytes; at += zeros.length) fs.writeSync(fd, zeros, 0, zeros.length, at);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

/** Throws when more was written than was zeroed. */
export function checkZeros(position: number, zeroedBytes: number): void {
  if (position <= zeroedBytes) return;
  throw new Error('the zeros did not last for the measurement: zero more beforehand');
}

async function replay(path: string, blocking: boolean): Promise<ReplayResult> {
  let records = 0;
  let check = 0;
  await scanFile(path, blocking, (_sequence, key, value) => {
    records++;
    check += (key[0] ?? 0) + value.length;
  });
  return { records, check };
}

/** Scans for the end of the log, as an application's recovery would, then opens it for appending. */
async function recover(path: string): Promise<() => Promise<void>> {
  let last = 0;
  const end = await scanFile(path, false, (sequence) => {
    last = sequence;
  });
  const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_DSYNC);
  if (fs.fstatSync(fd).size > end) fs.ftruncateSync(fd, end);
  if (last === 0) throw new Error('the log to be recovered was empty');
  return () => {
    fs.closeSync(fd);
    return Promise.resolve();
  };
}

/** Reads in chunks, one ahead where that does not block; returns the end of the last record. */
async function scanFile(
  path: string,
  blocking: boolean,
  visit: (sequence: number, key: Uint8Array, value: Uint8Array) => void,
): Promise<number> {
  const handle = await fs.promises.open(path);
  let bytes = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES);
  let other = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES);
  let kept = 0;
  let end = 0;
  const read = async (into: Buffer, at: number): Promise<number> => {
    if (blocking) return fs.readSync(handle.fd, into, CHUNK_BYTES, CHUNK_BYTES, at);
    return (await handle.read(into, CHUNK_BYTES, CHUNK_BYTES, at)).bytesRead;
  };
  let position = 0;
  let next = read(bytes, position);
  for (;;) {
    const count = await next;
    if (count === 0) break;
    position += count;
    next = read(other, position);
    const from = CHUNK_BYTES - kept;
    const chunk = bytes.subarray(from, CHUNK_BYTES + count);
    const scanned = visitRecords(chunk, chunk.length, visit);
    end += scanned;
    kept = chunk.length - scanned;
    chunk.copy(other, CHUNK_BYTES - kept, scanned);
    [bytes, other] = [other, bytes];
  }
  await next;
  await handle.close();
  return end;
}
