// What a repair would do, worked out from a look at the log, before anything is locked or changed.

import { basename } from 'node:path';
import type { WalEnd } from '../index.js';
import { segmentName } from '../segments.js';
import type { Look } from './look.js';
import { countText } from './text-table.js';

/** How to repair: the log ends at the first damage, or what stands behind it is kept as well. */
export type RepairMode = 'trim' | 'salvage';

/** One step: bytes that leave the log and are kept, or a file that goes. */
export type RepairStep = KeepingStep | RemovingStep;

interface KeepingStep {
  /** `cut`: the end of a file goes; `set-aside`: the whole file is renamed. */
  readonly action: 'cut' | 'set-aside';
  readonly file: string;
  /** Bytes from which on; 0 for whole files. */
  readonly offset: number;
  /** How many bytes leave the log. */
  readonly bytes: number;
  /** Where they are kept (with another suffix when that name is taken). */
  readonly kept: string;
  readonly reason: string;
}

/** Of a file that holds nothing of the log. */
interface RemovingStep {
  readonly action: 'remove';
  readonly file: string;
  readonly offset: 0;
  readonly bytes: 0;
  readonly kept: null;
  readonly reason: string;
}

/** A torn tail that holds no whole record: opening the log cuts it without keeping a copy. */
export interface TornTail {
  readonly path: string;
  readonly end: WalEnd;
}

/** What a repair comes to. */
export interface RepairPlan {
  /** What `Wal.open` does with `recovery: mode`, and the copies of {@link TornTail}s before it. */
  readonly steps: readonly RepairStep[];
  readonly tornTails: readonly TornTail[];
}

/** The plan for a log with this look. */
export function planDirectory(look: Look, mode: RepairMode): RepairPlan {
  const { judgement, segments, survey } = look;
  const { damages, activeIndex } = judgement;
  const log = segments.slice(0, activeIndex + 1);
  const [first] = damages;
  const aside = new Set<number>();
  if (first !== undefined && mode === 'trim') {
    for (const { segment } of log.slice(first.keep)) aside.add(segment.number);
  } else {
    for (const { discard } of damages) if (discard !== undefined) aside.add(discard.segment.number);
  }
  const steps: RepairStep[] = [];
  const tornTails: TornTail[] = [];
  for (const { segment, size, end } of log) {
    const { number, path } = segment;
    if (aside.has(number)) steps.push(setAside(path, size, reasonFor(look, path)));
    else if (end.kind !== 'clean') {
      const isDamaged = damages.some((damage) => damage.path === path);
      if (!isDamaged && isBareTail(end)) tornTails.push({ path, end });
      steps.push(cut(path, end));
    }
  }
  for (const number of survey.leftovers) {
    const reason = 'a checkpoint had dropped it already';
    const file = segmentName(number);
    steps.push({ action: 'remove', file, offset: 0, bytes: 0, kept: null, reason });
  }
  return { steps, tornTails };
}

/** The same for a single file, which ends so. */
export function planFile(path: string, end: WalEnd): RepairPlan {
  if (end.kind === 'clean') return { steps: [], tornTails: [] };
  return { steps: [cut(path, end)], tornTails: isBareTail(end) ? [{ path, end }] : [] };
}

function isBareTail({ kind, holdsRecords }: WalEnd): boolean {
  return kind === 'torn' && holdsRecords !== true;
}

function cut(path: string, { offset, size, reason }: WalEnd): KeepingStep {
  const file = basename(path);
  const kept = `${file}.discarded-${String(offset)}`;
  return { action: 'cut', file, offset, bytes: size - offset, kept, reason };
}

function setAside(path: string, bytes: number, reason: string): KeepingStep {
  const file = basename(path);
  const kept = `${file}.discarded-0`;
  return { action: 'set-aside', file, offset: 0, bytes, kept, reason };
}

function reasonFor({ judgement }: Look, path: string): string {
  const own = judgement.damages.find((damage) => damage.path === path);
  return own?.reason ?? 'the log ends before it';
}

/** A step as a sentence. */
export function describeStep(step: RepairStep): string {
  const { action, file, reason } = step;
  if (action === 'remove') return `remove ${file} (${reason})`;
  const { offset, bytes, kept } = step;
  const what = action === 'cut' ? `cut ${file} at offset ${String(offset)}` : `set ${file} aside`;
  return `${what}: ${countText(bytes)} bytes, kept in ${kept} (${reason})`;
}
