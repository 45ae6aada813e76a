// Draws the entries that callers append: tiny and huge ones, and the ones that try to confuse a
// recovery: values of zeros, and values that hold whole records.

import { type Choices, LANE } from './choices.js';
import { type PlainEntry, encodeEntry } from './oracle-codec.js';
import { Random } from './random.js';

const EMPTY = new Uint8Array(0);
/** Sequences of records that are only ever nested in values, never submitted. */
const NESTED_SEQUENCE = 1n << 62n;
const SIZES_MAX = [24, 0, 200, 1500, 6000];
const SIZE_WEIGHTS = [10, 2, 5, 3, 1];
/** Batches of several sectors, with whole records in each. */
const FOCUS_SIZE_WEIGHTS = [4, 1, 10, 4, 1];
const HUGE_BYTES = 24_000;
/** Patterns are parts of one long one: where they may start, a power of two. */
const PATTERN_STARTS = 0x8000;
const PATTERN = makePattern(PATTERN_STARTS + HUGE_BYTES);

/** Draws the content of an entry. `huge`: the log is to grow; `focused`: a fault is waited for. */
export function drawEntry(
  choices: Choices,
  sequence: bigint,
  { huge, focused }: { readonly huge: boolean; readonly focused: boolean },
): PlainEntry {
  const kind = choices.weighted(LANE.action, focused ? FOCUS_SIZE_WEIGHTS : SIZE_WEIGHTS);
  const keyBytes = choices.below(LANE.action, 9);
  const key = keyBytes === 0 ? EMPTY : patterned(keyBytes, sequence);
  if (choices.chance(LANE.action, 24)) return { sequence, type: 'delete', key, value: EMPTY };
  const isHuge = huge && choices.chance(LANE.action, 200);
  const max = isHuge ? HUGE_BYTES : (SIZES_MAX[kind] ?? 0);
  const size = isHuge
    ? max - choices.below(LANE.action, max / 2)
    : choices.below(LANE.action, max + 1);
  return { sequence, type: 'put', key, value: valueOf(choices, size, sequence) };
}

function valueOf(choices: Choices, size: number, sequence: bigint): Uint8Array {
  switch (choices.weighted(LANE.action, [12, 2, 2])) {
    case 1:
      return new Uint8Array(size);
    case 2:
      return nested(size, sequence);
    default:
      return patterned(size, sequence);
  }
}

/** As many whole records as fit, behind some bytes that shift them. */
function nested(size: number, sequence: bigint): Uint8Array {
  const value = patterned(size, sequence);
  let offset = Number(sequence % 7n);
  for (let count = 0n; count < 8n; count++) {
    const inner = encodeEntry({
      sequence: NESTED_SEQUENCE + sequence * 8n + count,
      type: 'put',
      key: patterned(3, count),
      value: EMPTY,
    });
    if (offset + inner.length > size) break;
    value.set(inner, offset);
    offset += inner.length;
  }
  return value;
}

/** Bytes that differ from entry to entry and from place to place, none of them zero. */
function patterned(size: number, sequence: bigint): Uint8Array {
  const start = Math.imul(Number(sequence & 0xffffn) * 31 + size, 0x9e37) & (PATTERN_STARTS - 1);
  return PATTERN.slice(start, start + size);
}

function makePattern(bytes: number): Uint8Array {
  const random = new Random(bytes);
  return Uint8Array.from({ length: bytes }, () => random.next() | 1);
}
