// What all processes of one simulated world share: the disk, the choices, which faults exist, the
// counts of what fired, and the trace. It outlives every crash.

import { Arena } from './arena.js';
import { type Choices, LANE } from './choices.js';
import { SimDisk } from './disk.js';
import type { SimInode } from './disk-file.js';
import {
  FAULTS,
  FAULT_INDEX,
  FAULT_NAMES,
  type FaultName,
  type FaultSite,
  QUIET_FAULTS,
} from './faults.js';
import { Checks } from './invariants.js';
import type { Profile } from './profile.js';

/** One line of a world's history. */
export interface TraceEvent {
  readonly step: number;
  /** `issued`, `applied`, `durable`, `done` and `failed` tell of the operation `op`. */
  readonly kind: TraceKind;
  readonly op: number;
  readonly text: string;
  /** The sectors of the watched file at this moment, one letter each. */
  readonly sectors: string;
}

export type TraceKind =
  | 'issued'
  | 'applied'
  | 'durable'
  | 'done'
  | 'failed'
  | 'fault'
  | 'caller'
  | 'detail'
  | 'world'
  | 'verdict';

/** How the file system of a world is, whatever else happens. */
export interface SimFileSystem {
  readonly profile: Profile;
  /** O_DIRECT is granted, and reads past the page cache are possible. */
  readonly direct: boolean;
  /** A dsync write really syncs its range. */
  readonly honoursDsync: boolean;
}

const NO_FAULT: readonly number[] = [];
const FOCUS_FACTOR = 3;

export class SimEnvironment {
  readonly choices: Choices;
  readonly fileSystem: SimFileSystem;
  readonly checks = new Checks();
  /** All memory of the world, but for what callers and the oracle hold. */
  readonly arena = new Arena();
  disk: SimDisk;
  /** Events taken so far, over all lives of the world. */
  step = 0;
  /** Virtual time in milliseconds. */
  clock = 0;
  /** Rolling hash over everything that happened: equal worlds have equal hashes. */
  hash = 0x811c9dc5;
  /** How often each fault fired, by {@link FAULT_INDEX}. */
  readonly fired: number[] = FAULT_NAMES.map(() => 0);
  /** How long the story of the world is, in steps; a process that starts counts as well. */
  told = 0;
  /** How often a workload came to something that it has a name for. */
  readonly reached = new Map<string, number>();
  readonly trace: TraceEvent[] | undefined;
  /** While set, writes that need space fail. */
  shortage: { readonly errno: string; readonly untilStep: number } | undefined;
  /** The file whose sectors the trace shows. */
  watchedPath = '/log';
  /** When the last fault of an operation struck. */
  lastFaultStep = -1;
  /** How many instants in which operations change the disk have passed since. */
  landedSinceFault = 0;
  /** How often writeback has failed, in whatever way. */
  writebackFailures = 0;
  /** Faults strike only while this is set; crashes are the world's own business. */
  faultsOn = true;
  /** How readily an older version of a sector reaches the medium before it is overwritten, /256. */
  writebackEagerness = 0;
  /** The fault class that this world is about, if it is about one: it strikes far more often. */
  focus: FaultName | undefined;
  /** Sees every truncation right before it takes effect. */
  onTruncate: ((path: string, inode: SimInode, size: number) => void) | undefined;
  #weights = new Map<FaultSite, readonly number[]>();
  readonly #sites = new Map<FaultSite, readonly FaultName[]>();
  readonly #enabled: ReadonlySet<FaultName>;

  constructor(
    choices: Choices,
    fileSystem: SimFileSystem,
    enabled: ReadonlySet<FaultName>,
    options: { readonly traced?: boolean; readonly disk?: SimDisk } = {},
  ) {
    this.choices = choices;
    this.fileSystem = fileSystem;
    this.disk = options.disk ?? new SimDisk(this.arena);
    this.trace = options.traced === true ? [] : undefined;
    this.#enabled = enabled;
  }

  /** Whether operations can fail at all. */
  get hasFaults(): boolean {
    return this.#enabled.size > 0;
  }

  has(fault: FaultName): boolean {
    return this.#enabled.has(fault);
  }

  /** Decides which fault of a site strikes now, if any. Does not count it: the caller knows. */
  draw(site: FaultSite): FaultName | undefined {
    if (!this.faultsOn) return undefined;
    const weights = this.#weights.get(site) ?? this.#prepare(site);
    if (weights.length === 0) return undefined;
    const index = this.choices.weighted(LANE.fault, weights);
    return index === 0 ? undefined : this.#sites.get(site)?.[index - 1];
  }

  /** Counts a fault that struck. */
  fire(fault: FaultName, text = ''): void {
    const index = FAULT_INDEX[fault];
    this.fired[index] = (this.fired[index] ?? 0) + 1;
    this.mix(index + 1000);
    if (!QUIET_FAULTS.includes(fault)) this.told += 1;
    if (FAULTS[fault].weight > 0 && fault !== 'slow-completion') {
      this.lastFaultStep = this.step;
      this.landedSinceFault = 0;
    }
    this.note('fault', 0, () => (text === '' ? fault : `${fault}: ${text}`));
  }

  /** Counts something that the workload came to. */
  reach(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1);
  }

  /** Whether space is short just now. */
  isShort(): boolean {
    const { shortage } = this;
    if (shortage === undefined) return false;
    if (this.faultsOn && this.step < shortage.untilStep) return true;
    this.shortage = undefined;
    return false;
  }

  /** An error that came out of the library to nobody: thrown in a callback, or rejected unheard. */
  stray(error: unknown): void {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.checks.that(false, 'everything-settles', () => `the library threw to nobody: ${words}`);
  }

  /** Adds a number to the hash of the history. */
  mix(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x01000193);
  }

  note(kind: TraceKind, op: number, text: () => string): void {
    if (kind === 'caller' || kind === 'world') this.told += 1;
    if (this.trace === undefined) return;
    const sectors = this.disk.file(this.watchedPath)?.sectorLetters() ?? '';
    this.trace.push({ step: this.step, kind, op, text: text(), sectors });
  }

  #prepare(site: FaultSite): readonly number[] {
    const names = FAULT_NAMES.filter((name) => FAULTS[name].site === site);
    const weights = names.map((name): number => {
      if (!this.#enabled.has(name)) return 0;
      return FAULTS[name].weight * (name === this.focus ? FOCUS_FACTOR : 1);
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const list = total === 0 ? NO_FAULT : [256 - Math.min(total, 200), ...weights];
    this.#sites.set(site, names);
    this.#weights.set(site, list);
    return list;
  }
}
