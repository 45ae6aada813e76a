// How far a log is durable, by bytes and by sequences, through writes, syncs and cuts.

import { expect, test } from 'vitest';

import type { Batch } from './batch.js';
import { INDEX_STEP_BYTES } from './segments.js';
import { Watermarks } from './watermarks.js';

function batch(start: number, end: number, dsync: boolean): Batch {
  return { start, end, job: { dsync } } as unknown as Batch;
}

function marked(): { marks: Watermarks; points: [bigint, number][] } {
  const points: [bigint, number][] = [];
  const onPoint = (sequence: bigint, offset: number): void => void points.push([sequence, offset]);
  const marks = new Watermarks({ position: 100, lastSequence: 4n, onPoint });
  return { marks, points };
}

test('a write moves what is written, a sync what is durable', () => {
  const { marks } = marked();
  expect([marks.durableEnd, marks.durableSequence, marks.writtenSequence]).toEqual([100, 4n, 4n]);
  marks.place(5n, 5n, 100, 50);
  marks.place(6n, 8n, 150, 50);
  marks.onWritten(batch(100, 199, false));
  expect([marks.durableEnd, marks.writtenSequence]).toEqual([100, 5n]);
  marks.onWritten(batch(199, 200, false));
  expect([marks.durableEnd, marks.durableSequence, marks.writtenSequence]).toEqual([100, 4n, 8n]);
  marks.onSynced({ end: 150, sequence: 5n });
  expect([marks.durableEnd, marks.durableSequence]).toEqual([150, 5n]);
  marks.onSynced({ end: 120, sequence: 4n });
  expect([marks.durableEnd, marks.durableSequence]).toEqual([150, 5n]);
});

test('a dsync write is durable only right behind what is durable', () => {
  const { marks } = marked();
  marks.place(5n, 5n, 100, 50);
  marks.place(6n, 6n, 150, 50);
  marks.place(7n, 7n, 200, 50);
  marks.onWritten(batch(100, 150, true));
  expect([marks.durableEnd, marks.durableSequence]).toEqual([150, 5n]);
  marks.onWritten(batch(150, 200, false));
  marks.onWritten(batch(200, 250, true));
  expect([marks.durableEnd, marks.durableSequence, marks.writtenSequence]).toEqual([150, 5n, 7n]);
});

test('a cut takes the marks back, and the sequences behind it', () => {
  const { marks, points } = marked();
  marks.place(5n, 5n, 100, 50);
  marks.place(6n, 6n, 150, 50);
  marks.onWritten(batch(100, 150, false));
  marks.restart(150);
  expect([marks.durableEnd, marks.durableSequence]).toEqual([150, 5n]);
  marks.onWritten(batch(150, 200, false));
  expect(marks.writtenSequence).toBe(5n);
  points.length = 0;
  marks.place(6n, 6n, 150, 50);
  expect(points).toEqual([[6n, 150]]);
});

test('an index has a point every so many bytes', () => {
  const { marks, points } = marked();
  marks.place(5n, 5n, 100, 50);
  marks.place(6n, 6n, 99 + INDEX_STEP_BYTES, 50);
  marks.place(7n, 7n, 100 + INDEX_STEP_BYTES, 50);
  expect(points).toEqual([
    [5n, 100],
    [7n, 100 + INDEX_STEP_BYTES],
  ]);
});

test('without an index no sequences are tracked', () => {
  const marks = new Watermarks({ position: 0, lastSequence: undefined });
  marks.place(1n, 1n, 0, 50);
  marks.onWritten(batch(0, 50, true));
  expect([marks.durableEnd, marks.durableSequence]).toEqual([50, undefined]);
});
