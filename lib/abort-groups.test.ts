// What waits under one abort signal shares one listener, which goes with the last of them.

import { getEventListeners } from 'node:events';

import { expect, test } from 'vitest';

import { AbortGroups } from './abort-groups.js';
import { forEachDriver } from './test-tools/drivers.js';
import { expectLog, freshLog } from './test-tools/logs.js';
import { outcomesOf } from './test-tools/outcomes.js';
import { entryOf, samplePuts } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

test('members hear of their own signal, in order, once', () => {
  const heard: unknown[] = [];
  const groups = new AbortGroups<string>((members, reason) => heard.push([members, reason]));
  const [one, other] = [new AbortController(), new AbortController()];
  for (const member of ['a', 'b', 'c']) groups.join(one.signal, member);
  groups.join(other.signal, 'd');
  groups.leave(one.signal, 'b');
  one.abort('enough');
  one.abort('again');
  expect(heard).toEqual([[['a', 'c'], 'enough']]);
  groups.leave(one.signal, 'a');
  groups.leave(other.signal, 'd');
  other.abort();
  expect(heard).toHaveLength(1);
});

test('a signal has a listener while somebody waits under it, and no more than one', () => {
  const groups = new AbortGroups<number>(() => undefined);
  const { signal } = new AbortController();
  for (let round = 0; round < 3; round++) {
    for (let member = 0; member < 20; member++) groups.join(signal, member);
    expect(listenersOf(signal)).toBe(1);
    for (let member = 0; member < 19; member++) groups.leave(signal, member);
    expect(listenersOf(signal)).toBe(1);
    groups.leave(signal, 19);
    expect(listenersOf(signal)).toBe(0);
  }
});

forEachDriver((driver) => {
  test('many appends that wait under one signal add one listener, and give it back', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, channelCapacity: 2 });
    const { signal } = new AbortController();
    const records = samplePuts(100);
    const appends = records.map((record) => writer.append(entryOf(record), { signal }));
    expect(writer.stats().waiting).toBe(98);
    expect(listenersOf(signal)).toBe(1);
    await Promise.all(appends);
    expect(listenersOf(signal)).toBe(0);
    await writer.close();
    expectLog(path, records);
  });

  test('an abort takes all of them out before anybody else is let in', async () => {
    const path = freshLog();
    const writer = await UringWalWriter.open(path, { driver, channelCapacity: 1 });
    const controller = new AbortController();
    const [first, ...rest] = samplePuts(11);
    const last = rest.pop();
    if (first === undefined || last === undefined) throw new Error('eleven records');
    const { signal } = controller;
    const appends = [
      writer.append(entryOf(first)),
      ...rest.map((record) => writer.append(entryOf(record), { signal })),
      writer.append(entryOf(last)),
    ];
    controller.abort(new Error('enough'));
    const outcomes = await outcomesOf(appends);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, ...rest.map(() => false), true]);
    expect(writer.stats()).toMatchObject({ rejected: rest.length, waiting: 0 });
    await writer.close();
    expectLog(path, [first, last]);
  });
});
