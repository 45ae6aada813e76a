// The manifest as text: lines of `crc body`, each body JSON on which the checksum is taken. The first
// line is a manifest; each further one tells what has become of the log since the line before.
//
// A crash may leave half a line, so one that is no line ends the text, unless a whole one follows:
// that no crash leaves, and nothing of it is believed.

import { crc32 } from './checksum.js';
import type { Manifest } from './manifest.js';
import type { Gap, Segment, SequencePoint } from './segments.js';
import { newSegment } from './segments.js';

const VERSION = 1;

/** What has become of a log: segments were sealed, and another is active. */
export interface ManifestChange {
  readonly nextSequence: bigint;
  /** Sealed since, ascending. */
  readonly sealed: readonly Segment[];
  readonly active: Segment | undefined;
}

interface SegmentJson {
  number: number;
  bytes: number;
  first?: string;
  last?: string;
  index: [string, number][];
}

interface ChangeJson {
  nextSequence: string;
  sealed: SegmentJson[];
  active: SegmentJson | null;
}

interface GapJson {
  numbers: [number, number];
  sequences: [string | null, string | null];
}

interface ManifestJson extends ChangeJson {
  version: number;
  firstNumber: number;
  gaps?: GapJson[];
}

interface LineJson extends ChangeJson {
  /** Which line of the text it is. */
  line: number;
}

/** The first line: a manifest. */
export function manifestText(manifest: Manifest): Uint8Array {
  const { firstNumber, gaps } = manifest;
  const json: ManifestJson = {
    version: VERSION,
    firstNumber,
    ...(gaps.length > 0 && { gaps: gaps.map(gapJson) }),
    ...changeJson(manifest),
  };
  return lineText(json);
}

/** A line behind `lines` others. */
export function changeText(change: ManifestChange, lines: number): Uint8Array {
  const json: LineJson = { line: lines, ...changeJson(change) };
  return lineText(json);
}

/**
 * What a text says; undefined when it is not to be believed. Throws when a checksum is right, but
 * not what it covers.
 */
export function parseManifest(directory: string, text: string): Manifest | undefined {
  // Behind the end of the last line there is nothing, or half a line.
  const lines = text.split('\n').slice(0, -1);
  const [first, ...rest] = lines.map(bodyOf);
  if (first === undefined) return undefined;
  const json = JSON.parse(first) as ManifestJson;
  if (json.version !== VERSION) return undefined;
  const sealed = json.sealed.map((segment) => fromJson(directory, segment));
  let { nextSequence, active } = json;
  const end = rest.indexOf(undefined);
  if (end >= 0 && rest.slice(end).some((body) => body !== undefined)) return undefined;
  for (const [index, body] of rest.entries()) {
    if (body === undefined) break;
    const change = JSON.parse(body) as LineJson;
    if (change.line !== index + 1) return undefined;
    for (const segment of change.sealed) sealed.push(fromJson(directory, segment));
    ({ nextSequence, active } = change);
  }
  return {
    firstNumber: json.firstNumber,
    nextSequence: BigInt(nextSequence),
    sealed,
    active: active === null ? undefined : fromJson(directory, active),
    gaps: (json.gaps ?? []).map(toGap),
  };
}

function gapJson({ numbers, sequences: [last, first] }: Gap): GapJson {
  return {
    numbers: [...numbers],
    sequences: [last?.toString() ?? null, first?.toString() ?? null],
  };
}

function toGap({ numbers, sequences: [last, first] }: GapJson): Gap {
  const sequence = (text: string | null): bigint | undefined =>
    text === null ? undefined : BigInt(text);
  return { numbers, sequences: [sequence(last), sequence(first)] };
}

function lineText(json: ManifestJson | LineJson): Uint8Array {
  const body = JSON.stringify(json);
  const crc = crc32(new TextEncoder().encode(body));
  return new TextEncoder().encode(`${crc.toString(16).padStart(8, '0')} ${body}\n`);
}

/** Undefined for what is no line. */
function bodyOf(line: string): string | undefined {
  const match = /^([0-9a-f]{8}) (.*)$/.exec(line);
  const [, crc, body] = match ?? [];
  if (crc === undefined || body === undefined) return undefined;
  return crc32(new TextEncoder().encode(body)) === parseInt(crc, 16) ? body : undefined;
}

function changeJson({ nextSequence, sealed, active }: ManifestChange): ChangeJson {
  return {
    nextSequence: String(nextSequence),
    sealed: sealed.map(toJson),
    active: active === undefined ? null : toJson(active),
  };
}

function toJson(segment: Segment): SegmentJson {
  const { number, bytes, first, last, index } = segment;
  return {
    number,
    bytes,
    ...(first === undefined ? {} : { first: String(first) }),
    ...(last === undefined ? {} : { last: String(last) }),
    index: index.map(({ sequence, offset }): [string, number] => [String(sequence), offset]),
  };
}

function fromJson(directory: string, json: SegmentJson): Segment {
  const segment = newSegment(directory, json.number);
  segment.bytes = json.bytes;
  segment.first = json.first === undefined ? undefined : BigInt(json.first);
  segment.last = json.last === undefined ? undefined : BigInt(json.last);
  for (const [sequence, offset] of json.index) {
    const point: SequencePoint = { sequence: BigInt(sequence), offset };
    segment.index.push(point);
  }
  return segment;
}
