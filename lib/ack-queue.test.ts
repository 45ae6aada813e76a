import { expect, test } from 'vitest';
import type { AckTally } from './ack-queue.js';
import { AckQueue } from './ack-queue.js';

const LENGTH = 10;
const noTally = (): AckTally => ({ records: 0, bytes: 0, end: 0 });

/** A queue, what became of its entries in order, and how to add one. */
function queueWithLog() {
  const queue = new AckQueue();
  const log: string[] = [];
  let count = 0;
  const push = (entries = 1): void => {
    for (let i = 0; i < entries; i++) {
      const name = String(count);
      queue.push(
        { sequence: BigInt(count), offset: count * LENGTH, length: LENGTH },
        () => log.push(`+${name}`),
        () => log.push(`-${name}`),
      );
      count++;
    }
  };
  return { queue, log, push };
}

const names = (sign: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `${sign}${String(from + at)}`);

test.each([1, 31, 32, 33, 63, 64, 65, 128, 500])('%i entries resolve once each', (entries) => {
  const { queue, log, push } = queueWithLog();
  for (let round = 0; round < 3; round++) {
    push(entries);
    expect(queue.headEnd).toBe((round * entries + 1) * LENGTH);
    const tally = noTally();
    queue.resolveUpTo((round + 1) * entries * LENGTH, tally);
    expect(tally.records).toBe(entries);
    expect(queue.isEmpty).toBe(true);
    expect(queue.headEnd).toBe(Infinity);
  }
  expect(log).toEqual(names('+', 0, 3 * entries));
});

test('a watermark in the middle settles what it has passed, wherever a piece ends', () => {
  const { queue, log, push } = queueWithLog();
  push(300);
  for (let end = 1; end <= 300; end += 7) {
    const tally = noTally();
    queue.resolveUpTo(end * LENGTH + LENGTH - 1, tally);
    expect(log).toEqual(names('+', 0, end));
    expect(tally.end).toBe(end * LENGTH);
    expect(queue.isEmpty).toBe(false);
    expect(queue.headEnd).toBe((end + 1) * LENGTH);
    expect(queue.lastEndUpTo(295 * LENGTH + 3)).toBe(end < 295 ? 295 * LENGTH : undefined);
  }
});

test('what is left is rejected in order, and what comes meanwhile as well', () => {
  const { queue, log, push } = queueWithLog();
  push(100);
  queue.resolveUpTo(20 * LENGTH, noTally());
  const settled: bigint[] = [];
  queue.rejectAll(
    () => new Error('no'),
    ({ sequence }) => {
      if (settled.push(sequence) === 50) push(3);
    },
  );
  expect(log).toEqual([...names('+', 0, 20), ...names('-', 20, 103)]);
  expect(settled.length).toBe(83);
  expect(queue.isEmpty).toBe(true);
  push();
  queue.resolveUpTo(Infinity, noTally());
  expect(log.at(-1)).toBe('+103');
});
