// Follows the sequences of a directory's records as they are printed: they go up one by one, and as
// far as the manifest knows.

import { WalError } from '../errors.js';
import { createThreadpoolDriver } from '../io/threadpool.js';
import { KnownSequences } from '../wal-known.js';

/** Tells what is missing from the records of one directory. */
export class SequenceWatch {
  /** What is wrong, where no crash leaves it. */
  readonly damages: string[] = [];
  /** What is missing, and was given up by a salvage. */
  readonly notes: string[] = [];
  readonly #directory: string;
  readonly #known: KnownSequences;
  #last: bigint | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#known = new KnownSequences(createThreadpoolDriver(), directory);
  }

  static async open(directory: string): Promise<SequenceWatch> {
    const watch = new SequenceWatch(directory);
    await watch.#known.read();
    return watch;
  }

  /** The next record; returns undefined, and need not be awaited, where it follows the last. */
  add(sequence: bigint, segment: number, path: string): Promise<void> | undefined {
    const last = this.#last;
    this.#last = sequence;
    if (last === undefined || sequence === last + 1n) return undefined;
    return this.#skipped(last, sequence, segment, path);
  }

  /** There are no more; `path` is the last file that was read. */
  async end(path: string | undefined): Promise<void> {
    const missing = await this.#known.missingBehind(this.#last);
    if (missing === undefined) return;
    const end =
      this.#last === undefined ? 'without a record' : `with sequence ${String(this.#last)}`;
    this.damages.push(
      `'${path ?? this.#directory}': the log ends ${end}, and ${String(missing)} was there`,
    );
  }

  async #skipped(last: bigint, sequence: bigint, segment: number, path: string): Promise<void> {
    const told = `'${path}': sequence ${String(sequence)} follows ${String(last)}`;
    if (await this.#known.hasGap(last, sequence)) {
      this.notes.push(`note: ${told}`);
      return;
    }
    if (this.#known.firstNumber < segment) {
      this.damages.push(told);
      return;
    }
    throw new WalError(
      'ERR_WAL_READ',
      `a checkpoint removed sequences ${String(last + 1n)} to ${String(sequence - 1n)} before ` +
        'they were read: start again',
      { path, sequence: last + 1n },
    );
  }
}
