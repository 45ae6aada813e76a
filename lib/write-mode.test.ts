// How a batch may go to the disk: every combination of facts, against the rules told in words.

import { expect, test } from 'vitest';

import type { WriteMode } from './write-mode.js';
import { writeMode } from './write-mode.js';

const NAMES = [
  'honoursDsync',
  'isDirect',
  'wantsDurable',
  'wantsWritten',
  'isZeroed',
  'isChain',
  'isWrittenDurable',
  'isSyncing',
] as const;

type Flags = Record<(typeof NAMES)[number], boolean>;

const ALL_FLAGS: Flags[] = Array.from(
  { length: 2 ** NAMES.length },
  (_, bits) =>
    Object.fromEntries(NAMES.map((name, at) => [name, (bits & (1 << at)) !== 0])) as Flags,
);

function modeOf({
  honoursDsync,
  isDirect,
  wantsDurable,
  wantsWritten,
  ...facts
}: Flags): WriteMode {
  return writeMode({
    file: { honoursDsync, direct: isDirect ? { blockBytes: 4096 } : undefined },
    waiting: { wantsDurable, wantsWritten },
    ...facts,
  });
}

const casesOf = (mode: WriteMode): Flags[] => ALL_FLAGS.filter((flags) => modeOf(flags) === mode);

test('a dsync write acknowledges nothing that it does not make durable', () => {
  const cases = casesOf('dsync');
  expect(cases).toHaveLength(6);
  for (const facts of cases) {
    expect(facts).toMatchObject({
      honoursDsync: true,
      wantsDurable: true,
      isZeroed: true,
      isChain: true,
      isWrittenDurable: true,
    });
  }
});

test('who only wants to be written waits for no sync through the page cache', () => {
  const written = ALL_FLAGS.filter((facts) => facts.wantsWritten && !facts.isDirect);
  expect(written).toHaveLength(64);
  for (const facts of written) expect(modeOf(facts)).toBe('plain');
});

test('a batch waits only where an event is due, and for a dsync write', () => {
  const cases = casesOf('wait');
  expect(cases.length).toBeGreaterThan(0);
  for (const facts of cases) {
    expect(!facts.isChain || facts.isSyncing).toBe(true);
    expect(facts).toMatchObject({ honoursDsync: true, wantsDurable: true, isZeroed: true });
    expect(facts.wantsWritten).toBe(false);
  }
});

test('a plain write in flight, or a sync that others wait for, holds a durable batch back', () => {
  const facts: Flags = {
    honoursDsync: true,
    isDirect: false,
    wantsDurable: true,
    wantsWritten: false,
    isZeroed: true,
    isChain: true,
    isWrittenDurable: false,
    isSyncing: false,
  };
  expect(modeOf(facts)).toBe('plain');
  expect(modeOf({ ...facts, isSyncing: true })).toBe('wait');
  expect(modeOf({ ...facts, isChain: false })).toBe('wait');
  expect(modeOf({ ...facts, isWrittenDurable: true })).toBe('dsync');
  expect(modeOf({ ...facts, isWrittenDurable: true, isSyncing: true })).toBe('dsync');
});
