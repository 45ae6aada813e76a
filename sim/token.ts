// A world as a short text: what `--replay` takes. Either its seed, or its choices.
//
//   seed.<profile>.<faults>.<seed>
//   list.<profile>.<faults>.<base64url of the lanes; a zero is followed by how many there are>
//
// Profile and faults are the limits of the campaign (`-`: none); they are part of the world, since
// what is limited is not drawn.

import { type ChoiceLists, Choices, LANES } from './choices.js';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { PROFILES, type Profile } from './profile.js';
import type { WorldLimits } from './world.js';

/** How a world begins. */
export type WorldSource =
  | { readonly kind: 'seed'; readonly seed: number }
  | { readonly kind: 'lists'; readonly lists: ChoiceLists };

export interface WorldToken {
  readonly source: WorldSource;
  readonly limits: WorldLimits;
}

export function choicesOf(source: WorldSource): Choices {
  return source.kind === 'seed' ? Choices.fromSeed(source.seed) : Choices.fromLists(source.lists);
}

export function encodeToken(token: WorldToken): string {
  const { source, limits } = token;
  const profile = limits.profile ?? '-';
  const faults = limits.faults === undefined ? '-' : maskOf(limits.faults).toString(36);
  const rest =
    source.kind === 'seed'
      ? source.seed.toString(36)
      : packLists(source.lists).toString('base64url');
  return `${source.kind === 'seed' ? 'seed' : 'list'}.${profile}.${faults}.${rest}`;
}

/** @throws RangeError when it is no token. */
export function decodeToken(text: string): WorldToken {
  const [kind, profileText, faultText, rest] = text.split('.');
  const bad = new RangeError(`'${text}' is no replay token: seed.… or list.… is`);
  if (rest === undefined || profileText === undefined || faultText === undefined) throw bad;
  const profile = PROFILES.find((name) => name === profileText);
  if (profile === undefined && profileText !== '-') throw bad;
  const faults = faultText === '-' ? undefined : faultsIn(faultText);
  const limits: { profile?: Profile; faults?: readonly FaultName[] } = {};
  if (profile !== undefined) limits.profile = profile;
  if (faults !== undefined) limits.faults = faults;
  if (kind === 'seed') {
    const seed = Number.parseInt(rest, 36);
    if (!Number.isSafeInteger(seed) || seed < 0) throw bad;
    return { source: { kind: 'seed', seed }, limits };
  }
  if (kind !== 'list') throw bad;
  return { source: { kind: 'lists', lists: unpackLists(Buffer.from(rest, 'base64url')) }, limits };
}

function maskOf(faults: readonly FaultName[]): bigint {
  return faults.reduce((mask, name) => mask | (1n << BigInt(FAULT_NAMES.indexOf(name))), 0n);
}

function faultsIn(text: string): FaultName[] {
  let mask = 0n;
  for (const digit of text) {
    const value = Number.parseInt(digit, 36);
    if (Number.isNaN(value)) throw new RangeError(`'${text}' names no faults`);
    mask = mask * 36n + BigInt(value);
  }
  return FAULT_NAMES.filter((_name, index) => ((mask >> BigInt(index)) & 1n) === 1n);
}

function packLists(lists: ChoiceLists): Buffer {
  const bytes: number[] = [];
  const put = (value: number): void => {
    let rest = value;
    while (rest > 127) {
      bytes.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
  };
  for (const list of lists) {
    put(list.length);
    for (let index = 0; index < list.length; index++) {
      put(list[index] ?? 0);
      if (list[index] !== 0) continue;
      let zeros = 1;
      while (list[index + zeros] === 0) zeros++;
      put(zeros);
      index += zeros - 1;
    }
  }
  return Buffer.from(bytes);
}

function unpackLists(bytes: Buffer): number[][] {
  let at = 0;
  const take = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  return LANES.map(() => {
    const length = take();
    const list: number[] = [];
    while (list.length < length && at < bytes.length) {
      const value = take();
      const count = value === 0 ? Math.min(take(), length - list.length) : 1;
      for (let index = 0; index < count; index++) list.push(value);
    }
    return list;
  });
}
