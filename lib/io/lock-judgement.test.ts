// Which locks are taken for stale: what cannot be understood never is, and flock and /proc must
// not contradict each other.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type LockSystem, placeLock } from './lock-claim.js';
import { describeSelf } from './lock-holder.js';
import { goneHolder, plant, PLAIN, prepare, refusalOf } from './test-lock-files.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';

let directory: string;
let lockPath: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  lockPath = `${directory}/log.lock`;
});

afterEach(() => removeDirectory(directory));

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
    const refusal = refusalOf(placeLock(lockPath, prepare(lockPath), PLAIN));
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
      const refusal = refusalOf(placeLock(lockPath, prepare(lockPath), PLAIN));
      expect(refusal).toMatchObject({ holder: undefined, life: 'unknown' });
      fs.rmSync(lockPath, { recursive: true });
    }
  });
});

describe('flock beside /proc', () => {
  const flockSays = (answer: boolean | 'fails'): LockSystem => ({
    ...PLAIN,
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
    ['another container, no flock here', container, PLAIN, 'refused'],
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
    ['another boot', { boot: 'another' }, PLAIN, 'placed'],
    ['another boot, held', { boot: 'another', flock: true }, flockSays(false), 'refused'],
    ['another boot of another host', { boot: 'x', host: 'y' }, PLAIN, 'refused'],
    [
      'another boot of another host, free',
      { boot: 'x', host: 'y', flock: true },
      flockSays(true),
      'placed',
    ],
  ] as const)('%s', (_name, facts, system, outcome) => {
    plant(lockPath, { ...describeSelf(false), ...facts });
    expect(placeLock(lockPath, prepare(lockPath), system).kind).toBe(outcome);
  });
});
