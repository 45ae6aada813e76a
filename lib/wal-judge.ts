// What is wrong with a log, as far as no crash can explain it. Segments must follow each other
// without a gap, in numbers and in sequences, and only the last of them may have a torn tail.

import { join } from 'node:path';
import { MANIFEST_NAME, isKnownGap } from './manifest.js';
import { segmentName } from './segments.js';
import type { Survey, SurveyedSegment } from './wal-survey.js';

/** Damage, told by name and offset. */
export interface Damage {
  readonly path: string;
  /** Bytes from the start of the file; undefined when it is the file that is missing. */
  readonly offset: number | undefined;
  readonly reason: string;
  /** How many of the surveyed segments come before it; of the last of them perhaps not all. */
  readonly keep: number;
  /** The segment that cannot be part of the log, whatever is done about the damage. */
  readonly discard: SurveyedSegment | undefined;
}

/** What a survey comes to. */
export interface Judgement {
  /** In the order of the log. */
  readonly damages: readonly Damage[];
  /** Index of the segment that appends go on in; the ones behind it were made ahead. */
  readonly activeIndex: number;
  /** How many entries are known to be missing between those that are there. */
  readonly lost: bigint;
  /** Their sequences, first and last of each gap, where somebody is left to tell them. */
  readonly lostSequences: readonly (readonly [first: bigint, last: bigint])[];
}

/** Judges a survey of `directory`. */
export function judge(survey: Survey, directory: string): Judgement {
  return new Judge(survey, directory).run();
}

class Judge {
  readonly #survey: Survey;
  readonly #directory: string;
  readonly #damages: Damage[] = [];
  readonly #activeIndex: number;
  #previous: SurveyedSegment | undefined;
  /** How much damage was told before what is behind the previous segment's start. */
  #toldBefore = 0;
  readonly #lostSequences: [bigint, bigint][] = [];

  constructor(survey: Survey, directory: string) {
    const { segments, manifest } = survey;
    const number = manifest?.active?.number;
    const lastData = segments.findLastIndex(({ isBlank }) => !isBlank);
    const known = segments.findIndex(({ segment }) => segment.number === number);
    this.#survey = survey;
    this.#directory = directory;
    this.#activeIndex = Math.max(lastData, known, 0);
  }

  run(): Judgement {
    const missing = [...this.#survey.missing].sort((a, b) => a - b);
    for (const [index, surveyed] of this.#survey.segments.entries()) {
      if (index > this.#activeIndex) break;
      while ((missing[0] ?? Infinity) < surveyed.segment.number) {
        this.#missing(missing.shift() ?? 0, index);
      }
      this.#follow(surveyed, index);
      this.#inside(surveyed, index);
    }
    for (const number of missing) this.#missing(number, this.#activeIndex + 1);
    this.#checkSequence();
    return {
      damages: this.#damages,
      activeIndex: this.#activeIndex,
      lost: this.#lostSequences.reduce((sum, [first, last]) => sum + last - first + 1n, 0n),
      lostSequences: this.#lostSequences,
    };
  }

  #add(
    path: string,
    offset: number | undefined,
    reason: string,
    keep: number,
    discard?: SurveyedSegment,
  ): void {
    this.#damages.push({ path, offset, reason, keep, discard });
  }

  #missing(number: number, index: number): void {
    this.#add(join(this.#directory, segmentName(number)), undefined, 'the file is missing', index);
  }

  /** Does it go on where the one before it ends? */
  #follow(surveyed: SurveyedSegment, index: number): void {
    const { first, path } = surveyed.segment;
    const before = this.#previous?.segment;
    if (first === undefined) return;
    const hasTold = this.#damages.length > this.#toldBefore;
    if (before?.last === undefined || first === before.last + 1n) {
      this.#goOnFrom(surveyed);
      return;
    }
    const starts = `starts with sequence ${String(first)}`;
    if (first <= before.last) {
      const reason = `it ${starts}, and the one before it ends with ${String(before.last)}`;
      this.#add(path, 0, reason, index, surveyed);
      return;
    }
    this.#lostSequences.push([before.last + 1n, first - 1n]);
    this.#goOnFrom(surveyed);
    // Damage that was told between the two is why there is a gap.
    if (hasTold || isKnownGap(this.#survey.manifest, before.last, first)) return;
    const reason = `it ends with sequence ${String(before.last)}, and '${path}' ${starts}`;
    this.#add(before.path, before.bytes, reason, index);
  }

  #goOnFrom(surveyed: SurveyedSegment): void {
    this.#previous = surveyed;
    this.#toldBefore = this.#damages.length;
  }

  #inside({ segment, end, contradiction, isBlank }: SurveyedSegment, index: number): void {
    const { path, bytes, last } = segment;
    const isActive = index === this.#activeIndex;
    const isDiscarded = this.#damages.at(-1)?.discard?.segment === segment;
    if (isDiscarded) return;
    if (contradiction !== undefined) {
      const empty = !isActive && last === undefined ? this.#survey.segments[index] : undefined;
      const { offset, reason } = contradiction;
      this.#add(path, offset, reason, empty === undefined ? index + 1 : index, empty);
    } else if (!isActive && last === undefined) {
      const reason = isBlank ? 'it is empty, and segments behind it are not' : end?.reason;
      this.#add(path, 0, reason ?? 'it is empty', index, this.#survey.segments[index]);
    } else if (end !== undefined && end.kind !== 'clean' && !isActive) {
      this.#add(path, end.offset, `${end.reason}, and segments follow`, index + 1);
    } else if (end?.kind === 'corrupt') {
      const next =
        end.next === undefined ? 'what follows' : `a whole record at ${String(end.next)}`;
      this.#add(path, bytes, `${end.reason}, and ${next} shows that it is no torn tail`, index + 1);
    }
  }

  /** The log must reach as far as the manifest knows, or nobody can tell which sequence comes next. */
  #checkSequence(): void {
    const { segments, manifest, isManifestBad } = this.#survey;
    if (this.#damages.length > 0) return;
    const last = this.#previous?.segment;
    const keep = segments.length;
    if (last?.last !== undefined) {
      const known = manifest?.nextSequence ?? 0n;
      if (known <= last.last + 1n) return;
      const reason = `it ends with sequence ${String(last.last)}, and ${String(known - 1n)} was there`;
      this.#add(last.path, last.bytes, reason, keep);
      return;
    }
    const isNew = (segments[0]?.segment.number ?? 0) <= 1;
    if (manifest !== undefined || (isNew && !isManifestBad)) return;
    const what = isManifestBad ? 'it is damaged' : 'it is missing';
    const reason = `${what}, and no record is left to tell which sequence comes next`;
    this.#add(join(this.#directory, MANIFEST_NAME), undefined, reason, keep);
  }
}
