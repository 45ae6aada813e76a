// What a repair would do, worked out from a look at the log, before anything is locked or changed.

import { basename } from 'node:path';
import type { WalEnd } from '../index.js';
import { segmentName } from '../segments.js';
import type { Look, LookedSegment } from './look.js';
import { countText } from './text-table.js';

/** How to repair: the log ends at the first damage, or what stands behind it is kept as well. */
export type RepairMode = 'trim' | 'salvage';

/** One step. */
export interface RepairStep {
  /** `cut`: the end of a file goes; `set-aside`: the whole file is renamed; `remove`: it holds nothing. */
  readonly action: 'cut' | 'set-aside' | 'remove';
  readonly file: string;
  /** Bytes from which on; 0 for whole files. */
  readonly offset: number;
  /** How many bytes leave the log. */
  readonly bytes: number;
  /** Where they are kept, if they could matter (with another suffix when that name is taken). */
  readonly kept: string | null;
  readonly reason: string;
}

/** The steps that `Wal.open` takes on this log with `recovery: mode`. */
export function planDirectory(look: Look, mode: RepairMode): RepairStep[] {
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
  for (const each of log) {
    const { number, path } = each.segment;
    if (aside.has(number)) steps.push(setAside(each, reasonFor(look, path)));
    else if (each.end.kind !== 'clean') {
      const isDamaged = damages.some((damage) => damage.path === path);
      steps.push(cut(basename(path), each.end, isDamaged));
    }
  }
  for (const number of survey.leftovers) {
    const reason = 'a checkpoint had dropped it already';
    const file = segmentName(number);
    steps.push({ action: 'remove', file, offset: 0, bytes: 0, kept: null, reason });
  }
  return steps;
}

/** The same for a single file, which ends so. */
export function planFile(path: string, end: WalEnd): RepairStep[] {
  return end.kind === 'clean' ? [] : [cut(basename(path), end, false)];
}

function cut(file: string, end: WalEnd, isDamaged: boolean): RepairStep {
  const { offset, size, reason, kind } = end;
  const keeps = kind !== 'torn' || isDamaged;
  const kept = keeps ? `${file}.discarded-${String(offset)}` : null;
  return { action: 'cut', file, offset, bytes: size - offset, kept, reason };
}

function setAside({ segment, size }: LookedSegment, reason: string): RepairStep {
  const file = basename(segment.path);
  const kept = `${file}.discarded-0`;
  return { action: 'set-aside', file, offset: 0, bytes: size, kept, reason };
}

function reasonFor({ judgement }: Look, path: string): string {
  const own = judgement.damages.find((damage) => damage.path === path);
  return own?.reason ?? 'the log ends before it';
}

/** A step as a sentence. */
export function describeStep({ action, file, offset, bytes, kept, reason }: RepairStep): string {
  const copy = kept === null ? 'it holds no whole record' : `kept in ${kept}`;
  switch (action) {
    case 'cut':
      return `cut ${file} at offset ${String(offset)}: ${countText(bytes)} bytes, ${copy} (${reason})`;
    case 'set-aside':
      return `set ${file} aside: ${countText(bytes)} bytes, ${copy} (${reason})`;
    case 'remove':
      return `remove ${file} (${reason})`;
  }
}
