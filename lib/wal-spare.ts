// The next file of the log, made ahead: created, zeroed a little, synced and entered in its
// directory, so that going over to it costs nobody any time.

import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile, IoMemory } from './io/driver.js';
import { removeFile } from './manifest.js';
import { scanSegment } from './segment-scan.js';
import type { Segment } from './segments.js';
import { newSegment } from './segments.js';
import type { ResolvedWalOptions } from './wal-options.js';
import type { WriteJob } from './write-fully.js';
import { writeFully, writeJob } from './write-fully.js';

/** How much of the file is zeroed when it is made, in bytes, at most. */
const SPARE_ZEROS_MAX = 4 * 1024 * 1024;
const ZERO_WRITE_BYTES = 256 * 1024;
const BLOCK_BYTES = 4096;

/** A file that is open for appends. */
export interface OpenSegment {
  readonly segment: Segment;
  readonly file: IoFile;
  /** Zeros stand ahead to here, durably. */
  readonly zeroedTo: number;
}

/** Makes segments, one ahead of need. */
export class SpareFiles {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: ResolvedWalOptions;
  readonly #syncDirectory: () => Promise<void>;
  #spare: Promise<OpenSegment> | undefined;
  /** A file that stands, or may still stand, behind the log. */
  #path: string | undefined;

  constructor(
    driver: IoDriver,
    directory: string,
    options: ResolvedWalOptions,
    syncDirectory: () => Promise<void>,
  ) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#syncDirectory = syncDirectory;
  }

  /** Makes the file in the background, unless there is one. */
  prepare(number: number): void {
    if (this.#spare !== undefined) return;
    const spare = this.#create(number);
    this.#spare = spare;
    // When it cannot be made now, whoever needs it tries again and tells its callers.
    spare.catch(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  /** The file, made now if it was not yet. Rejects with what stopped it. */
  async take(number: number): Promise<OpenSegment> {
    const spare = this.#spare;
    this.#spare = undefined;
    // The second try is the one whose failure counts.
    const taken = (await spare?.catch(() => undefined)) ?? (await this.#create(number));
    this.#path = undefined;
    return taken;
  }

  /** Takes back what {@link take} gave and nobody used. */
  giveBack(spare: OpenSegment): void {
    this.#spare = Promise.resolve(spare);
    this.#path = spare.segment.path;
  }

  /**
   * Removes the file that was made ahead, if one was, or what is left of it: when the log is cut, it
   * would stand behind a gap. Can be tried again when that fails.
   */
  async drop(): Promise<void> {
    const spare = this.#spare;
    this.#spare = undefined;
    const open = await spare?.catch(() => undefined);
    try {
      await open?.file.close();
    } finally {
      await this.#removeLeft();
    }
  }

  async #removeLeft(): Promise<void> {
    if (this.#path === undefined) return;
    await removeFile(this.#driver, this.#path);
    await this.#syncDirectory();
    this.#path = undefined;
  }

  async #create(number: number): Promise<OpenSegment> {
    const segment = newSegment(this.#directory, number);
    const file = await this.#open(segment);
    this.#path = segment.path;
    try {
      await file.truncate(0);
      const { preallocateBytes } = this.#options.file;
      const wanted = Math.min(preallocateBytes, SPARE_ZEROS_MAX, this.#options.maxFileSize);
      const zeroedTo = await this.#zero(file, wanted - (wanted % BLOCK_BYTES));
      await file.sync();
      await this.#syncDirectory();
      return { segment, file, zeroedTo };
    } catch (error) {
      await file.close().catch(() => undefined);
      // Should it stay, the next try finds it blank and takes it.
      await this.#driver.remove(segment.path).then(
        () => (this.#path = undefined),
        () => undefined,
      );
      throw error;
    }
  }

  /** Never takes over a file with anything in it. */
  async #open(segment: Segment): Promise<IoFile> {
    const { path, number } = segment;
    const { directIo, mode } = this.#options.file;
    const options = { access: 'write', direct: directIo, mode } as const;
    try {
      return await this.#driver.open(path, { ...options, create: 'exclusive' });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const found = await scanSegment(
      this.#driver,
      newSegment(this.#directory, number),
      () => undefined,
    );
    if (!found.isBlank) {
      throw new WalError('ERR_WAL_WRITE', `'${path}' is in the way of the next segment`, { path });
    }
    return this.#driver.open(path, { ...options, create: 'never' });
  }

  /** Zeros ahead are never needed: where they do not fit, the file starts without. */
  async #zero(file: IoFile, end: number): Promise<number> {
    if (end === 0) return 0;
    let memory: IoMemory | undefined;
    let job: WriteJob | undefined;
    try {
      memory = this.#driver.memory(Math.min(ZERO_WRITE_BYTES, end));
      for (let at = 0; at < end; at += job.length) {
        job = writeJob(memory, 0, Math.min(memory.bytes.length, end - at), at);
        await writeFully(file, job);
      }
      return end;
    } catch (error) {
      // A failed sync must not be followed by one that succeeds: this file is given up.
      if (job?.syncFailed === true) throw error;
      await file.truncate(0);
      return 0;
    } finally {
      memory?.release();
    }
  }
}
