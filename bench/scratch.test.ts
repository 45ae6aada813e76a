import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { touchPageCache } from './scratch.js';
import { charactersWritten } from './test-environment.js';

it('writes as much as was asked for, and leaves nothing behind', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'bench-scratch-'));
  try {
    const before = charactersWritten();
    touchPageCache(directory, 3_500_000);
    expect(charactersWritten() - before).toBeGreaterThanOrEqual(3_500_000);
    expect(charactersWritten() - before).toBeLessThan(4_500_000);
    expect(fs.readdirSync(directory)).toEqual([]);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
