// What the manifest knows of the sequences in a log, for who reads the log from outside. It is read
// again only where what stands in the files contradicts it: both may have changed meanwhile.

import type { IoDriver } from './io/driver.js';
import type { Manifest } from './manifest.js';
import { isKnownGap, knownSegments, readManifest } from './manifest.js';

/** The manifest in one directory, as it was when it was last read. */
export class KnownSequences {
  readonly #driver: IoDriver;
  readonly #directory: string;
  #manifest: Manifest | undefined;

  constructor(driver: IoDriver, directory: string) {
    this.#driver = driver;
    this.#directory = directory;
  }

  /** Undefined when there is none that can be believed, or none was read yet. */
  get manifest(): Manifest | undefined {
    return this.#manifest;
  }

  /** Number of the first segment; those below were removed by a checkpoint. */
  get firstNumber(): number {
    return this.#manifest?.firstNumber ?? 0;
  }

  /** Rejects with `ERR_WAL_READ` when the manifest is there and cannot be read. */
  async read(): Promise<void> {
    const reading = await readManifest(this.#driver, this.#directory);
    this.#manifest = reading.kind === 'good' ? reading.manifest : undefined;
  }

  /** Whether what is missing between the two was given up by a salvage, perhaps meanwhile. */
  async hasGap(last: bigint, next: bigint): Promise<boolean> {
    if (isKnownGap(this.#manifest, last, next)) return true;
    await this.read();
    return isKnownGap(this.#manifest, last, next);
  }

  /** The last sequence of the log, when it is behind `last`, and was not cut off meanwhile. */
  async missingBehind(last = 0n): Promise<bigint | undefined> {
    if (this.#lastBehind(last) === undefined) return undefined;
    await this.read();
    return this.#lastBehind(last);
  }

  #lastBehind(last: bigint): bigint | undefined {
    const known = knownSegments(this.#manifest).findLast((each) => each.last !== undefined)?.last;
    return known !== undefined && known > last ? known : undefined;
  }
}
