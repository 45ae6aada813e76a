// Recovery of a directory of segments. What the manifest vouches for is checked by its size alone;
// the rest is read. Segments must follow each other without a gap, in numbers and in sequences;
// only the last one that holds anything may have a torn tail.

import { join } from 'node:path';
import { WalError, errnoOf } from './errors.js';
import type { IoDriver, IoFile } from './io/driver.js';
import type { Manifest } from './manifest.js';
import { MANIFEST_NAME, readManifest } from './manifest.js';
import type { WalRecovery } from './recovery.js';
import { recoverFile } from './recovery.js';
import type { ScannedSegment } from './segment-scan.js';
import { SegmentScan, scanSegment } from './segment-scan.js';
import type { Segment } from './segments.js';
import { listSegments, newSegment, segmentName } from './segments.js';
import type { ResolvedWalOptions } from './wal-options.js';

/** How many sealed segments are read at the same time. */
const PARALLEL_SCANS = 4;
/** Names in the directory that are the log's own, beside its segments. */
const OWN_NAMES = [MANIFEST_NAME, 'wal.lock', 'wal_'] as const;

/** What opening a log found and did. */
export interface RecoveryReport {
  /** Segments in the log. */
  readonly segments: number;
  /** Entries in the log; undefined when the manifest vouched for some segments, unread. */
  readonly entriesRecovered: bigint;
  /** Entries whose place in the log is known but whose bytes are lost. */
  readonly entriesCorrupted: bigint;
  /** Size of all that was kept, in bytes, and of what was read for it. */
  readonly bytesRecovered: number;
  readonly bytesRead: number;
  /** Bytes cut off. */
  readonly bytesDiscarded: number;
  readonly durationMs: number;
  /** Files that keep what was cut, where it could matter. */
  readonly quarantined: readonly string[];
  /** Names in the directory that are not the log's; they were left alone. */
  readonly foreign: readonly string[];
  /** Why the log was cut, if it was. */
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
export function recoverDirectory(
  driver: IoDriver,
  directory: string,
  options: ResolvedWalOptions,
): Promise<RecoveredDirectory> {
  return new DirectoryRecovery(driver, directory, options).run();
}

class DirectoryRecovery {
  readonly #driver: IoDriver;
  readonly #directory: string;
  readonly #options: ResolvedWalOptions;
  readonly #startedAt: number;
  readonly #segments: Segment[] = [];
  readonly #quarantined: string[] = [];
  #bytesRead = 0;
  #bytesTotal = 0;
  #bytesDiscarded = 0;
  #lost = 0n;
  #reason: string | undefined;

  constructor(driver: IoDriver, directory: string, options: ResolvedWalOptions) {
    this.#driver = driver;
    this.#directory = directory;
    this.#options = options;
    this.#startedAt = driver.now();
  }

  async run(): Promise<RecoveredDirectory> {
    const manifest = await readManifest(this.#driver, this.#directory);
    const listing = await listSegments(this.#driver, this.#directory, OWN_NAMES);
    const numbers = await this.#dropCheckpointed(listing.numbers, manifest);
    this.#checkNumbers(numbers, manifest);
    const vouched = this.#options.verifyAll ? [] : (manifest?.sealed ?? []);
    for (const segment of vouched) await this.#checkVouched(segment);
    const unread = numbers.filter((number) => !vouched.some((known) => known.number === number));
    const scans = await this.#scanAll(unread, manifest);
    const nextSequence = manifest?.nextSequence ?? 0n;
    const { file, active, lastSequence } = await this.#openLast(scans, nextSequence);
    return {
      segments: this.#segments,
      active,
      file,
      lastSequence,
      report: this.#report(listing.foreign),
    };
  }

  /** Removes what a checkpoint had dropped from the manifest but not yet from the directory. */
  async #dropCheckpointed(numbers: number[], manifest: Manifest | undefined): Promise<number[]> {
    const first = manifest?.firstNumber ?? 0;
    const dropped = numbers.filter((number) => number < first);
    for (const number of dropped) {
      await this.#driver.remove(join(this.#directory, segmentName(number)));
    }
    if (dropped.length > 0) await this.#driver.syncDirectory(this.#directory);
    return numbers.filter((number) => number >= first);
  }

  #checkNumbers(numbers: readonly number[], manifest: Manifest | undefined): void {
    const [lowest] = numbers;
    const known = manifest === undefined ? [] : [...manifest.sealed, manifest.active];
    const expected = known.flatMap((segment) => (segment === undefined ? [] : [segment.number]));
    const last = numbers.at(-1) ?? expected.at(-1) ?? 0;
    const from = expected[0] ?? lowest ?? 1;
    for (let number = from; number <= Math.max(last, expected.at(-1) ?? 0); number++) {
      if (numbers.includes(number)) continue;
      const path = join(this.#directory, segmentName(number));
      this.#damaged(path, undefined, 'the file is missing');
    }
  }

  /** A sealed segment that the manifest knows: whole, unless its size says otherwise. */
  async #checkVouched(segment: Segment): Promise<void> {
    const size = await this.#sizeOf(segment.path);
    if (size !== segment.bytes) {
      const reason = `it has ${String(size)} bytes, and had ${String(segment.bytes)} when sealed`;
      this.#damaged(segment.path, Math.min(size, segment.bytes), reason);
    }
    this.#segments.push(segment);
  }

  async #scanAll(numbers: number[], manifest: Manifest | undefined): Promise<ScannedSegment[]> {
    const scans: ScannedSegment[] = [];
    const known = this.#options.verifyAll ? undefined : manifest?.active;
    const jobs = numbers.map((number) =>
      known?.number === number ? known : newSegment(this.#directory, number),
    );
    for (const job of jobs) this.#bytesTotal += (await this.#sizeOf(job.path)) - job.bytes;
    for (let at = 0; at < jobs.length; at += PARALLEL_SCANS) {
      const group = jobs.slice(at, at + PARALLEL_SCANS).map((job) => this.#scan(job));
      scans.push(...(await Promise.all(group)));
    }
    return scans;
  }

  #scan(segment: Segment): Promise<ScannedSegment> {
    return scanSegment(this.#driver, segment, (bytes) => {
      this.#bytesRead += bytes;
      this.#options.onProgress({ bytesRead: this.#bytesRead, bytesTotal: this.#bytesTotal });
    });
  }

  /** Strings the scanned segments together, cuts the last, removes empty ones made ahead. */
  async #openLast(
    scans: ScannedSegment[],
    nextSequence: bigint,
  ): Promise<{ file: IoFile; active: Segment; lastSequence: bigint | undefined }> {
    let previous = this.#segments.at(-1)?.last;
    let lastWithBytes = scans.length - 1;
    while (lastWithBytes > 0 && scans[lastWithBytes]?.isBlank === true) lastWithBytes--;
    for (const spare of scans.slice(lastWithBytes + 1).reverse()) {
      await this.#driver.remove(spare.segment.path);
      await this.#driver.syncDirectory(this.#directory);
    }
    const kept = scans.slice(0, lastWithBytes + 1);
    for (const [index, scan] of kept.entries()) {
      const isLast = index === kept.length - 1;
      this.#checkOrder(scan, previous);
      if (!isLast && scan.end.kind !== 'clean') {
        if (await this.#cutMiddle(scan, kept.slice(index + 1))) {
          kept.length = index + 1;
          previous = scan.segment.last ?? previous;
          this.#segments.push(scan.segment);
          break;
        }
      }
      this.#segments.push(scan.segment);
      previous = scan.segment.last ?? previous;
    }
    const active = this.#segments.at(-1) ?? newSegment(this.#directory, 1);
    if (this.#segments.length === 0) this.#segments.push(active);
    const file = await this.#openActive(active);
    const floor = nextSequence > 0n ? nextSequence - 1n : undefined;
    const last = previous ?? active.last;
    const lastSequence = last === undefined || (floor ?? 0n) > last ? (floor ?? last) : last;
    return { file, active, lastSequence };
  }

  #checkOrder(scan: ScannedSegment, previous: bigint | undefined): void {
    const { first, path } = scan.segment;
    if (previous === undefined || first === undefined || first === previous + 1n) return;
    const reason = `its first sequence is ${String(first)}, after ${String(previous)} before it`;
    this.#damaged(path, 0, reason);
    if (first > previous) this.#lost += first - previous - 1n;
  }

  /** Damage in a segment that others follow. True when the log now ends there. */
  async #cutMiddle(scan: ScannedSegment, behind: ScannedSegment[]): Promise<boolean> {
    const { path } = scan.segment;
    this.#damaged(path, scan.end.offset, scan.end.reason);
    if (this.#options.recovery === 'salvage') {
      const recovery = await this.#recoverSegment(scan.segment, 'trim');
      await recovery.file.close();
      return false;
    }
    for (const later of behind.reverse()) {
      const to = await this.#freeName(`${later.segment.path}.discarded-0`);
      await this.#driver.rename(later.segment.path, to);
      await this.#driver.syncDirectory(this.#directory);
      this.#quarantined.push(to);
      this.#bytesDiscarded += later.segment.bytes;
    }
    return true;
  }

  async #freeName(base: string): Promise<string> {
    const names = new Set(await this.#driver.list(this.#directory));
    const isTaken = (path: string): boolean => names.has(path.slice(this.#directory.length + 1));
    for (let copy = 0; ; copy++) {
      const path = copy === 0 ? base : `${base}-${String(copy)}`;
      if (!isTaken(path)) return path;
    }
  }

  async #openActive(active: Segment): Promise<IoFile> {
    const mode = this.#options.recovery === 'strict' ? 'strict' : 'trim';
    const { file, recovery } = await this.#recoverSegment(active, mode);
    active.bytes = recovery.bytes;
    return file;
  }

  async #recoverSegment(
    segment: Segment,
    mode: 'strict' | 'trim',
  ): Promise<{ file: IoFile; recovery: WalRecovery }> {
    const { directIo, mode: fileMode } = this.#options.file;
    const file = await this.#driver.open(segment.path, {
      access: 'write',
      create: 'if-missing',
      direct: directIo,
      mode: fileMode,
    });
    try {
      const scan = new SegmentScan(segment);
      const recovery = await recoverFile(this.#driver, file, mode, {
        offset: segment.bytes,
        check: (run) => scan.add(run),
      });
      segment.bytes = recovery.bytes;
      this.#bytesDiscarded += recovery.end.kind === 'clean' ? 0 : recovery.trimmedBytes;
      if (recovery.end.kind !== 'clean') this.#reason = recovery.end.reason;
      if (recovery.quarantine !== undefined) this.#quarantined.push(recovery.quarantine);
      return { file, recovery };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #sizeOf(path: string): Promise<number> {
    const options = { access: 'read', create: 'never', direct: false, mode: 0o600 } as const;
    try {
      const file = await this.#driver.open(path, options);
      try {
        return await file.size();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw new WalError('ERR_WAL_OPEN', `cannot read the segment '${path}'`, {
        path,
        errno: errnoOf(cause),
        cause,
      });
    }
  }

  /** Damage that a crash cannot leave: refused, unless the caller asked for what can be kept. */
  #damaged(path: string, offset: number | undefined, reason: string): void {
    const at = offset === undefined ? '' : ` at offset ${String(offset)}`;
    this.#reason = `'${path}'${at}: ${reason}`;
    if (this.#options.recovery !== 'strict') return;
    throw new WalError(
      'ERR_WAL_CORRUPT',
      `'${path}' is damaged${at}: ${reason}; segments behind it show that it is no torn tail, and ` +
        "nothing was changed. Restore the file, or keep what can be kept with recovery: 'trim' " +
        "(everything before the damage) or 'salvage' (the segments behind it too)",
      { path, offset },
    );
  }

  #report(foreign: readonly string[]): RecoveryReport {
    const first = this.#segments.find((segment) => segment.first !== undefined)?.first;
    const last = this.#segments.findLast((segment) => segment.last !== undefined)?.last;
    const entries = first === undefined || last === undefined ? 0n : last - first + 1n - this.#lost;
    return {
      segments: this.#segments.length,
      entriesRecovered: entries,
      entriesCorrupted: this.#lost,
      bytesRecovered: this.#segments.reduce((sum, segment) => sum + segment.bytes, 0),
      bytesRead: this.#bytesRead,
      bytesDiscarded: this.#bytesDiscarded,
      durationMs: this.#driver.now() - this.#startedAt,
      quarantined: this.#quarantined,
      foreign,
      reason: this.#reason,
    };
  }
}
