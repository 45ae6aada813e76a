import { expect, test } from 'vitest';
import { nextTurn } from './turns.js';

test('a turn comes when everything that the one before woke has run', async () => {
  const seen: string[] = [];
  for (let round = 0; round < 100; round++) {
    await new Promise<void>((resolve) => {
      nextTurn(() => {
        let woken = Promise.resolve();
        for (let depth = 0; depth < 20; depth++) woken = woken.then(() => undefined);
        void woken.then(() => seen.push('woken'));
        nextTurn(() => {
          seen.push('turn');
          resolve();
        });
      });
    });
  }
  expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => ['woken', 'turn'][index % 2]));
});

test('turns come in the order in which they were asked for, however many', async () => {
  const order: number[] = [];
  await new Promise<void>((resolve) => {
    for (let index = 0; index < 200; index++) nextTurn(() => order.push(index));
    nextTurn(resolve);
  });
  expect(order).toEqual(Array.from({ length: 200 }, (_, index) => index));
});

test('a rejection that nobody hears is told before the next turn', async () => {
  const heard: unknown[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => heard.push(reason));
  try {
    const before = await new Promise<number>((resolve) => {
      nextTurn(() => {
        void Promise.reject(new Error('unheard'));
        nextTurn(() => {
          resolve(heard.length);
        });
      });
    });
    expect(before).toBe(1);
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
});
