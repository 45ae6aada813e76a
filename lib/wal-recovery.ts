// Recovery of a directory of segments: it is looked at first, and judged; only then anything is
// changed, and nothing at all when it is refused.
//
//   damage that no crash explains       strict    trim                    salvage
//   a segment is missing                refuse    the log ends there      what follows is kept
//   a middle segment has a bad end      refuse    cut, the log ends there cut, the same
//   sequences skip                      refuse    the log ends there      kept, counted as lost
//   sequences come twice, no records    refuse    the log ends there      set aside, the same
//   the last segment is corrupt         refuse    cut                     cut
//
// What is cut is copied to `<segment>.discarded-<offset>`, what is set aside renamed to it.

import { join } from 'node:path';
import { WalError } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import { removeManifest, writeManifest } from './manifest.js';
import { quarantine } from './quarantine.js';
import type { RecoveryMode } from './recovery.js';
import { recoverFile } from './recovery.js';
import { SegmentScan } from './segment-scan.js';
import type { Segment } from './segments.js';
import { newSegment, pathAside, segmentName } from './segments.js';
import type { Damage, Judgement } from './wal-judge.js';
import { judge } from './wal-judge.js';
import type { ResolvedWalOptions } from './wal-options.js';
import type { Survey, SurveyedSegment } from './wal-survey.js';
import { surveyDirectory } from './wal-survey.js';
import { FileWindow } from './window.js';

/**
 * What opening a log found and did.
 *
 * @example
 * const wal = await Wal.open('app-wal');
 * const { segments, entriesRecovered, bytesDiscarded }: RecoveryReport = wal.recovery;
 * console.log(segments, entriesRecovered, bytesDiscarded); // → 1 1n 0
 * await wal.close();
 */
export interface RecoveryReport {
  /** Segments in the log. */
  readonly segments: number;
  /** Entries in the log. */
  readonly entriesRecovered: bigint;
  /** Entries that are known to have stood between those that are there. */
  readonly entriesCorrupted: bigint;
  /** Size of all records that were kept, and of those that were read for it, in bytes. */
  readonly bytesRecovered: number;
  /** What recovery had to read, in bytes. */
  readonly bytesRead: number;
  /** Bytes cut off or set aside. */
  readonly bytesDiscarded: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** Files that keep what was cut, where it could matter. */
  readonly quarantined: readonly string[];
  /** Names in the directory that are not the log's; they were left alone. */
  readonly foreign: readonly string[];
  /** Why something was cut or set aside; undefined when nothing was. */
  readonly reason: string | undefined;
}

/** A directory made ready: its segments, the last of which is open for appends. */
export interface RecoveredDirectory {
  readonly segments: Segment[];
  readonly active: Segment;
  readonly file: IoFile;
  readonly lastSequence: bigint | undefined;
  readonly report: RecoveryReport;
}

/** Recovers a locked directory. Rejects with `ERR_WAL_CORRUPT`, `ERR_WAL_READ` or an IoError. */
export async function recoverDirectory(
  driver: IoDriver,
  directory: string,
  options: ResolvedWalOptions,
): Promise<RecoveredDirectory> {
  const startedAt = driver.now();
  const survey = await surveyDirectory(driver, directory, options);
  const judgement = judge(survey, directory);
  const [damage] = judgement.damages;
  if (damage !== undefined && options.recovery === 'strict') throw refused(damage);
  const recovery = new DirectoryRecovery(driver, directory, options, survey, judgement);
  const { report, ...recovered } = await recovery.run();
  return { ...recovered, report: { ...report, durationMs: driver.now() - startedAt } };
}

/** What becomes of the segments. */
interface Plan {
  /** They stay, the last of them as the active one. */
  readonly kept: SurveyedSegment[];
  /** They are set aside. */
  readonly discarded: SurveyedSegment[];
  /** Made ahead, never used. */
  readonly spares: readonly SurveyedSegment[];
  /** Number of the active segment when none is kept. */
  readonly number: number;
}

class DirectoryRecovery {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: ResolvedWalOptions;
  readonly #survey: Survey;
  readonly #judgement: Judgement;
  readonly #quarantined: string[] = [];
  #bytesDiscarded = 0;
  #reason: string | undefined;

  constructor(
    driver: IoDriver,
    directory: string,
    options: ResolvedWalOptions,
    survey: Survey,
    judgement: Judgement,
  ) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#survey = survey;
    this.#judgement = judgement;
  }

  async run(): Promise<RecoveredDirectory> {
    const plan = this.#plan();
    const { damages } = this.#judgement;
    if (damages[0] !== undefined) {
      this.#reason = describe(damages[0]);
      await this.#disavow(plan);
    }
    await this.#remove(this.#survey.leftovers);
    for (const { segment, size } of plan.discarded.reverse()) await this.#setAside(segment, size);
    const last = plan.kept.pop();
    for (const middle of plan.kept) await this.#settleMiddle(middle);
    const segments = plan.kept.map(({ segment }) => segment);
    const active = last?.segment ?? newSegment(this.#directory, plan.number);
    segments.push(active);
    const mode = this.#options.recovery === 'strict' ? 'strict' : 'trim';
    const file = await this.#recover(active, mode, last, last === undefined);
    try {
      await this.#remove(plan.spares.map(({ segment }) => segment.number).reverse());
    } catch (error) {
      await file.close();
      throw error;
    }
    const next = this.#survey.manifest?.nextSequence ?? 0n;
    const known = next === 0n ? undefined : next - 1n;
    const lastSequence = segments.findLast((segment) => segment.last !== undefined)?.last ?? known;
    const report = this.#report(segments);
    return { segments, active, file, lastSequence, report };
  }

  #plan(): Plan {
    const { segments } = this.#survey;
    const { damages, activeIndex } = this.#judgement;
    const spares = segments.slice(activeIndex + 1);
    const log = segments.slice(0, activeIndex + 1);
    const [first] = damages;
    const number = this.#survey.missing[0] ?? segments[0]?.segment.number ?? 1;
    if (first === undefined) return { kept: log, discarded: [], spares, number };
    if (this.#options.recovery === 'trim') {
      const kept = log.slice(0, first.keep);
      return { kept, discarded: log.slice(first.keep), spares, number };
    }
    const discarded = damages.flatMap(({ discard }) => (discard === undefined ? [] : [discard]));
    return { kept: log.filter((each) => !discarded.includes(each)), discarded, spares, number };
  }

  /**
   * Before anything is changed that the manifest vouches for: one that vouches for nothing. What is
   * to be set aside still belongs to the log: should this fail half-way, it must not be taken for
   * what a checkpoint has left over.
   */
  async #disavow({ kept }: Plan): Promise<void> {
    const { manifest } = this.#survey;
    if (manifest === undefined) return;
    const hasRecord = kept.some(({ segment }) => segment.last !== undefined);
    try {
      await writeManifest(this.#driver, this.#directory, {
        firstNumber: manifest.firstNumber,
        nextSequence: hasRecord ? 0n : manifest.nextSequence,
        sealed: [],
        active: undefined,
        gaps: manifest.gaps,
      });
    } catch (error) {
      if (!hasRecord) throw error;
      await removeManifest(this.#driver, this.#directory);
    }
    await this.#driver.syncDirectory(this.#directory);
  }

  async #remove(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      await this.#driver.remove(join(this.#directory, segmentName(number)));
      await this.#driver.syncDirectory(this.#directory);
    }
  }

  async #setAside(segment: Segment, size: number): Promise<void> {
    const to = pathAside(segment, await this.#driver.list(this.#directory));
    await this.#driver.rename(segment.path, to);
    await this.#driver.syncDirectory(this.#directory);
    this.#quarantined.push(to);
    this.#bytesDiscarded += size;
  }

  /** A segment that others follow: exactly its records, and durable. */
  async #settleMiddle(surveyed: SurveyedSegment): Promise<void> {
    if (surveyed.end === undefined) return;
    const file = await this.#recover(surveyed.segment, 'trim', surveyed, false);
    await file.close();
  }

  async #recover(
    segment: Segment,
    mode: RecoveryMode,
    surveyed: SurveyedSegment | undefined,
    isNew: boolean,
  ): Promise<IoFile> {
    const file = await this.#driver.open(segment.path, {
      access: 'write',
      create: isNew ? 'if-missing' : 'never',
      direct: this.#options.file.directIo,
      mode: this.#options.file.mode,
    });
    try {
      // A torn tail is what a crash leaves, unless this is no place where a crash leaves one.
      const isDamaged = this.#judgement.damages.some(({ path }) => path === segment.path);
      const end = surveyed?.end;
      const isLost = isDamaged && end?.kind === 'torn' && end.holdsRecords !== true;
      if (surveyed !== undefined && isLost) await this.#keepTail(file, surveyed);
      const scan = new SegmentScan(segment);
      const recovery = await recoverFile(this.#driver, file, mode, {
        offset: segment.bytes,
        check: (run) => scan.add(run),
      });
      segment.bytes = recovery.bytes;
      if (recovery.quarantine !== undefined) this.#quarantined.push(recovery.quarantine);
      if (recovery.end.kind !== 'clean') {
        this.#bytesDiscarded += recovery.trimmedBytes;
        this.#reason ??= describe({ ...recovery.end, path: segment.path });
      }
      return file;
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
  }

  async #keepTail(file: IoFile, { end, size }: SurveyedSegment): Promise<void> {
    if (end === undefined || end.offset >= size) return;
    const window = new FileWindow(this.#driver, file, { size, pastCache: true });
    try {
      this.#quarantined.push(await quarantine(this.#driver, file, window, end));
    } finally {
      window.release();
    }
  }

  #report(segments: readonly Segment[]): RecoveryReport {
    let entries = 0n;
    for (const { first, last } of segments) {
      if (first !== undefined && last !== undefined) entries += last - first + 1n;
    }
    return {
      segments: segments.length,
      entriesRecovered: entries,
      entriesCorrupted: this.#judgement.lost,
      bytesRecovered: segments.reduce((sum, segment) => sum + segment.bytes, 0),
      bytesRead: this.#survey.bytesRead,
      bytesDiscarded: this.#bytesDiscarded,
      durationMs: 0,
      quarantined: this.#quarantined,
      foreign: this.#survey.foreign,
      reason: this.#reason,
    };
  }
}

function describe({ path, offset, reason }: Pick<Damage, 'path' | 'offset' | 'reason'>): string {
  const at = offset === undefined ? '' : ` at offset ${String(offset)}`;
  return `'${path}'${at}: ${reason}`;
}

function refused(damage: Damage): WalError {
  const { path, offset } = damage;
  return new WalError(
    'ERR_WAL_CORRUPT',
    `the log is damaged in ${describe(damage)}; no crash leaves this, and nothing was changed. ` +
      "Restore the file, or keep what can be kept with `uring-wal repair` or recovery: 'trim' " +
      "(everything before the damage), `--salvage` or 'salvage' (the segments behind it too)",
    { path, offset },
  );
}
