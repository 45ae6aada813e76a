import { expect, test } from 'vitest';
import { Choices } from './choices.js';
import { worldSeed } from './random.js';
import { type RunLists, shrink } from './shrink.js';
import { traceLines } from './story.js';
import { choicesOf, decodeToken, encodeToken } from './token.js';
import { runRegressions } from './regressions.js';
import { runWorld } from './world.js';

test('the choices of a world replay it, byte for byte', async () => {
  for (let index = 0; index < 20; index++) {
    const choices = Choices.fromSeed(worldSeed(7, index));
    const world = await runWorld(choices, {}, { traced: true });
    const token = encodeToken({ source: { kind: 'lists', lists: choices.recorded() }, limits: {} });
    const replayed = choicesOf(decodeToken(token).source);
    const again = await runWorld(replayed, {}, { traced: true });
    expect(again.hash).toBe(world.hash);
    expect(replayed.recorded()).toEqual(choices.recorded());
    expect(traceLines(again.trace ?? [])).toEqual(traceLines(world.trace ?? []));
  }
});

test('a bias bends the odds of a seed, and is no part of what is recorded', () => {
  const seeded = Choices.fromSeed(5);
  const biases = Array.from({ length: 50 }, () => seeded.bias([0, 1, 3]));
  expect(new Set(biases)).toEqual(new Set([1, 2]));
  const drawn = [seeded.below(0, 1000), seeded.below(0, 1000)];
  expect(seeded.recorded()[0]).toEqual(drawn);
  const replayed = Choices.fromLists([drawn]);
  expect([replayed.bias([0, 1, 3]), replayed.below(0, 1000), replayed.below(0, 1000)]).toEqual([
    0,
    ...drawn,
  ]);
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
    const result = { violation: fails ? violation : undefined, told: 0 };
    return Promise.resolve({ result, recorded, groups: [] });
  });
  expect(lists).toEqual([[4], [6], [], [], [], []]);
});

test('shrinking leaves things out whole, and counts them no more', async () => {
  // A thing says how many values it has; what is left over at the end breaks the case.
  const run: RunLists = (asked) => {
    const choices = Choices.fromLists(asked);
    const group = choices.group(0);
    group.countAt = choices.position(0);
    const things: number[][] = [];
    for (let left = choices.below(0, 10); left > 0; left--) {
      group.items.push(choices.mark());
      const length = choices.below(0, 20);
      things.push(Array.from({ length }, () => choices.below(0, 100)));
    }
    group.end = choices.mark();
    const isWhole = things.every((thing) => thing.length > 12);
    const fails = isWhole && things.some((thing) => thing.includes(77));
    const result = fails ? { violation: { invariant: 'crc-exact', message: '' } as const } : {};
    const { groups } = choices;
    return Promise.resolve({
      result: { violation: undefined, told: 0, ...result },
      recorded: choices.recorded(),
      groups,
    });
  };
  const thing = (last: number): number[] => [14, ...Array<number>(13).fill(50), last];
  const long = [4, ...thing(1), ...thing(2), ...thing(77), ...thing(3)];
  const { lists } = await shrink([long, [], [], [], [], []], run);
  expect(lists[0]?.[0]).toBe(1);
  expect(lists[0]?.filter((value) => value > 0).length).toBeLessThanOrEqual(3);
});

test('shrinking leaves a thing out with what it drew in other lanes', async () => {
  const run: RunLists = (asked) => {
    const choices = Choices.fromLists(asked);
    const group = choices.group(0);
    let fails = false;
    for (let isLast = false; !isLast;) {
      group.items.push(choices.mark());
      const [one, other] = [choices.below(0, 100), choices.below(1, 100)];
      fails ||= one === 70 && other === 7;
      isLast = one === 0;
    }
    const violation = fails ? ({ invariant: 'crc-exact', message: '' } as const) : undefined;
    const { groups } = choices;
    return Promise.resolve({
      result: { violation, told: 0 },
      recorded: choices.recorded(),
      groups,
    });
  };
  const { lists } = await shrink([[10, 20, 70, 5], [1, 2, 7, 9], [], [], [], []], run);
  expect(lists).toEqual([[70], [7], [], [], [], []]);
});

test('shrinking takes two choices away at once where neither can go alone', async () => {
  const { lists } = await shrink([[], [1], [9, 7], [], [], []], (asked) => {
    const seven = asked[1]?.[0] === 1 ? asked[2]?.[1] : asked[2]?.[0];
    const violation = seven === 7 ? ({ invariant: 'crc-exact', message: '' } as const) : undefined;
    const recorded = asked.map((list) => [...list]);
    return Promise.resolve({ result: { violation, told: 0 }, recorded, groups: [] });
  });
  expect(lists).toEqual([[], [], [7], [], [], []]);
});

test('shrinking prefers a shorter story to a few choices less', async () => {
  const { lists } = await shrink([[1, 1], [], [], [], [], []], (asked) => {
    const list = asked[0] ?? [];
    const violation =
      list.length > 0 ? ({ invariant: 'crc-exact', message: '' } as const) : undefined;
    const told = list.length === 1 ? 9 : 3;
    const recorded = asked.map((lane) => [...lane]);
    return Promise.resolve({ result: { violation, told }, recorded, groups: [] });
  });
  expect(lists[0]).toEqual([0, 1]);
});

test('what was found once stays mended', async () => {
  expect(await runRegressions()).toBeUndefined();
});
