// A caller that appends again and again, each time as soon as the append before is acknowledged,
// must leave the event loop to others: timers, sockets, whatever else this thread serves.

import { expect, onTestFinished, test } from 'vitest';

import { forEachDriver } from './test-tools/drivers.js';
import { freshLog } from './test-tools/logs.js';
import { entryOf, samplePut } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

/** Far more than fit into the time that one turn of the event loop may take. */
const ROUNDS_MAX = 100_000;
/** Turns of the event loop that others want. */
const TURNS = 20;

/** Counts turns of the event loop until there were enough. */
function countTurns(): { readonly turns: number } {
  const counter = { turns: 0 };
  const again = (): void => {
    counter.turns++;
    if (counter.turns < TURNS) setImmediate(again);
  };
  setImmediate(again);
  return counter;
}

forEachDriver((driver) => {
  test.each([1, 64])('appends by %i callers leave the event loop to others', async (callers) => {
    const writer = await UringWalWriter.open(freshLog(), { driver });
    onTestFinished(() => writer.close());
    const counter = countTurns();
    let appends = 0;
    const call = async (): Promise<void> => {
      while (counter.turns < TURNS && appends < ROUNDS_MAX) {
        await writer.append(entryOf(samplePut(++appends)));
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
    expect(counter.turns).toBe(TURNS);
    expect(appends).toBeLessThan(ROUNDS_MAX);
  });
});
