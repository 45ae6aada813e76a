// Within a layer modules may import each other, but never in a circle. Read from the built
// JavaScript, where imports of types alone are gone: those do no harm.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesIn } from './build.js';

/** The modules that a built one imports, as paths. */
function importsOf(file) {
  const statements = readFileSync(file, 'utf8').matchAll(/^(?:im|ex)port .*?from '(\.[^']+)'/gm);
  return [...statements].map(([, source]) => join(file, '..', source));
}

/** A circle of imports that `file` leads into, or undefined. `done` holds those known to be free. */
function circleFrom(file, graph, path, done) {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (done.has(file)) return undefined;
  for (const next of graph.get(file) ?? []) {
    const circle = circleFrom(next, graph, [...path, file], done);
    if (circle !== undefined) return circle;
  }
  done.add(file);
  return undefined;
}

function firstCircle(graph) {
  const done = new Set();
  for (const file of graph.keys()) {
    const circle = circleFrom(file, graph, [], done);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

it.each(['dist/lib', 'dist/sim'])('%s imports in no circle', (folder) => {
  const files = filesIn(folder).filter((file) => file.endsWith('.js'));
  const graph = new Map(files.map((file) => [file, importsOf(file)]));
  expect([...graph.values()].flat().length).toBeGreaterThan(10);
  expect(firstCircle(graph)).toBeUndefined();
});

it('finds a circle', () => {
  const graph = new Map([
    ['a', ['b', 'd']],
    ['b', ['c', 'd']],
    ['c', ['b']],
    ['d', []],
  ]);
  expect(firstCircle(graph)).toEqual(['b', 'c', 'b']);
});
