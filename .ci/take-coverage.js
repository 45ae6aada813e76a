// Vitest ends its workers by a signal, which loses what V8 counted: write it out before that.

import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

if (process.env['NODE_V8_COVERAGE'] !== undefined) {
  afterAll(() => {
    takeCoverage();
  });
}
