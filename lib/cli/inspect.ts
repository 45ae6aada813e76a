// `uring-wal inspect`: what stands in a log's directory, as a table.

import { basename } from 'node:path';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { describeLock } from './lock-state.js';
import type { Look, LookedSegment } from './look.js';
import { lookAt } from './look.js';
import { findDirectory } from './target.js';
import { countText, textTable } from './text-table.js';
import type { Told } from './told.js';
import { jsonLine, tell } from './told.js';
import type { Streams } from './streams.js';
import type { Command } from './usage.js';

type InspectCommand = Extract<Command, { kind: 'inspect' }>;

/** Runs the command; resolves to its exit code. */
export function runInspect(command: InspectCommand, streams: Streams): Promise<ExitCode> {
  return tell('inspect', streams, async () => {
    const look = await lookAt(await findDirectory(command.directory));
    return report(look, command.json);
  });
}

function report(look: Look, json: boolean): Told {
  const code = exitCodeOfLook(look);
  return { text: json ? jsonLine(toJson(look)) : toText(look), code };
}

/** 2 for damage that no crash explains, 1 for a tail as a crash leaves it. */
export function exitCodeOfLook({ judgement, segments }: Look): ExitCode {
  if (judgement.damages.length > 0) return EXIT.CORRUPT;
  const kind = segments[judgement.activeIndex]?.end.kind ?? 'clean';
  return kind === 'clean' ? EXIT.OK : EXIT.TORN;
}

/** What is wrong with the log, one sentence for each. */
export function describeDamages({ judgement, segments }: Look): string[] {
  const damages = judgement.damages.map(({ path, offset, reason }) => {
    const at = offset === undefined ? '' : ` at offset ${String(offset)}`;
    return `${basename(path)}${at}: ${reason}`;
  });
  const active = segments[judgement.activeIndex];
  if (damages.length > 0 || active === undefined || active.end.kind === 'clean') return damages;
  const { kind, offset, reason, size } = active.end;
  const what = kind === 'torn' ? 'torn tail' : kind;
  const left = `${String(size - offset)} bytes follow`;
  return [
    `${basename(active.segment.path)}: ${what} at offset ${String(offset)}: ${reason}; ${left}`,
  ];
}

/** What is missing between the segments, whether damage or a salvage is why; one line for each gap. */
export function describeLost({ judgement }: Look): string[] {
  return judgement.lostSequences.map(([first, last]) => {
    if (first === last) return `1 entry, sequence ${String(first)}`;
    return `${countText(last - first + 1n)} entries, sequences ${String(first)} to ${String(last)}`;
  });
}

function stateOf({ end, isBlank }: LookedSegment): string {
  return isBlank ? 'blank' : end.kind;
}

function toJson(look: Look): unknown {
  const { survey, judgement, segments, lock, directory } = look;
  const { manifest } = survey;
  return {
    directory,
    segments: segments.map((each) => ({
      number: each.segment.number,
      file: basename(each.segment.path),
      state: stateOf(each),
      records: each.records,
      first: each.segment.first ?? null,
      last: each.segment.last ?? null,
      bytes: each.segment.bytes,
      fileBytes: each.size,
      end: each.end,
    })),
    missing: survey.missing,
    leftovers: survey.leftovers,
    foreign: survey.foreign,
    manifest: {
      state: manifestState(look),
      firstNumber: manifest?.firstNumber ?? null,
      nextSequence: manifest?.nextSequence ?? null,
      sealed: manifest?.sealed.length ?? null,
      active: manifest?.active?.number ?? null,
    },
    lock,
    damages: judgement.damages.map(({ path, offset, reason }) => ({
      file: basename(path),
      offset: offset ?? null,
      reason,
    })),
    entriesLost: judgement.lost,
  };
}

function manifestState({ survey }: Look): 'good' | 'bad' | 'missing' {
  if (survey.isManifestBad) return 'bad';
  return survey.manifest === undefined ? 'missing' : 'good';
}

function toText(look: Look): string {
  const { survey, lock } = look;
  const lines = [
    `manifest  ${describeManifest(look)}`,
    `lock      ${describeLock(lock)}`,
    ...(survey.leftovers.length === 0
      ? []
      : [
          `leftover  segments ${survey.leftovers.join(', ')}: dropped by a checkpoint, not removed`,
        ]),
    ...(survey.foreign.length === 0 ? [] : [`foreign   ${survey.foreign.join(', ')}`]),
    ...describeDamages(look).map((damage) => `damage    ${damage}`),
    ...describeLost(look).map((lost) => `lost      ${lost}`),
  ];
  return `${segmentTable(look)}\n${lines.join('\n')}\n`;
}

function segmentTable({ segments, survey }: Look): string {
  const head = ['segment', 'state', 'records', 'first', 'last', 'bytes', 'file bytes'];
  const rows = segments.map((each) => ({
    number: each.segment.number,
    cells: [
      String(each.segment.number),
      stateOf(each),
      countText(each.records),
      String(each.segment.first ?? '-'),
      String(each.segment.last ?? '-'),
      countText(each.segment.bytes),
      countText(each.size),
    ],
  }));
  for (const number of survey.missing) {
    rows.push({ number, cells: [String(number), 'missing', '-', '-', '-', '-', '-'] });
  }
  rows.sort((a, b) => a.number - b.number);
  return textTable(
    [head, ...rows.map(({ cells }) => cells)],
    ['right', 'left', 'right', 'right', 'right', 'right', 'right'],
  );
}

function describeManifest(look: Look): string {
  const { manifest } = look.survey;
  if (manifest === undefined) {
    return look.survey.isManifestBad
      ? 'damaged: every segment is read'
      : 'missing: every segment is read';
  }
  const { sealed, active, firstNumber, nextSequence } = manifest;
  const current = active === undefined ? '' : `, active ${String(active.number)}`;
  return (
    `${String(sealed.length)} sealed from ${String(firstNumber)} on${current}, ` +
    `next sequence ${String(nextSequence)} at least`
  );
}
