// The takeover protocol step by step: other takers strike, or die, at the worst moments.

import * as fs from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type LockSystem, placeLock, removeLitter, removeLock } from './lock-claim.js';
import { describeSelf, type LockHolder, parseHolder } from './lock-holder.js';
import { goneHolder, plant, PLAIN, prepare, refusalOf } from './test-lock-files.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

let directory: string;
let lockPath: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  lockPath = `${directory}/log.lock`;
});

afterEach(() => removeDirectory(directory));

function claimPath(stale: LockHolder): string {
  return `${lockPath}.${stale.nonce}.claim`;
}

function nonceAt(path: string): string | undefined {
  return parseHolder(fs.readFileSync(path, 'utf8'))?.nonce;
}

function claims(): string[] {
  return fs.readdirSync(directory).filter((name) => name.endsWith('.claim'));
}

/** Calls `before` ahead of linking to `target`, once. */
function interrupted(target: string, before: () => void): LockSystem {
  let done = false;
  return {
    ...PLAIN,
    link: (from, to) => {
      if (to === target && !done) {
        done = true;
        before();
      }
      fs.linkSync(from, to);
    },
  };
}

describe('a free lock', () => {
  test('is placed, and found by the next', () => {
    const mine = prepare(lockPath);
    expect(placeLock(lockPath, mine, PLAIN)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    const refusal = refusalOf(placeLock(lockPath, prepare(lockPath), PLAIN));
    expect(refusal.holder?.nonce).toBe(mine.holder.nonce);
  });

  test('is placed where the file system has no hard links', () => {
    const link = (): never => {
      throw Object.assign(new Error('no links'), { code: 'EPERM' });
    };
    const mine = prepare(lockPath, { ...describeSelf(false), flock: true });
    expect(placeLock(lockPath, mine, { ...PLAIN, link })).toEqual({ kind: 'placed' });
    const holder = parseHolder(fs.readFileSync(lockPath, 'utf8'));
    expect(holder).toEqual({ ...mine.holder, flock: false });
    expect(placeLock(lockPath, prepare(lockPath), { ...PLAIN, link }).kind).toBe('refused');
  });

  test('other errors of link are thrown', () => {
    const link = (): never => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    expect(() => placeLock(lockPath, prepare(lockPath), { ...PLAIN, link })).toThrow('full');
    expect(fs.existsSync(lockPath)).toBe(false);
  });
});

describe('a stale lock', () => {
  test('is taken over, and no claim is left', () => {
    plant(lockPath, goneHolder());
    const mine = prepare(lockPath);
    expect(placeLock(lockPath, mine, PLAIN)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    expect(claims()).toEqual([]);
  });

  test('is taken over without hard links too', () => {
    plant(lockPath, goneHolder());
    const link = (): never => {
      throw Object.assign(new Error('no links'), { code: 'ENOTSUP' });
    };
    expect(placeLock(lockPath, prepare(lockPath), { ...PLAIN, link })).toEqual({ kind: 'placed' });
    expect(claims()).toEqual([]);
  });

  test('a slow taker leaves the lock alone that a faster one took over', () => {
    const stale = plant(lockPath, goneHolder());
    const [fast, slow] = [prepare(lockPath), prepare(lockPath)];
    const system = interrupted(claimPath(stale), () => {
      expect(placeLock(lockPath, fast, PLAIN)).toEqual({ kind: 'placed' });
    });
    expect(placeLock(lockPath, slow, system)).toEqual({ kind: 'again' });
    expect(nonceAt(lockPath)).toBe(fast.holder.nonce);
    expect(claims()).toEqual([]);
    expect(refusalOf(placeLock(lockPath, slow, system)).holder?.nonce).toBe(fast.holder.nonce);
  });

  test('a slow taker leaves the fresh lock alone after takeover, release and lock', () => {
    const stale = plant(lockPath, goneHolder());
    const [fast, third, slow] = [prepare(lockPath), prepare(lockPath), prepare(lockPath)];
    const system = interrupted(claimPath(stale), () => {
      placeLock(lockPath, fast, PLAIN);
      removeLock(lockPath, fast.holder.nonce);
      expect(placeLock(lockPath, third, PLAIN)).toEqual({ kind: 'placed' });
    });
    expect(placeLock(lockPath, slow, system)).toEqual({ kind: 'again' });
    expect(nonceAt(lockPath)).toBe(third.holder.nonce);
  });

  test('a lock that vanishes while it is judged is tried again', () => {
    const stale = plant(lockPath, goneHolder());
    const system = interrupted(claimPath(stale), () => {
      fs.unlinkSync(lockPath);
    });
    const mine = prepare(lockPath);
    expect(placeLock(lockPath, mine, system)).toEqual({ kind: 'again' });
    expect(claims()).toEqual([]);
    expect(placeLock(lockPath, mine, system)).toEqual({ kind: 'placed' });
  });

  test('a taker in the middle of its claim, alive, is waited for', () => {
    const stale = plant(lockPath, goneHolder());
    const other = plant(claimPath(stale), describeSelf(false));
    const refusal = refusalOf(placeLock(lockPath, prepare(lockPath), PLAIN));
    expect(refusal).toMatchObject({ file: claimPath(stale), holder: other, life: 'alive' });
    expect(nonceAt(lockPath)).toBe(stale.nonce);
  });

  test('a claim that cannot be moved into place is withdrawn', () => {
    const stale = plant(lockPath, goneHolder());
    const blocked: LockSystem = {
      ...PLAIN,
      link: (from, to) => {
        fs.linkSync(from, to);
        if (to === claimPath(stale)) fs.unlinkSync(to);
      },
    };
    expect(() => placeLock(lockPath, prepare(lockPath), blocked)).toThrow('ENOENT');
    expect(nonceAt(lockPath)).toBe(stale.nonce);
    expect(claims()).toEqual([]);
  });
});

describe('takers that died', () => {
  test.each([1, 2, 5])('%i in a row, each on the claim of the one before', (count) => {
    let last = plant(lockPath, goneHolder());
    for (let index = 0; index < count; index += 1) last = plant(claimPath(last), goneHolder());
    const mine = prepare(lockPath);
    expect(placeLock(lockPath, mine, PLAIN)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    expect(claims()).toEqual([]);
  });

  test('too many in a row: refused, with the file to delete', () => {
    let last = plant(lockPath, goneHolder());
    for (let index = 0; index < 20; index += 1) last = plant(claimPath(last), goneHolder());
    const refusal = refusalOf(placeLock(lockPath, prepare(lockPath), PLAIN));
    expect(refusal.file.endsWith('.claim')).toBe(true);
  });

  test('a slow taker of a dead claim gives way to a faster one', () => {
    const stale = plant(lockPath, goneHolder());
    const dead = plant(claimPath(stale), goneHolder());
    const [fast, slow] = [prepare(lockPath), prepare(lockPath)];
    const system = interrupted(claimPath(dead), () => {
      expect(placeLock(lockPath, fast, PLAIN)).toEqual({ kind: 'placed' });
    });
    expect(placeLock(lockPath, slow, system)).toEqual({ kind: 'again' });
    expect(nonceAt(lockPath)).toBe(fast.holder.nonce);
    expect(claims()).toEqual([]);
  });

  test('what they left is removed by the next holder, and nothing else is', () => {
    const stale = goneHolder();
    plant(claimPath(stale), goneHolder());
    const mine = describeSelf(false);
    const kept = [
      prepare(lockPath, mine).path,
      prepare(lockPath, describeSelf(false)).path,
      prepare(lockPath, goneHolder({ namespace: 'pid:[1]' })).path,
      `${lockPath}.notes`,
      `${directory}/other.lock.${stale.nonce}.claim`,
    ];
    for (const path of kept.slice(3)) plant(path, goneHolder());
    prepare(lockPath, goneHolder());
    removeLitter(lockPath, mine);
    const names = fs.readdirSync(directory).map((name) => `${directory}/${name}`);
    expect(names.sort()).toEqual(kept.sort());
  });
});

test('only the lock of that nonce is removed', () => {
  const holder = plant(lockPath, describeSelf(false));
  removeLock(lockPath, goneHolder().nonce);
  expect(nonceAt(lockPath)).toBe(holder.nonce);
  removeLock(lockPath, holder.nonce);
  expect(fs.existsSync(lockPath)).toBe(false);
  removeLock(lockPath, holder.nonce);
});
