// The takeover protocol step by step: other takers strike, or die, at the worst moments.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  type LockSystem,
  type Placement,
  placeLock,
  type PreparedLock,
  removeLitter,
  removeLock,
} from './lock-claim.js';
import { describeSelf, type LockHolder, parseHolder } from './lock-holder.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

let directory: string;
let lockPath: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  lockPath = `${directory}/log.lock`;
});

afterEach(() => removeDirectory(directory));

const patienceMs = { alive: 0, dying: 0, gone: 0, unknown: 0 };
const plain: LockSystem = { tryFlock: undefined, link: fs.linkSync, patienceMs };

/** A holder that is gone: this pid, but of a process that started long ago. */
function goneHolder(facts: Partial<LockHolder> = {}): LockHolder {
  return { ...describeSelf(false), started: '1', ...facts };
}

function plant(path: string, holder: LockHolder): LockHolder {
  fs.writeFileSync(path, JSON.stringify(holder));
  return holder;
}

function prepare(holder: LockHolder = describeSelf(false)): PreparedLock {
  const path = `${lockPath}.${holder.nonce}.new`;
  plant(path, holder);
  return { path, holder };
}

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
    ...plain,
    link: (from, to) => {
      if (to === target && !done) {
        done = true;
        before();
      }
      fs.linkSync(from, to);
    },
  };
}

function refusalOf(placement: Placement): { file: string; holder: LockHolder | undefined } {
  if (placement.kind !== 'refused') throw new Error(`not refused but ${placement.kind}`);
  return placement.refusal;
}

describe('a free lock', () => {
  test('is placed, and found by the next', () => {
    const mine = prepare();
    expect(placeLock(lockPath, mine, plain)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    const refusal = refusalOf(placeLock(lockPath, prepare(), plain));
    expect(refusal.holder?.nonce).toBe(mine.holder.nonce);
  });

  test('is placed where the file system has no hard links', () => {
    const link = (): never => {
      throw Object.assign(new Error('no links'), { code: 'EPERM' });
    };
    const mine = prepare({ ...describeSelf(false), flock: true });
    expect(placeLock(lockPath, mine, { ...plain, link })).toEqual({ kind: 'placed' });
    const holder = parseHolder(fs.readFileSync(lockPath, 'utf8'));
    expect(holder).toEqual({ ...mine.holder, flock: false });
    expect(placeLock(lockPath, prepare(), { ...plain, link }).kind).toBe('refused');
  });

  test('other errors of link are thrown', () => {
    const link = (): never => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    expect(() => placeLock(lockPath, prepare(), { ...plain, link })).toThrow('full');
    expect(fs.existsSync(lockPath)).toBe(false);
  });
});

describe('a stale lock', () => {
  test('is taken over, and no claim is left', () => {
    plant(lockPath, goneHolder());
    const mine = prepare();
    expect(placeLock(lockPath, mine, plain)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    expect(claims()).toEqual([]);
  });

  test('is taken over without hard links too', () => {
    plant(lockPath, goneHolder());
    const link = (): never => {
      throw Object.assign(new Error('no links'), { code: 'ENOTSUP' });
    };
    expect(placeLock(lockPath, prepare(), { ...plain, link })).toEqual({ kind: 'placed' });
    expect(claims()).toEqual([]);
  });

  test('a slow taker leaves the lock alone that a faster one took over', () => {
    const stale = plant(lockPath, goneHolder());
    const [fast, slow] = [prepare(), prepare()];
    const system = interrupted(claimPath(stale), () => {
      expect(placeLock(lockPath, fast, plain)).toEqual({ kind: 'placed' });
    });
    expect(placeLock(lockPath, slow, system)).toEqual({ kind: 'again' });
    expect(nonceAt(lockPath)).toBe(fast.holder.nonce);
    expect(claims()).toEqual([]);
    expect(refusalOf(placeLock(lockPath, slow, system)).holder?.nonce).toBe(fast.holder.nonce);
  });

  test('a slow taker leaves the fresh lock alone after takeover, release and lock', () => {
    const stale = plant(lockPath, goneHolder());
    const [fast, third, slow] = [prepare(), prepare(), prepare()];
    const system = interrupted(claimPath(stale), () => {
      placeLock(lockPath, fast, plain);
      removeLock(lockPath, fast.holder.nonce);
      expect(placeLock(lockPath, third, plain)).toEqual({ kind: 'placed' });
    });
    expect(placeLock(lockPath, slow, system)).toEqual({ kind: 'again' });
    expect(nonceAt(lockPath)).toBe(third.holder.nonce);
  });

  test('a lock that vanishes while it is judged is tried again', () => {
    const stale = plant(lockPath, goneHolder());
    const system = interrupted(claimPath(stale), () => {
      fs.unlinkSync(lockPath);
    });
    const mine = prepare();
    expect(placeLock(lockPath, mine, system)).toEqual({ kind: 'again' });
    expect(claims()).toEqual([]);
    expect(placeLock(lockPath, mine, system)).toEqual({ kind: 'placed' });
  });

  test('a taker in the middle of its claim, alive, is waited for', () => {
    const stale = plant(lockPath, goneHolder());
    const other = plant(claimPath(stale), describeSelf(false));
    const refusal = refusalOf(placeLock(lockPath, prepare(), plain));
    expect(refusal).toMatchObject({ file: claimPath(stale), holder: other, life: 'alive' });
    expect(nonceAt(lockPath)).toBe(stale.nonce);
  });

  test('a claim that cannot be moved into place is withdrawn', () => {
    const stale = plant(lockPath, goneHolder());
    const blocked: LockSystem = {
      ...plain,
      link: (from, to) => {
        fs.linkSync(from, to);
        if (to === claimPath(stale)) fs.unlinkSync(to);
      },
    };
    expect(() => placeLock(lockPath, prepare(), blocked)).toThrow('ENOENT');
    expect(nonceAt(lockPath)).toBe(stale.nonce);
    expect(claims()).toEqual([]);
  });
});

describe('takers that died', () => {
  test.each([1, 2, 5])('%i in a row, each on the claim of the one before', (count) => {
    let last = plant(lockPath, goneHolder());
    for (let index = 0; index < count; index += 1) last = plant(claimPath(last), goneHolder());
    const mine = prepare();
    expect(placeLock(lockPath, mine, plain)).toEqual({ kind: 'placed' });
    expect(nonceAt(lockPath)).toBe(mine.holder.nonce);
    expect(claims()).toEqual([]);
  });

  test('too many in a row: refused, with the file to delete', () => {
    let last = plant(lockPath, goneHolder());
    for (let index = 0; index < 20; index += 1) last = plant(claimPath(last), goneHolder());
    const refusal = refusalOf(placeLock(lockPath, prepare(), plain));
    expect(refusal.file.endsWith('.claim')).toBe(true);
  });

  test('a slow taker of a dead claim gives way to a faster one', () => {
    const stale = plant(lockPath, goneHolder());
    const dead = plant(claimPath(stale), goneHolder());
    const [fast, slow] = [prepare(), prepare()];
    const system = interrupted(claimPath(dead), () => {
      expect(placeLock(lockPath, fast, plain)).toEqual({ kind: 'placed' });
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
      prepare(mine).path,
      prepare(describeSelf(false)).path,
      prepare(goneHolder({ namespace: 'pid:[1]' })).path,
      `${lockPath}.notes`,
      `${directory}/other.lock.${stale.nonce}.claim`,
    ];
    for (const path of kept.slice(3)) plant(path, goneHolder());
    prepare(goneHolder());
    removeLitter(lockPath, mine);
    const names = fs.readdirSync(directory).map((name) => `${directory}/${name}`);
    expect(names.sort()).toEqual(kept.sort());
  });
});

describe('a lock that cannot be judged', () => {
  test.each([
    ['empty', ''],
    ['cut', JSON.stringify(describeSelf(false)).slice(0, 40)],
    ['of a later version', JSON.stringify({ ...goneHolder(), version: 2 })],
    ['no object', '42'],
    ['a pid of 0', JSON.stringify({ ...goneHolder(), pid: 0 })],
    ['a nonce that is a path', JSON.stringify({ ...goneHolder(), nonce: '../../etc/x' })],
    ['binary', '\0\xff\x01'.repeat(5000)],
  ])('refused and left: %s', (_name, content) => {
    fs.writeFileSync(lockPath, content, 'latin1');
    const refusal = refusalOf(placeLock(lockPath, prepare(), plain));
    expect(refusal).toMatchObject({ file: lockPath, holder: undefined, life: 'unknown' });
    expect(fs.readFileSync(lockPath, 'latin1')).toBe(content);
  });

  test('refused and left: a symlink, a directory, a pipe', () => {
    fs.writeFileSync(`${directory}/target`, JSON.stringify(goneHolder()));
    const places: (() => void)[] = [
      () => {
        fs.symlinkSync(`${directory}/target`, lockPath);
      },
      () => {
        fs.mkdirSync(lockPath);
      },
      () => {
        execFileSync('mkfifo', [lockPath]);
      },
    ];
    for (const place of places) {
      place();
      const refusal = refusalOf(placeLock(lockPath, prepare(), plain));
      expect(refusal).toMatchObject({ holder: undefined, life: 'unknown' });
      fs.rmSync(lockPath, { recursive: true });
    }
  });
});

describe('flock beside /proc', () => {
  const flockSays = (answer: boolean | 'fails'): LockSystem => ({
    ...plain,
    tryFlock: () => {
      if (answer === 'fails') throw Object.assign(new Error('no flock'), { code: 'ENOLCK' });
      return answer;
    },
  });
  const container = { flock: true, namespace: 'pid:[1]' };
  const gone = { flock: true, started: '1' };

  test.each([
    ['another container, held', container, flockSays(false), 'refused'],
    ['another container, free', container, flockSays(true), 'placed'],
    ['another container, no flock here', container, plain, 'refused'],
    ['another container, no flock on this file system', container, flockSays('fails'), 'refused'],
    [
      'another container, no flock there',
      { ...container, flock: false },
      flockSays(true),
      'refused',
    ],
    ['gone, still held', gone, flockSays(false), 'refused'],
    ['gone, free', gone, flockSays(true), 'placed'],
    ['gone, no flock on this file system', gone, flockSays('fails'), 'placed'],
    ['alive, free', { flock: true }, flockSays(true), 'refused'],
    ['alive, held', { flock: true }, flockSays(false), 'refused'],
    ['another boot', { boot: 'another' }, plain, 'placed'],
    ['another boot, held', { boot: 'another', flock: true }, flockSays(false), 'refused'],
    ['another boot of another host', { boot: 'x', host: 'y' }, plain, 'refused'],
    [
      'another boot of another host, free',
      { boot: 'x', host: 'y', flock: true },
      flockSays(true),
      'placed',
    ],
  ] as const)('%s', (_name, facts, system, outcome) => {
    plant(lockPath, { ...describeSelf(false), ...facts });
    expect(placeLock(lockPath, prepare(), system).kind).toBe(outcome);
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
