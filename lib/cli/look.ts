// Looking at a directory of segments without a lock and without changing anything, beside a live
// writer if there is one. Every record is read. Segments are read from the last to the first: by
// the time that one is read, those before it are as they will stay.

import { setTimeout as sleep } from 'node:timers/promises';
import { WalError, errnoOf } from '../errors.js';
import type { WalChunk, WalEnd } from '../index.js';
import { WalReader } from '../index.js';
import { createThreadpoolDriver } from '../io/threadpool.js';
import { knownSegments, readManifest } from '../manifest.js';
import * as record from '../record.js';
import type { Segment } from '../segments.js';
import { listSegments, newSegment } from '../segments.js';
import type { Judgement } from '../wal-judge.js';
import { judge } from '../wal-judge.js';
import type { Survey, SurveyedSegment } from '../wal-survey.js';
import { missingNumbers } from '../wal-survey.js';
import type { LockState } from './lock-state.js';
import { readLockState } from './lock-state.js';
import { stat } from 'node:fs/promises';

/** Beside a writer, what looks wrong may only be half done: how often to look again. */
const LOOKS_MAX = 5;
const LOOK_AGAIN_MS = 20;

/** A segment, and how many entries it holds. */
export interface LookedSegment extends SurveyedSegment {
  readonly end: WalEnd;
  readonly records: number;
  readonly puts: number;
}

/** A log as it was found. */
export interface Look {
  readonly directory: string;
  readonly segments: readonly LookedSegment[];
  readonly survey: Survey;
  readonly judgement: Judgement;
  readonly lock: LockState;
}

/** Hears how many bytes of a file were read. */
type OnBytes = (bytes: number) => void;

/** Looks at the log in `directory`. Rejects with WalError or the system's error. */
export async function lookAt(directory: string, onBytes: OnBytes = () => undefined): Promise<Look> {
  for (let looks = 1; ; looks++) {
    const lock = await readLockState({ kind: 'directory', path: directory });
    const isLast = looks >= LOOKS_MAX;
    try {
      const look = await lookOnce(directory, lock, onBytes);
      const isSound = look.judgement.damages.length === 0;
      if (isSound || lock.kind !== 'held' || isLast) return look;
    } catch (error) {
      // A checkpoint may remove a segment, or a rotation replace the manifest, under our eyes.
      if (errnoOf(error) !== 'ENOENT' || lock.kind !== 'held' || isLast) throw error;
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function lookOnce(directory: string, lock: LockState, onBytes: OnBytes): Promise<Look> {
  const driver = createThreadpoolDriver();
  const reading = await readManifest(driver, directory);
  const manifest = reading.kind === 'good' ? reading.manifest : undefined;
  const listing = await listSegments(driver, directory);
  const firstNumber = manifest?.firstNumber ?? 0;
  const numbers = listing.numbers.filter((number) => number >= firstNumber);
  const known = knownSegments(manifest);
  const segments: LookedSegment[] = [];
  for (const number of [...numbers].reverse()) {
    const looked = await lookAtSegment(newSegment(directory, number), lock, onBytes);
    const vouched = known.find((each) => each.number === number);
    const isActive = number === manifest?.active?.number;
    segments.unshift({ ...looked, contradiction: contradictionOf(looked, vouched, isActive) });
  }
  const survey: Survey = {
    segments,
    missing: missingNumbers(numbers, manifest),
    leftovers: listing.numbers.filter((number) => number < firstNumber),
    manifest,
    isManifestBad: reading.kind === 'bad',
    foreign: listing.foreign,
    bytesRead: segments.reduce((sum, { segment }) => sum + segment.bytes, 0),
  };
  return { directory, segments, survey, judgement: judge(survey, directory), lock };
}

function contradictionOf(
  { segment, size, end }: LookedSegment,
  known: Segment | undefined,
  isActive: boolean,
): SurveyedSegment['contradiction'] {
  if (known === undefined) return undefined;
  const had = `the manifest knows of ${String(known.bytes)} bytes of records`;
  if (segment.bytes < known.bytes) {
    return { offset: segment.bytes, reason: `${had}, and they end here: ${end.reason}` };
  }
  if (isActive || size === known.bytes) return undefined;
  return { offset: known.bytes, reason: `${had}, and the file has ${String(size)} bytes` };
}

async function lookAtSegment(
  segment: Segment,
  lock: LockState,
  onBytes: OnBytes,
): Promise<LookedSegment> {
  const reader = await WalReader.open(segment.path);
  try {
    const scan = new Scan(segment);
    let end = await scan.run(reader, onBytes);
    // A record that is being written right now is no torn tail.
    for (let looks = 1; looks < LOOKS_MAX && lock.kind === 'held'; looks++) {
      if (end.kind === 'clean' || scan.isOutOfOrder) break;
      await sleep(LOOK_AGAIN_MS);
      end = await scan.run(reader, onBytes);
    }
    const isBlank = segment.last === undefined && end.kind === 'clean';
    const { records, puts } = scan;
    return { segment, size: end.size, end, isBlank, contradiction: undefined, records, puts };
  } finally {
    await reader.close();
  }
}

/** Counts the entries of a segment, and stops where sequences do not follow each other. */
class Scan {
  records = 0;
  puts = 0;
  isOutOfOrder = false;
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  async run(reader: WalReader, onBytes: OnBytes): Promise<WalEnd> {
    const segment = this.#segment;
    for await (const chunk of reader.chunks()) {
      const before = segment.bytes;
      const offset = this.#add(chunk);
      onBytes(segment.bytes - before);
      if (offset === undefined) continue;
      this.isOutOfOrder = true;
      const { size } = await stat(segment.path);
      const reason = record.STOP_REASONS[record.STOP.BAD_SEQUENCE] ?? '';
      return { kind: 'corrupt', offset, size, reason, next: offset };
    }
    const { end } = reader;
    if (end === undefined) {
      throw new WalError('ERR_WAL_READ', `'${segment.path}' was not read to its end`);
    }
    return end;
  }

  /** Returns the offset of the first record that does not follow. */
  #add(chunk: WalChunk): number | undefined {
    const segment = this.#segment;
    for (const { sequence, type, offset, length } of chunk) {
      if (segment.last !== undefined && sequence !== segment.last + 1n) return offset;
      segment.first ??= sequence;
      segment.last = sequence;
      segment.bytes = offset + length;
      this.records += 1;
      if (type === 'put') this.puts += 1;
    }
    return undefined;
  }
}
