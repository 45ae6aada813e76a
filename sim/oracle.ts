// Holds what the library told its callers against what is on the simulated disk. Called after every
// step in which a promise settled, and after every recovery.

import { DamageKnowledge } from './damage-knowledge.js';
import type { SimInode } from './disk-file.js';
import type { SimEnvironment } from './environment.js';
import { type FoundRecord, Model, type ModelEntry, at, describe, holds } from './model.js';
import { bufferOf } from './oracle-codec.js';

/** What a writer reports about the log it opened; the part of `WalRecovery` that is judged. */
export interface RecoveryReport {
  readonly records: number;
  readonly bytes: number;
  readonly firstSequence: bigint | undefined;
  readonly lastSequence: bigint | undefined;
  readonly end: { readonly kind: string; readonly offset: number };
  readonly trimmedBytes: number;
  readonly quarantine: string | undefined;
}

/** Where an append says its record stands. */
export interface Position {
  readonly sequence: bigint;
  readonly offset: number;
  readonly length: number;
}

/** Rejections that say that the entry was never taken. */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'ERR_WAL_QUEUE_FULL',
  'ERR_WAL_CLOSED',
  'ABORT_ERR',
]);

export class Oracle {
  readonly model = new Model();
  readonly damage = new DamageKnowledge(this.model);
  readonly #environment: SimEnvironment;
  readonly #path: string;
  /** Every byte before this offset was verified to be on the medium. */
  #durableEnd = 0;
  /** Where the log ended when it was last opened. */
  #recoveredEnd = 0;
  /** The last crashes kept the page cache, so what was written counts. */
  #cacheLived = true;
  /** Writeback failures up to the last recovery. */
  #writebackFailures = 0;

  constructor(environment: SimEnvironment, path: string) {
    this.#environment = environment;
    this.#path = path;
  }

  /** The same knowledge in another world, which goes its own way from here. */
  fork(environment: SimEnvironment): Oracle {
    const copy = new Oracle(environment, this.#path);
    for (const entry of this.model.entries) copy.model.entries.push({ ...entry });
    copy.#durableEnd = this.#durableEnd;
    copy.#recoveredEnd = this.#recoveredEnd;
    copy.#cacheLived = this.#cacheLived;
    return copy;
  }

  // What callers were told.

  acknowledged(entry: ModelEntry, position: Position): void {
    const { checks } = this.#environment;
    const log = this.#environment.disk.file(this.#path);
    const wasGone = entry.state === 'gone';
    entry.state = 'written';
    entry.offset = position.offset;
    const exact =
      position.sequence === entry.entry.sequence && position.length === entry.bytes.length;
    checks.that(exact, 'offsets-exact', () => `${describe(entry)} was acknowledged as another`);
    checks.that(!wasGone, 'no-resurrection', () => `${describe(entry)} was left out before`);
    this.#checkNeighbour(entry);
    const isThere = log !== undefined && holds(log.cache, log.size, entry);
    // Byte for byte the record that the oracle encoded, its own CRC included.
    for (const invariant of ['no-swallowed-error', 'crc-exact'] as const) {
      checks.that(this.hasWritebackFailed || isThere, invariant, () => {
        return `${describe(entry)} was acknowledged at ${at(entry)}, but is not in the file there`;
      });
    }
    for (const earlier of this.model.entries) {
      if (earlier.index >= entry.index) break;
      if (earlier.state === 'rejected') earlier.state = 'gone';
    }
    if (entry.sync || entry.flushed) this.durable(entry, 'its append');
  }

  rejected(entry: ModelEntry, code: string | undefined): void {
    if (entry.state !== 'pending') return;
    entry.rejectedStep = this.#environment.step;
    entry.state = REFUSALS.has(code) ? 'refused' : 'rejected';
  }

  /** A flush resolved that was called when `count` entries had been submitted. */
  flushed(count: number, life: number): void {
    for (const entry of this.model.entries.slice(0, count)) {
      if (entry.life !== life) continue;
      entry.flushed = true;
      if (entry.state === 'written') this.durable(entry, 'a flush after it');
    }
  }

  /** An acknowledgement says that the entry is durable: so it must be, if the power went now. */
  durable(entry: ModelEntry, told: string): void {
    const { checks, disk, fileSystem } = this.#environment;
    entry.state = 'durable';
    if (fileSystem.profile === 'lying') return;
    const log = disk.file(this.#path);
    const end = entry.offset + entry.bytes.length;
    const failed = log === undefined ? 0 : this.#missingBefore(log, end);
    const broken = this.hasWritebackFailed ? 'no-swallowed-error' : 'durable-survives';
    const message = (): string =>
      `${describe(entry)} was acknowledged as durable by ${told}, but a power cut now would lose ` +
      `the log from offset ${String(failed)} on (the record is at ${at(entry)})`;
    checks.that(failed === undefined, broken, message);
    checks.that(disk.isPathDurable(this.#path), 'durable-survives', () => {
      return `${describe(entry)} is durable, but the log's directory entry is not`;
    });
  }

  // What happened to the world.

  crashed(cacheLives: boolean): void {
    this.#cacheLived &&= cacheLives;
  }

  /** The medium was damaged; `intact` are the records that are still whole. */
  damaged(intact: readonly FoundRecord[]): void {
    this.damage.intact = intact;
  }

  get isDamaged(): boolean {
    return this.damage.intact !== undefined;
  }

  /** An open was refused as corrupt. */
  refusedAsCorrupt(): void {
    const { checks, fileSystem } = this.#environment;
    if (this.isDamaged || fileSystem.profile === 'lying') {
      checks.that(true, 'corruption-reported', () => '');
      return;
    }
    checks.that(false, 'crash-is-not-corruption', () => {
      return 'nothing was damaged, yet the log was refused as corrupt after a crash';
    });
  }

  /** An open resolved: what it kept is the log now. */
  recovered(report: RecoveryReport): void {
    const { checks, disk, fileSystem } = this.#environment;
    const log = disk.file(this.#path);
    const found = log === undefined ? undefined : this.model.scan(log.cache, log.size);
    if (log === undefined || found === undefined) {
      checks.that(false, 'everything-settles', () => 'open resolved, but there is no log');
      return;
    }
    const { records, end } = found;
    this.#checkReport(report, records, end, log.size);
    const isLying = fileSystem.profile === 'lying';
    this.damage.recovered(records, bufferOf(log.cache));
    this.#checkOrigin(records);
    if (!isLying) {
      checks.that(true, 'crash-is-not-corruption', () => '');
      if (this.damage.intact === undefined) this.#checkSurvival(records);
      else this.#checkDamage(report, end, this.damage.intact);
      this.#checkKeptIsDurable(log, end);
    }
    this.#adopt(records, end);
  }

  /** Everything acknowledged is durable now, as after a close that resolved. */
  closed(life: number): void {
    this.flushed(this.model.entries.length, life);
    const log = this.#environment.disk.file(this.#path);
    const end = log === undefined ? 0 : this.model.scan(log.cache, log.size).end;
    this.#environment.checks.that(log?.size === end, 'offsets-exact', () => {
      return `a closed log ends with its last record, at ${String(end)}; the file does not`;
    });
  }

  // Checks.

  /** Since the last recovery; the kernel reported it, or will with the next sync. */
  get hasWritebackFailed(): boolean {
    return this.#environment.writebackFailures > this.#writebackFailures;
  }

  #checkNeighbour(entry: ModelEntry): void {
    let before = entry.index - 1;
    while (before >= 0) {
      const state = this.model.entries[before]?.state;
      if (state !== 'gone' && state !== 'refused' && state !== 'rejected') break;
      before--;
    }
    const previous = this.model.entries[before];
    if (previous !== undefined && previous.offset < 0) return;
    const previousEnd = previous === undefined ? 0 : previous.offset + previous.bytes.length;
    const end = Math.max(previousEnd, this.#recoveredEnd);
    this.#environment.checks.that(
      end === entry.offset,
      'offsets-exact',
      () =>
        `${describe(entry)} was acknowledged at offset ${String(entry.offset)}, but the record ` +
        `before it ends at ${String(end)}`,
    );
  }

  /** Offset of the first record before `end` that a power cut would lose; undefined: none. */
  #missingBefore(log: SimInode, end: number): number | undefined {
    const image = bufferOf(log.medium);
    while (this.#durableEnd < end) {
      const record = this.model.recordAt(image, this.#durableEnd, log.mediumSize);
      if (record?.entry === undefined) return this.#durableEnd;
      this.#durableEnd += record.length;
    }
    return undefined;
  }

  #checkReport(
    report: RecoveryReport,
    records: readonly FoundRecord[],
    end: number,
    size: number,
  ): void {
    const { checks } = this.#environment;
    const first = records[0]?.sequence;
    const last = records.at(-1)?.sequence;
    const exact = report.records === records.length && report.bytes === end && size === end;
    checks.that(
      exact && report.firstSequence === first && report.lastSequence === last,
      'offsets-exact',
      () =>
        `recovery told of ${String(report.records)} records in ${String(report.bytes)} bytes, ` +
        `the file has ${String(records.length)} in ${String(end)} and is ${String(size)} long`,
    );
  }

  #checkOrigin(records: readonly FoundRecord[]): void {
    const { checks, fileSystem } = this.#environment;
    for (const { entry, sequence, offset } of records) {
      if (this.damage.isExposed(sequence)) continue;
      checks.that(entry !== undefined && entry.state !== 'refused', 'nothing-invented', () =>
        entry === undefined
          ? `the record at offset ${String(offset)} was never submitted`
          : `${describe(entry)} is in the log, but its append was refused`,
      );
      if (entry === undefined || fileSystem.profile === 'lying') continue;
      checks.that(entry.state !== 'gone', 'no-resurrection', () => {
        return `${describe(entry)} had been left out of the log, and is back`;
      });
      if (entry.offset < 0 || this.isDamaged || this.damage.isMisplaced(entry)) continue;
      checks.that(entry.offset === offset, 'offsets-exact', () => {
        return `${describe(entry)} was acknowledged at ${at(entry)}, and is at ${String(offset)}`;
      });
    }
  }

  #checkSurvival(records: readonly FoundRecord[]): void {
    const kept = new Set<ModelEntry>();
    let last = -1;
    let lastStep = -1;
    for (const { entry } of records) {
      if (entry === undefined) continue;
      kept.add(entry);
      if (this.damage.isMisplaced(entry)) continue;
      this.#environment.checks.that(entry.index > last, 'order-without-gaps', () => {
        return `${describe(entry)} is replayed behind entry ${String(last)}`;
      });
      last = entry.index;
      lastStep = entry.submittedStep;
    }
    for (const entry of this.model.entries) {
      if (kept.has(entry)) continue;
      this.#checkMissing(entry, last, lastStep);
    }
    this.#environment.checks.that(true, 'durable-survives', () => '');
    if (this.#cacheLived) this.#environment.checks.that(true, 'written-survives-kill', () => '');
  }

  #checkMissing(entry: ModelEntry, last: number, lastStep: number): void {
    const { checks } = this.#environment;
    const missing = (): string => `${describe(entry)} is missing after recovery`;
    switch (entry.state) {
      case 'durable':
        checks.that(false, 'durable-survives', () => `${missing()}, but was durable`);
        return;
      case 'written': {
        const told = this.#cacheLived && !this.hasWritebackFailed;
        checks.that(!told, 'written-survives-kill', () => {
          return `${missing()}, but was acknowledged, and only the process had died`;
        });
        checks.that(entry.index > last, 'order-without-gaps', () => {
          return `${missing()}, but was acknowledged, and entry ${String(last)} behind it is there`;
        });
        return;
      }
      case 'pending':
      case 'rejected': {
        const free = entry.rejectedStep <= lastStep || entry.index > last;
        checks.that(free, 'order-without-gaps', () => {
          return `${missing()}, but entry ${String(last)}, submitted while it was pending, is there`;
        });
        return;
      }
      default:
    }
  }

  /** Damage that whole records follow must have been told. */
  #checkDamage(report: RecoveryReport, end: number, intact: readonly FoundRecord[]): void {
    const lost = intact.filter(({ offset }) => offset >= end);
    const isTold = report.quarantine !== undefined;
    this.#environment.checks.that(isTold || lost.length === 0, 'corruption-reported', () => {
      return (
        `damage was taken for the end of the log at ${String(end)}: ${String(lost.length)} whole ` +
        'durable records behind it are gone, and no copy was kept'
      );
    });
  }

  /** What recovery returned survives the next power cut. */
  #checkKeptIsDurable(log: SimInode, end: number): void {
    const { checks, disk } = this.#environment;
    const image = bufferOf(log.medium).subarray(0, end);
    const same = log.mediumSize === end && image.compare(log.cache, 0, end) === 0;
    checks.that(same && disk.isPathDurable(this.#path), 'recovery-idempotent', () => {
      return (
        `open returned a log of ${String(end)} bytes, but a power cut now would leave another ` +
        `(${String(log.mediumSize)} bytes on the medium)`
      );
    });
  }

  /** What was kept is durable from here on, what was left out may never return. */
  #adopt(records: readonly FoundRecord[], end: number): void {
    for (const entry of this.model.entries) {
      if (entry.state !== 'refused') entry.state = 'gone';
    }
    for (const { entry, offset } of records) {
      if (entry === undefined) continue;
      entry.state = 'durable';
      entry.offset = offset;
    }
    this.#durableEnd = end;
    this.#recoveredEnd = end;
    this.#cacheLived = true;
    this.#writebackFailures = this.#environment.writebackFailures;
    this.damage.intact = undefined;
  }
}
