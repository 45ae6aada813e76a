// The bugs that `npm run mutation -- --planted` plants: their texts are still there, and no property
// is without one.

import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { edited } from '../dist/sim/planted/mutation.js';
import { BUGS } from '../properties/mutation/planted-bugs.js';

test.each(BUGS)('$property: $breaks', ({ file, find, replace }) => {
  expect(edited(readFileSync(file, 'utf8'), file, find, replace)).toContain(replace);
});

const files = readdirSync('properties').filter((name) => name.endsWith('.test.ts'));
const names = files.flatMap((file) => {
  const text = readFileSync(`properties/${file}`, 'utf8');
  return [...text.matchAll(/^ +name: ['`](.*)['`],$/gm)].map(([, name]) => name);
});

describe('every property has a bug to find', () => {
  test('they are found in their sources', () => {
    expect(names.length).toBeGreaterThan(20);
  });

  test.each(names)('%s', (name) => {
    const pattern = new RegExp(`^${name.replace(/\$\{\w+\}/g, '.+')}$`);
    expect(BUGS.filter(({ property }) => pattern.test(property))).not.toEqual([]);
  });
});
