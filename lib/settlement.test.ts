// Which promises settle when a watermark moves, and how they are counted.

import { expect, test } from 'vitest';

import { WalError } from './errors.js';
import { Settlement } from './settlement.js';

/** A settlement, and what it told. */
function settlement(position = 0): { it: Settlement; told: string[] } {
  const told: string[] = [];
  const it = new Settlement(position, () => ({
    onAcknowledged: (records, bytes) => told.push(`${String(records)} of ${String(bytes)} bytes`),
    onRejected: (length) => told.push(`rejected ${String(length)} bytes`),
  }));
  return { it, told };
}

function add(it: Settlement, told: string[], offset: number, length: number, sync: boolean): void {
  const name = `${length === 0 ? 'flush' : 'record'}@${String(offset)}`;
  it.push(
    { sequence: 1n, offset, length },
    sync,
    () => told.push(name),
    (error) => told.push(`${name}: ${error.message}`),
  );
}

test('written records wait for the one mark, durable ones for the other', () => {
  const { it, told } = settlement();
  expect([it.isEmpty, it.wantsDurable, it.durableHeadEnd]).toEqual([true, false, Infinity]);
  add(it, told, 0, 100, false);
  expect([it.isEmpty, it.wantsDurable]).toEqual([false, false]);
  add(it, told, 100, 50, true);
  add(it, told, 150, 0, true);
  expect([it.isEmpty, it.wantsDurable, it.durableHeadEnd]).toEqual([false, true, 150]);

  expect(it.settle(99, 0)).toBe(false);
  expect(told).toEqual([]);
  expect(it.settle(100, 0)).toBe(true);
  expect(told.splice(0)).toEqual(['record@0', '1 of 100 bytes']);
  expect(it.settle(150, 149)).toBe(false);
  expect([it.isEmpty, it.wantsDurable]).toEqual([false, true]);
  expect(it.settle(150, 150)).toBe(true);
  expect(told.splice(0)).toEqual(['record@100', 'flush@150', '1 of 50 bytes']);
  expect([it.isEmpty, it.wantsDurable]).toEqual([true, false]);
  expect(it.settle(999, 999)).toBe(false);
});

test('either mark alone settles its own', () => {
  const { it, told } = settlement();
  add(it, told, 0, 100, true);
  add(it, told, 100, 100, false);
  expect(it.settle(100, 100)).toBe(true);
  expect(told.splice(0)).toEqual(['record@0', '1 of 100 bytes']);
  expect(it.settle(200, 100)).toBe(true);
  expect(told).toEqual(['record@100', '1 of 100 bytes']);
});

test('the last whole record before an offset: acknowledged, or still waited for', () => {
  const { it, told } = settlement(40);
  expect(it.lastWholeEnd(1000)).toBe(40);
  add(it, told, 40, 60, false);
  add(it, told, 100, 50, true);
  add(it, told, 150, 50, false);
  expect([99, 100, 149, 150, 199, 200].map((end) => it.lastWholeEnd(end))).toEqual([
    ...[40, 100, 100, 150, 150, 200],
  ]);
  it.settle(100, 40);
  expect(it.lastWholeEnd(99)).toBe(100);
  it.restart(70);
  expect(it.lastWholeEnd(99)).toBe(70);
});

test('all are rejected, each with an error of its own; a flush is no record', () => {
  const { it, told } = settlement();
  add(it, told, 0, 100, false);
  add(it, told, 100, 50, true);
  add(it, told, 150, 0, true);
  it.rejectAll(({ offset }) => new WalError('ERR_WAL_WRITE', `no ${String(offset)}`, {}));
  expect(told).toEqual([
    ...['rejected 100 bytes', 'record@0: no 0'],
    ...['rejected 50 bytes', 'record@100: no 100', 'flush@150: no 150'],
  ]);
  expect(it.isEmpty).toBe(true);
});
