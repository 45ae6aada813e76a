// Keeps the manifest up to date while the log is open: one write at a time, each of how things
// stand when it begins, so that any number of requests never queue up more than one.

import type { IoDriver } from './io/driver.js';
import type { Manifest } from './manifest.js';
import { removeManifest, writeManifest } from './manifest.js';

/** Writes manifests, one after the other. */
export class ManifestKeeper {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #snapshot: () => Manifest;
  readonly #syncDirectory: () => Promise<void>;
  /** The write that has not begun; whoever asks meanwhile shares it. */
  #next: Promise<void> | undefined;
  /** Settles, never rejects, when all that was asked for is done. */
  #idle: Promise<void> = Promise.resolve();

  constructor(
    driver: IoDriver,
    directory: string,
    snapshot: () => Manifest,
    syncDirectory: () => Promise<void>,
  ) {
    this.#driver = driver;
    this.#directory = directory;
    this.#snapshot = snapshot;
    this.#syncDirectory = syncDirectory;
  }

  /** Resolves when the manifest stands durably as things were at the call, or later. */
  save(): Promise<void> {
    this.#next ??= this.#behind(async () => {
      this.#next = undefined;
      await writeManifest(this.#driver, this.#directory, this.#snapshot());
      await this.#syncDirectory();
    });
    return this.#next;
  }

  /** The same, when nobody waits: a manifest that says less than it could only costs reading. */
  saveSoon(): void {
    this.save().catch(() => undefined);
  }

  /** Resolves when there is, durably, no manifest. */
  remove(): Promise<void> {
    return this.#behind(async () => {
      await removeManifest(this.#driver, this.#directory);
      await this.#syncDirectory();
    });
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  #behind(work: () => Promise<void>): Promise<void> {
    const done = this.#idle.then(work);
    this.#idle = done.catch(() => undefined);
    return done;
  }
}
