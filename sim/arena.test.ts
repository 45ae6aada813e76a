import { expect, test } from 'vitest';
import { Arena } from './arena.js';

test('memory of a world that is over is zeroed for the next, never before', () => {
  const first = new Arena();
  const bytes = first.take(12_345).fill(7);
  expect(first.take(12_345)).not.toBe(bytes);
  first.release();
  const second = new Arena();
  const again = [second.take(12_345), second.take(12_345)];
  expect(again).toContain(bytes);
  for (const each of again) expect(each.every((byte) => byte === 0)).toBe(true);
});
