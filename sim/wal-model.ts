// What the outside knows of a segmented log: every entry that was ever submitted, by a number of its
// own that is its key, and what its caller was told. Shares no code with lib/.

import type { Doing } from './activities.js';
import { TakenSequences } from './wal-sequences.js';
import type { Checks, InvariantName } from './invariants.js';
import type { PlainEntry } from './oracle-codec.js';
import type { Spoilt } from './wal-damage.js';

/** What became of a submitted entry. */
type Fate =
  /** Its caller was told nothing yet. */
  | { readonly kind: 'open' }
  /** Written under this sequence; a power cut may lose it. */
  | { readonly kind: 'written'; readonly sequence: bigint }
  /** Durable under this sequence. */
  | { readonly kind: 'durable'; readonly sequence: bigint }
  /** Its caller was told that it failed: it may be there until a later one is acknowledged. */
  | { readonly kind: 'rejected' }
  /** One of many under one promise that was rejected: it may be there, and stay. */
  | { readonly kind: 'uncertain' }
  /** Never taken, seen to be missing, or cut off: it must not be there. */
  | { readonly kind: 'gone' };

/** A submitted entry. */
export interface WalEntryModel {
  readonly id: number;
  readonly type: 'put' | 'delete';
  readonly value: Uint8Array;
  fate: Fate;
  /** When its append was called, and when its caller heard of its failure; a running count. */
  readonly submittedAt: number;
  rejectedAt: number;
  /** It failed, and since then nothing was acknowledged. */
  isLastFailure: boolean;
  /** A flush that covers it has resolved. */
  flushed: boolean;
}

/** A loss that the owner of the log has agreed to: what must be there afterwards, and nothing else. */
export interface AgreedLoss {
  readonly mode: 'trim' | 'salvage';
  readonly kept: ReadonlySet<number>;
  /** Whole records that must be found in a copy. */
  readonly copied: readonly Uint8Array[];
}

const decoder = new TextDecoder();

/** The number of the entry that a key belongs to. */
export function idOf(key: Uint8Array): number {
  return Number(decoder.decode(key));
}

/** The model; it outlives every simulated process. */
export class WalModel {
  readonly #entries = new Map<number, WalEntryModel>();
  readonly #batches: number[][] = [];
  /** Appends called and failures heard of so far. */
  #moments = 0;
  #heard = { step: -1, moment: -1 };
  /** What was taken from the log's files and not yet given back. */
  spoilt: Spoilt | undefined;
  loss: AgreedLoss | undefined;
  /** What is under way, by name; a crash leaves it standing. */
  readonly doing = new Map<Doing, number>();
  /** The page cache has lived through everything since the log was last opened. */
  cacheLived = true;
  /** Writeback failures there had been when the log was last opened. */
  writebackFailures = 0;
  /** Entries below may have been removed by truncateBefore. */
  removedBelow = 0n;
  /** A truncateAfter to here is under way, or was when the process died. */
  #cutting: bigint | undefined;
  /** Sequences whose entries a salvage has given up. */
  readonly #lost = new Set<bigint>();
  readonly #taken = new TakenSequences();
  /** A salvage has given segments up: that their files are missing, only the manifest knows. */
  manifestAlone = false;
  #checks: Checks | undefined;

  /** Where broken promises are told. */
  set checks(checks: Checks) {
    this.#checks = checks;
  }

  get lastId(): number {
    return this.#entries.size;
  }

  get hasGap(): boolean {
    return this.#lost.size > 0;
  }

  /** A new entry is about to be submitted. */
  submit(type: 'put' | 'delete', value: Uint8Array): WalEntryModel {
    const id = this.#entries.size + 1;
    const entry: WalEntryModel = {
      ...{ id, type, value, fate: { kind: 'open' }, flushed: false },
      submittedAt: this.#moments++,
      rejectedAt: Infinity,
      isLastFailure: false,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  /** These entries are to be there together or not at all. */
  bind(entries: readonly WalEntryModel[]): void {
    this.#batches.push(entries.map(({ id }) => id));
  }

  /** Whether bytes that were read are those that were submitted. */
  isExact({ type, key, value }: Pick<PlainEntry, 'type' | 'key' | 'value'>): boolean {
    const entry = this.#entries.get(idOf(key));
    return entry?.type === type && Buffer.compare(entry.value, value) === 0;
  }

  /** An append resolved. Whatever was rejected before it is gone for good. */
  acknowledged(entry: WalEntryModel, sequence: bigint, isDurable: boolean): void {
    this.#that(entry.fate.kind === 'open', 'no-resurrection', () => {
      return `entry ${String(entry.id)} is acknowledged, and was ${entry.fate.kind} before`;
    });
    this.#that(this.#taken.take(sequence), 'order-without-gaps', () => {
      return `entry ${String(entry.id)} got sequence ${String(sequence)}, which was taken`;
    });
    entry.fate = { kind: isDurable || entry.flushed ? 'durable' : 'written', sequence };
    for (const other of this.#entries.values()) {
      if (other.id >= entry.id) break;
      if (!other.isLastFailure) continue;
      other.isLastFailure = false;
      this.#that(other.rejectedAt < entry.submittedAt, 'order-without-gaps', () => {
        return `entry ${String(entry.id)} was appended before its caller could hear that entry ${String(other.id)} had failed, and outlives it`;
      });
      if (other.fate.kind === 'rejected') other.fate = { kind: 'gone' };
    }
  }

  /** A flush resolved that was called when `lastId` entries had been submitted. */
  flushed(lastId: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.id > lastId) return;
      entry.flushed = true;
      if (entry.fate.kind === 'written') {
        entry.fate = { kind: 'durable', sequence: entry.fate.sequence };
      }
    }
  }

  /**
   * An append rejected; `full` and `refused`: nothing of it was ever taken. Those that reject in one
   * step have one failure, which counts as heard of with the first of them.
   */
  rejected(
    entry: WalEntryModel,
    kind: 'rejected' | 'uncertain' | 'full' | 'refused',
    step: number,
  ): void {
    if (step !== this.#heard.step) this.#heard = { step, moment: this.#moments++ };
    entry.fate = { kind: kind === 'rejected' || kind === 'uncertain' ? kind : 'gone' };
    entry.isLastFailure = kind === 'rejected' || kind === 'full';
    entry.rejectedAt = this.#heard.moment;
  }

  /** A truncateBefore was called. */
  removingBelow(sequence: bigint): void {
    if (sequence > this.removedBelow) this.removedBelow = sequence;
  }

  /** A truncateAfter was called, and nothing else is open. */
  cutting(sequence: bigint): void {
    this.#cutting = sequence;
  }

  /** It was refused before anything happened. */
  cutRefused(): void {
    this.#cutting = undefined;
  }

  /** It resolved: everything behind is gone. */
  hasCut(sequence: bigint): void {
    this.#cutting = undefined;
    for (const entry of this.#entries.values()) {
      const { fate } = entry;
      const isKept = 'sequence' in fate ? fate.sequence <= sequence : fate.kind === 'uncertain';
      if (!isKept) entry.fate = { kind: 'gone' };
    }
    for (const lost of this.#lost) if (lost > sequence) this.#lost.delete(lost);
    this.#taken.cutTo(sequence);
  }

  /** Whether a truncation may have taken the entry of a sequence away. */
  mayMiss(sequence: bigint): boolean {
    if (sequence < this.removedBelow) return true;
    return this.#cutting !== undefined && sequence > this.#cutting;
  }

  /** Entries that are known to be in the log now. */
  known(): WalEntryModel[] {
    return [...this.#entries.values()].filter(
      ({ fate }) => 'sequence' in fate && !this.mayMiss(fate.sequence),
    );
  }

  /** Checks that of `known` nothing is missing in what a log gave back. */
  checkPresent(
    known: readonly WalEntryModel[],
    found: readonly PlainEntry[],
    invariant: InvariantName,
  ): void {
    const bySequence = new Map(found.map(({ sequence, key }) => [sequence, idOf(key)]));
    for (const { id, fate } of known) {
      if (!('sequence' in fate)) continue;
      this.#that(bySequence.get(fate.sequence) === id, invariant, () => {
        return `entry ${String(id)} is not at sequence ${String(fate.sequence)}`;
      });
    }
  }

  /** Checks all that a log gave back while it is open. */
  checkFound(found: readonly PlainEntry[]): void {
    let previous: PlainEntry | undefined;
    for (const entry of found) {
      this.#checkEntry(entry, previous);
      previous = entry;
    }
    const ids = new Set(found.map(({ key }) => idOf(key)));
    for (const batch of this.#batches) {
      const there = batch.filter((id) => ids.has(id)).length;
      this.#that(there === 0 || there === batch.length, 'batch-is-atomic', () => {
        return `${String(there)} of the batch of ${String(batch.length)} entries are there`;
      });
    }
  }

  /** Checks what an open found; what is missing is gone from now on, the rest is durable. */
  recovered(found: readonly PlainEntry[], writebackFailures: number): void {
    const ids = new Set(found.map(({ key }) => idOf(key)));
    const { loss } = this;
    if (loss === undefined) {
      this.#checkSurvival(found, writebackFailures);
    } else {
      this.#checkLoss(loss, ids);
      this.#giveUp(ids);
      this.#taken.forget();
    }
    this.checkFound(found);
    if (this.#cutting !== undefined) this.#taken.cutTo(this.#cutting);
    this.#taken.opened(
      found.map(({ sequence }) => sequence),
      loss === undefined ? this.#covered() : [],
    );
    for (const entry of this.#entries.values()) {
      entry.isLastFailure = false;
      if (!ids.has(entry.id)) entry.fate = { kind: 'gone' };
    }
    for (const { key, sequence } of found) {
      const entry = this.#entries.get(idOf(key));
      if (entry !== undefined) entry.fate = { kind: 'durable', sequence };
    }
    this.#cutting = undefined;
    this.loss = undefined;
    this.cacheLived = true;
    this.writebackFailures = writebackFailures;
  }

  /** Sequences of durable entries that a checkpoint has covered, and no cut may have taken. */
  #covered(): bigint[] {
    const cut = this.#cutting;
    return [...this.#entries.values()].flatMap(({ fate }) => {
      const isCovered =
        fate.kind === 'durable' &&
        fate.sequence < this.removedBelow &&
        (cut === undefined || fate.sequence <= cut);
      return isCovered ? [fate.sequence] : [];
    });
  }

  #checkSurvival(found: readonly PlainEntry[], writebackFailures: number): void {
    const bySequence = new Map(found.map(({ sequence, key }) => [sequence, idOf(key)]));
    const last = found.at(-1)?.sequence ?? 0n;
    const isTold = this.cacheLived && this.writebackFailures === writebackFailures;
    for (const { id, fate } of this.#entries.values()) {
      if (!('sequence' in fate) || this.mayMiss(fate.sequence)) continue;
      const isThere = bySequence.get(fate.sequence) === id;
      const missing = (): string => {
        return `entry ${String(id)} was acknowledged, and is not at ${String(fate.sequence)}`;
      };
      if (fate.kind === 'durable') this.#that(isThere, 'durable-survives', missing);
      else if (isTold) this.#that(isThere, 'written-survives-kill', missing);
      else this.#that(isThere || fate.sequence > last, 'order-without-gaps', missing);
    }
  }

  #checkLoss({ mode, kept }: AgreedLoss, ids: ReadonlySet<number>): void {
    const missing = [...kept].filter((id) => !ids.has(id));
    const extra = [...ids].filter((id) => !kept.has(id));
    this.#that(missing.length === 0 && extra.length === 0, 'corruption-reported', () => {
      const list = (numbers: readonly number[]): string => numbers.join(', ') || 'none';
      return `${mode} was to keep what is whole: missing ${list(missing)}, too many ${list(extra)}`;
    });
  }

  #giveUp(ids: ReadonlySet<number>): void {
    this.manifestAlone = true;
    for (const { id, fate } of this.#entries.values()) {
      if ('sequence' in fate && !ids.has(id)) this.#lost.add(fate.sequence);
    }
  }

  #checkEntry({ sequence, type, key, value }: PlainEntry, previous: PlainEntry | undefined): void {
    const id = idOf(key);
    const entry = this.#entries.get(id);
    this.#that(this.isExact({ type, key, value }), 'nothing-invented', () => {
      return `what is at sequence ${String(sequence)} was never submitted`;
    });
    if (entry === undefined) return;
    const { fate } = entry;
    this.#that(fate.kind !== 'gone', 'no-resurrection', () => {
      return `entry ${String(id)} was left out before, and is back`;
    });
    if ('sequence' in fate) {
      this.#that(fate.sequence === sequence, 'offsets-exact', () => {
        return `entry ${String(id)} moved from ${String(fate.sequence)} to ${String(sequence)}`;
      });
    }
    if (previous === undefined) return;
    let expected = previous.sequence + 1n;
    while (expected < sequence && this.#lost.has(expected)) expected += 1n;
    const follows = sequence === expected && id > idOf(previous.key);
    this.#that(follows, 'order-without-gaps', () => {
      const before = `${String(previous.sequence)} (entry ${String(idOf(previous.key))})`;
      return `sequence ${String(sequence)} (entry ${String(id)}) follows ${before}`;
    });
  }

  #that(holds: boolean, invariant: InvariantName, words: () => string): void {
    this.#checks?.that(holds, invariant, words);
  }
}
