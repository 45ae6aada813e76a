// The options of a segmented log: what holds when nothing is said.

import { expect, test } from 'vitest';

import { resolveWalOptions } from './wal-options.js';

test('defaults are those of the documentation', () => {
  expect(resolveWalOptions({})).toMatchObject({
    maxFileSize: 64 * 1024 * 1024,
    maxWalFiles: 10,
    sync: 'always',
    recovery: 'strict',
    verifyAll: false,
  });
  // No limit that anybody reaches.
  expect(resolveWalOptions({}).maxWalFilesHard).toBeGreaterThanOrEqual(1000000);
});
