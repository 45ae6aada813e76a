// Watermarks in bytes told as watermarks in sequences, against a plain list.

import { expect, test } from 'vitest';

import { SequenceTrail } from './sequence-trail.js';

test('starts where the log was left', () => {
  expect(new SequenceTrail(undefined).passed).toBe(undefined);
  const trail = new SequenceTrail(7n);
  trail.passTo(1000);
  expect(trail.passed).toBe(7n);
});

test('passes a record when its end is reached, and not before', () => {
  const trail = new SequenceTrail(7n);
  trail.push(40, 8n);
  trail.push(100, 12n);
  trail.passTo(39);
  expect(trail.passed).toBe(7n);
  trail.passTo(40);
  expect(trail.passed).toBe(8n);
  trail.passTo(99);
  expect(trail.passed).toBe(8n);
  trail.passTo(100);
  expect(trail.passed).toBe(12n);
});

test('what was dropped is never passed', () => {
  const trail = new SequenceTrail(undefined);
  trail.push(10, 1n);
  trail.push(20, 2n);
  trail.passTo(10);
  trail.drop();
  trail.passTo(100);
  expect(trail.passed).toBe(1n);
  trail.push(30, 2n);
  trail.passTo(30);
  expect(trail.passed).toBe(2n);
});

test('many records, passed in steps of all sizes', () => {
  const trail = new SequenceTrail(undefined);
  let [end, sequence, passedTo] = [0, 0n, 0];
  const ends: number[] = [];
  for (let round = 0; round < 300; round++) {
    for (let count = 0; count < (round * 13) % 97; count++) {
      end += 29 + ((round + count) % 50);
      ends.push(end);
      trail.push(end, ++sequence);
    }
    passedTo = Math.min(end, passedTo + ((round * 211) % 6000));
    trail.passTo(passedTo);
    const count = ends.filter((each) => each <= passedTo).length;
    expect(trail.passed).toBe(count === 0 ? undefined : BigInt(count));
  }
  trail.passTo(end);
  expect(trail.passed).toBe(sequence);
  // Enough in one line that the front must be given back.
  for (let count = 1; count <= 10_000; count++) trail.push(end + count, sequence + BigInt(count));
  for (let count = 4000; count <= 10_000; count += 500) {
    trail.passTo(end + count);
    expect(trail.passed).toBe(sequence + BigInt(count));
  }
});
