// Some tests start processes that import the library: the mutant is there as well. Some of those run
// as another user, who must be let in.

import { chmodSync } from 'node:fs';
import { beforeAll } from 'vitest';

beforeAll(() => {
  chmodSync(process.cwd(), 0o755);
  const active = globalThis.__stryker__?.activeMutant;
  if (active !== undefined) process.env.__STRYKER_ACTIVE_MUTANT__ = active;
});
