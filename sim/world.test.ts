import { expect, test } from 'vitest';
import { Choices } from './choices.js';
import { worldSeed } from './random.js';
import { shrink } from './shrink.js';
import { traceLines } from './story.js';
import { choicesOf, decodeToken, encodeToken } from './token.js';
import { runRegressions } from './regressions.js';
import { runWorld } from './world.js';

test('the choices of a world replay it, byte for byte', async () => {
  for (let index = 0; index < 20; index++) {
    const choices = Choices.fromSeed(worldSeed(7, index));
    const world = await runWorld(choices, {}, { traced: true });
    const token = encodeToken({ source: { kind: 'lists', lists: choices.recorded() }, limits: {} });
    const again = await runWorld(choicesOf(decodeToken(token).source), {}, { traced: true });
    expect(again.hash).toBe(world.hash);
    expect(traceLines(again.trace ?? [])).toEqual(traceLines(world.trace ?? []));
  }
});

test('a token keeps seed, lists and limits', () => {
  const lists = [[1, 0, 0, 300], [], [0, 5], [], [70_000], []];
  const limits = { profile: 'btrfs', faults: ['short-write', 'kill'] } as const;
  const token = encodeToken({ source: { kind: 'lists', lists }, limits });
  expect(decodeToken(token)).toEqual({ source: { kind: 'lists', lists }, limits });
  const seed = encodeToken({ source: { kind: 'seed', seed: 2 ** 52 + 1 }, limits: {} });
  expect(decodeToken(seed)).toEqual({ source: { kind: 'seed', seed: 2 ** 52 + 1 }, limits: {} });
  expect(() => decodeToken('nonsense')).toThrow(RangeError);
});

test('shrinking leaves only the choices that matter', async () => {
  const violation = { invariant: 'crc-exact', message: '' } as const;
  const { lists } = await shrink([[3, 9, 4, 8], [1, 1, 1, 7, 1], [], [], [], []], (asked) => {
    const fails = (asked[0] ?? []).includes(4) && (asked[1] ?? []).some((value) => value > 5);
    const recorded = asked.map((list) => [...list]);
    return Promise.resolve({ result: { violation: fails ? violation : undefined }, recorded });
  });
  expect(lists).toEqual([[4], [6], [], [], [], []]);
});

test('what was found once stays mended', async () => {
  expect(await runRegressions()).toBeUndefined();
});
