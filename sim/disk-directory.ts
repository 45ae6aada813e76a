// A simulated directory: its entries as every process sees them, the entries on the medium, and the
// journal of changes between the two, of which a crash keeps a prefix.

import type { SimInode } from './disk-file.js';
import type { SurvivalPlan } from './disk-survival.js';

export type SimEntry = SimInode | SimDirectory;

type EntryChange =
  | { readonly kind: 'link'; readonly name: string; readonly entry: SimEntry }
  | { readonly kind: 'unlink'; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly from: string;
      readonly to: string;
      readonly entry: SimEntry;
    };

export class SimDirectory {
  readonly entries = new Map<string, SimEntry>();
  readonly medium = new Map<string, SimEntry>();
  readonly journal: EntryChange[] = [];

  link(name: string, entry: SimEntry): void {
    this.#change({ kind: 'link', name, entry });
  }

  unlink(name: string): void {
    this.#change({ kind: 'unlink', name });
  }

  rename(from: string, to: string, entry: SimEntry): void {
    this.#change({ kind: 'rename', from, to, entry });
  }

  sync(): void {
    for (const change of this.journal) apply(this.medium, change);
    this.journal.length = 0;
  }

  /** Whether a power cut now would leave this entry under this name. */
  isDurable(name: string, entry: SimEntry): boolean {
    return this.medium.get(name) === entry;
  }

  powerCut(plan: SurvivalPlan): void {
    const kept = plan.changesKept(this.journal.length);
    for (const change of this.journal.slice(0, kept)) apply(this.medium, change);
    this.journal.length = 0;
    this.entries.clear();
    for (const [name, entry] of this.medium) {
      this.entries.set(name, entry);
      entry.powerCut(plan);
    }
  }

  clone(): SimDirectory {
    const copies = new Map<SimEntry, SimEntry>();
    const copied = (entry: SimEntry): SimEntry => {
      const known = copies.get(entry) ?? entry.clone();
      copies.set(entry, known);
      return known;
    };
    const directory = new SimDirectory();
    for (const [name, entry] of this.entries) directory.entries.set(name, copied(entry));
    for (const [name, entry] of this.medium) directory.medium.set(name, copied(entry));
    for (const change of this.journal) {
      directory.journal.push(
        change.kind === 'unlink' ? change : { ...change, entry: copied(change.entry) },
      );
    }
    return directory;
  }

  #change(change: EntryChange): void {
    apply(this.entries, change);
    this.journal.push(change);
  }
}

function apply(entries: Map<string, SimEntry>, change: EntryChange): void {
  switch (change.kind) {
    case 'link':
      entries.set(change.name, change.entry);
      return;
    case 'unlink':
      entries.delete(change.name);
      return;
    case 'rename':
      entries.delete(change.from);
      entries.set(change.to, change.entry);
  }
}
