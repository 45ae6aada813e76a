// Keeps the manifest up to date while the log is open: one write at a time, each of how things
// stand when it begins, so that any number of requests never queue up more than one.

import type { IoDriver } from './io/driver.js';
import type { ManifestChange } from './manifest-text.js';
import type { Manifest, StandingManifest } from './manifest.js';
import { growManifest, removeManifest, writeManifest } from './manifest.js';

/** What stands on disk, durably. */
interface Standing {
  readonly place: StandingManifest;
  readonly manifest: Manifest;
}

/** Writes manifests, one after the other. */
export class ManifestKeeper {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #snapshot: () => Manifest;
  readonly #syncDirectory: () => Promise<void>;
  /** Undefined: nobody knows, so it must be replaced. */
  #standing: Standing | undefined;
  /** The write that has not begun; whoever asks meanwhile shares it. */
  #next: { readonly done: Promise<void>; mayGrow: boolean } | undefined;
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

  /** Resolves when the manifest stands durably as things were at the call, or later: replaced. */
  save(): Promise<void> {
    return this.#ask(false);
  }

  /**
   * The log has grown. Nobody waits for the manifest to say so: one that says less than it could
   * only costs reading.
   */
  growSoon(): void {
    this.#ask(true).catch(() => undefined);
  }

  /** Resolves when there is, durably, no manifest. */
  remove(): Promise<void> {
    return this.#behind(async () => {
      this.#standing = undefined;
      await removeManifest(this.#driver, this.#directory);
      await this.#syncDirectory();
    });
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#idle;
  }

  #ask(mayGrow: boolean): Promise<void> {
    if (this.#next === undefined) {
      const next = { mayGrow, done: this.#behind(() => this.#begin()) };
      this.#next = next;
    }
    if (!mayGrow) this.#next.mayGrow = false;
    return this.#next.done;
  }

  async #begin(): Promise<void> {
    const mayGrow = this.#next?.mayGrow === true;
    this.#next = undefined;
    const manifest = this.#snapshot();
    const standing = this.#standing;
    this.#standing = undefined;
    if (mayGrow && standing !== undefined && (await this.#grow(standing, manifest))) return;
    const place = await writeManifest(this.#driver, this.#directory, manifest);
    await this.#syncDirectory();
    this.#standing = { place, manifest };
  }

  /** False where a line does not tell it, or could not be written. */
  async #grow(standing: Standing, manifest: Manifest): Promise<boolean> {
    const change = changeSince(standing.manifest, manifest);
    if (change === undefined) return false;
    if (isNothing(change, standing.manifest)) {
      this.#standing = standing;
      return true;
    }
    try {
      const place = await growManifest(this.#driver, this.#directory, standing.place, change);
      this.#standing = { place, manifest };
      return true;
    } catch {
      // What became of that line nobody knows; a manifest that takes the place of it all is known.
      return false;
    }
  }

  #behind(work: () => Promise<void>): Promise<void> {
    const done = this.#idle.then(work);
    this.#idle = done.catch(() => undefined);
    return done;
  }
}

/** Undefined when more has happened than that segments were added. */
function changeSince(before: Manifest, now: Manifest): ManifestChange | undefined {
  const known = before.sealed.length;
  const isLonger =
    now.firstNumber === before.firstNumber &&
    now.sealed.length >= known &&
    now.sealed[known - 1]?.number === before.sealed[known - 1]?.number;
  if (!isLonger) return undefined;
  const { nextSequence, active } = now;
  return { nextSequence, sealed: now.sealed.slice(known), active };
}

function isNothing({ nextSequence, sealed, active }: ManifestChange, before: Manifest): boolean {
  const isSame = active?.number === before.active?.number && active?.bytes === before.active?.bytes;
  return sealed.length === 0 && isSame && nextSequence === before.nextSequence;
}
