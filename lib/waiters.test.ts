// The line of those that wait for room, and the numbers that records get when they are let in.

import { describe, expect, test } from 'vitest';

import { WalEntry } from './entry.js';
import type { Waiter, WaitingAppend } from './waiters.js';
import { WaitingLine, numbersOf, renumber } from './waiters.js';

function append(onStop = (): void => undefined): WaitingAppend {
  const item = WalEntry.put(0n, 'key', 'value');
  return {
    ...{ kind: 'append', item, record: item.encode(), sync: false, stopListening: onStop },
    ...{ resolve: () => undefined, reject: () => undefined },
  };
}

function flush(): Waiter {
  return { kind: 'flush', resolve: () => undefined, reject: () => undefined };
}

describe('the line', () => {
  test('is first in, first out; appends alone are counted', () => {
    const line = new WaitingLine();
    expect([line.isEmpty, line.appends, line.first]).toEqual([true, 0, undefined]);
    const all = [append(), flush(), append(), append()];
    for (const waiter of all) line.add(waiter);
    expect([line.isEmpty, line.appends]).toEqual([false, 3]);
    for (const waiter of all) {
      expect(line.first).toBe(waiter);
      line.remove(waiter);
    }
    expect([line.isEmpty, line.appends]).toEqual([true, 0]);
  });

  test('one leaves from the middle, once, and stops listening to its signal', () => {
    const line = new WaitingLine();
    let stops = 0;
    const leaving = append(() => {
      stops++;
    });
    const [before, after] = [append(), append()];
    for (const waiter of [before, leaving, after]) line.add(waiter);
    line.remove(leaving);
    line.remove(leaving);
    expect([line.appends, stops]).toEqual([2, 1]);
    expect(line.removeAll()).toEqual([before, after]);
    expect([line.isEmpty, line.appends]).toEqual([true, 0]);
  });
});

describe('numbers', () => {
  test('of an encoded record are changed in place, and nothing else of it', () => {
    const entry = WalEntry.put(1n, 'key', 'value');
    const bytes = entry.encode();
    const other = WalEntry.put(2n ** 64n - 2n, 'key', 'value').encode();
    const renumbered = renumber(bytes, 2n ** 64n - 2n) as Uint8Array;
    expect(renumbered).toBe(bytes);
    // The checksum is filled in later.
    expect(renumbered.slice(0, -4)).toEqual(other.slice(0, -4));
  });

  test('of an entry are given to a copy', () => {
    const entry = WalEntry.delete(1n, 'key');
    const { key, value, typeByte } = entry;
    expect(renumber(entry, 9n)).toEqual({ sequence: 9n, typeByte, key, value });
    expect(entry.sequence).toBe(1n);
  });

  test('are all that is kept of an item whose bytes are encoded', () => {
    const { sequence, lastSequence, typeByte } = WalEntry.put(5n, 'key', 'value');
    const empty = new Uint8Array(0);
    expect(numbersOf(WalEntry.put(5n, 'key', 'value'))).toEqual({
      ...{ sequence, lastSequence, typeByte, key: empty, value: empty },
    });
  });
});
