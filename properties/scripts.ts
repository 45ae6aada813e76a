// Scripts of raw driver operations, as plain data: the same one runs on any driver, and gives a
// list of what each operation told and the bytes that are left.

import { createHash } from 'node:crypto';

import { IoError, type IoDriver, type IoFile, type IoMemory } from '../lib/io/driver.js';
import { BLOCK_BYTES, type ScriptStep } from './script-steps.js';

/** What an operation told: a count, an errno, a hash of bytes, names. */
export type Told = string | number | readonly (string | number)[];

export interface Outcome {
  readonly told: readonly Told[];
  /** The files that are left: name, size, hash. */
  readonly files: readonly string[];
}

/** Where two misuses meet (misaligned, in a file open for reading), either may be told. */
const MISUSE = ['EBADF', 'EINVAL'];
/** Bytes of the memories that a script uses. */
const MEMORY_BYTES = 24_576;
/** The file that a script works on, as it is now. */
export interface ScriptFile {
  readonly size: number;
  /** Past the page cache. */
  readonly isDirect: boolean;
}

/** Sees each operation right before it is issued. */
export type BeforeStep = (step: ScriptStep, index: number, file: ScriptFile) => void;

/** How a script is run. */
export interface ScriptOptions {
  /** The file is opened past the page cache. */
  readonly direct: boolean;
  /** No write begins beyond the end: it would leave a hole, which takes up space when it is filled. */
  readonly dense?: boolean;
  readonly before?: BeforeStep;
  /** Operations in flight together were completed in another order than that of their issue. */
  readonly onOvertaking?: () => void;
}

/** Runs a script in an empty directory. */
export async function runScript(
  driver: IoDriver,
  directory: string,
  script: readonly ScriptStep[],
  options: ScriptOptions,
): Promise<Outcome> {
  const machine = new Machine(driver, directory, options.onOvertaking);
  await machine.open({ direct: options.direct, create: 'if-missing', access: 'write' });
  const told: Told[] = [];
  for (const [index, written] of script.entries()) {
    const file = await machine.state();
    const step = options.dense === true ? dense(written, file.size) : written;
    options.before?.(step, index, file);
    told.push(await machine.take(step));
  }
  return { told, files: await machine.finish() };
}

function dense(step: ScriptStep, size: number): ScriptStep {
  if (step.do === 'allocate') return { ...step, position: size };
  if (step.do === 'write') {
    // Growing writes begin at the end: of what they would overwrite, ext4 may take part of a page.
    const grows = step.position + step.length > size;
    return grows ? { ...step, position: size } : step;
  }
  return step.do === 'truncate' ? { ...step, size: Math.min(step.size, size) } : step;
}

type OpenWay = Pick<Extract<ScriptStep, { do: 'reopen' }>, 'direct' | 'create' | 'access'>;

class Machine {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #memory: IoMemory;
  readonly #onOvertaking: (() => void) | undefined;
  #file: IoFile | undefined;
  #isReadOnly = false;

  constructor(driver: IoDriver, directory: string, onOvertaking: (() => void) | undefined) {
    this.#onOvertaking = onOvertaking;
    this.#driver = driver;
    this.#directory = directory;
    this.#memory = driver.memory(MEMORY_BYTES);
  }

  async open(way: OpenWay): Promise<Told> {
    await this.#file?.close();
    this.#file = undefined;
    this.#isReadOnly = way.access === 'read';
    return told(async () => {
      const path = `${this.#directory}/log`;
      this.#file = await this.#driver.open(path, { ...way, mode: 0o600 });
      return String(this.#file.created);
    });
  }

  async state(): Promise<ScriptFile> {
    const direct = this.#file?.direct;
    const isDirect = direct !== undefined && 'blockBytes' in direct;
    return { size: (await this.#file?.size()) ?? 0, isDirect };
  }

  async take(step: ScriptStep): Promise<Told> {
    if (step.do === 'reopen') return this.open(step);
    if (step.do === 'list') return told(() => this.#driver.list(this.#directory));
    const from = `${this.#directory}/log`;
    if (step.do === 'remove') return this.#remove(from);
    if (step.do === 'rename') return done(this.#driver.rename(from, `${from}.away`));
    const file = this.#file;
    if (file === undefined) return 'no file';
    switch (step.do) {
      case 'write':
        this.#memory.bytes.fill(step.fill, 0, step.length);
        return this.#write(file, step);
      case 'read':
        return told(() => this.#read(file, step.position, step.length, step.past));
      case 'truncate':
        return done(file.truncate(step.size));
      case 'allocate':
        // Where there is nothing to allocate, not every driver asks the kernel.
        if (this.#isReadOnly) return 'not asked';
        return this.#allocate(file, step.position, step.length);
      case 'sync':
        return done(file.sync());
      case 'size':
        return told(() => file.size());
      case 'dropCache':
        return done(file.dropCache());
      case 'together':
        return this.#together(file, step.blocks, step.reads);
    }
  }

  async finish(): Promise<string[]> {
    await this.#file?.close();
    const files: string[] = [];
    for (const name of await this.#driver.list(this.#directory)) {
      const way = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
      const file = await this.#driver.open(`${this.#directory}/${name}`, way);
      const size = await file.size();
      const memory = this.#driver.memory(size + 1);
      let filled = 0;
      while (filled < size) filled += await file.read(memory, filled, size - filled, filled);
      files.push(`${name} ${String(size)} ${hashOf(memory.bytes.subarray(0, size))}`);
      memory.release();
      await file.close();
    }
    this.#memory.release();
    return files;
  }

  /** An allocation that fails half done leaves what it likes behind the end: it is cut off. */
  async #allocate(file: IoFile, position: number, length: number): Promise<Told> {
    const size = await file.size();
    const result = await done(file.allocate(position, length));
    if (result === 'ENOSPC') await file.truncate(size);
    return result;
  }

  async #write(file: IoFile, step: Extract<ScriptStep, { do: 'write' }>): Promise<Told> {
    const { position, length, dsync } = step;
    const result = await told(() => file.write(this.#memory, 0, length, position, { dsync }));
    const isTwice = this.#isReadOnly && (position % 512 !== 0 || length % 512 !== 0);
    return isTwice && MISUSE.includes(String(result)) ? 'misuse' : result;
  }

  async #read(file: IoFile, position: number, length: number, past: boolean): Promise<Told> {
    const memory = this.#driver.memory(Math.max(1, length));
    try {
      const count = await file.read(memory, 0, length, position, { pastCache: past });
      return [count, hashOf(memory.bytes.subarray(0, count))];
    } finally {
      memory.release();
    }
  }

  /** The open file outlives its name: it can still be written and synced. */
  async #remove(path: string): Promise<Told> {
    const file = this.#file;
    const removed = await done(this.#driver.remove(path));
    if (file === undefined || this.#isReadOnly) return removed;
    this.#memory.bytes.fill(9, 0, BLOCK_BYTES);
    const written = await told(() => file.write(this.#memory, 0, BLOCK_BYTES, 0));
    return [removed, String(written), String(await done(file.sync()))].flat();
  }

  /** Whole blocks, so that direct and buffered are alike; nothing of it overlaps. */
  async #together(file: IoFile, blocks: readonly number[], reads: boolean): Promise<Told> {
    const memory = this.#driver.memory(blocks.length * BLOCK_BYTES);
    const size = await file.size();
    const order: number[] = [];
    const issued = blocks.map(async (block, index): Promise<Told> => {
      const start = index * BLOCK_BYTES;
      const position = block * BLOCK_BYTES;
      const isRead = reads && index % 3 === 0;
      if (!isRead) memory.bytes.fill(1 + block, start, start + BLOCK_BYTES);
      const result = await told(() =>
        isRead
          ? this.#read(file, position, BLOCK_BYTES, false)
          : file.write(memory, start, BLOCK_BYTES, position),
      );
      order.push(index);
      // A read at the end of a file that others are growing may see any of its sizes.
      const isSettled = position + BLOCK_BYTES <= size;
      return Array.isArray(result) ? (isSettled ? result.join(' ') : 'read') : String(result);
    });
    const results = await Promise.all([...issued, done(file.sync())]);
    memory.release();
    if (order.some((index, at) => index !== at)) this.#onOvertaking?.();
    return results.map(String);
  }
}

/** What a call told: its value, or the name of its errno. */
async function told(call: () => Promise<Told>): Promise<Told> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    return error.code;
  }
}

/** The same of a call that has no value. */
function done(promise: Promise<void>): Promise<Told> {
  return told(() => promise.then(() => 'done'));
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex').slice(0, 12);
}
