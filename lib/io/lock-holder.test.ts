import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createInterface } from 'node:readline';

import { describe, expect, test } from 'vitest';

import { describeSelf, type LockHolder, lifeOf, parseHolder } from './lock-holder.js';

const onLinux = process.platform === 'linux';

describe('the record of a holder', () => {
  test('comes back from its text', () => {
    const holder = describeSelf(true);
    expect(parseHolder(JSON.stringify(holder))).toEqual(holder);
  });

  test('names this thread and process, and is new each time', () => {
    const [first, second] = [describeSelf(false), describeSelf(false)];
    expect(first.pid).toBe(process.pid);
    expect(first.nonce).not.toBe(second.nonce);
    if (onLinux) {
      expect(first.thread).toBeGreaterThan(0);
      expect(first.started).toMatch(/^\d+$/);
      expect(first.threadStarted).toMatch(/^\d+$/);
      expect(first.boot).not.toBe('');
      expect(first.namespace).toMatch(/^pid:/);
    }
  });

  test.each([
    'version',
    'pid',
    'started',
    'thread',
    'threadStarted',
    'boot',
    'namespace',
    'host',
    'flock',
    'nonce',
    'since',
  ] as const)('is none without %s', (field) => {
    const { [field]: left, ...rest } = describeSelf(false);
    expect(left).toBeDefined();
    expect(parseHolder(JSON.stringify(rest))).toBeUndefined();
    expect(parseHolder(JSON.stringify({ ...rest, [field]: null }))).toBeUndefined();
  });
});

describe('the life of a holder', () => {
  const self = describeSelf(false);
  const withoutProc: LockHolder = { ...self, thread: 0, started: '', threadStarted: '' };

  test.each([
    ['this thread', {}, 'alive'],
    ['a process without a known thread', { thread: 0, threadStarted: '' }, 'alive'],
    ['an earlier process of this pid', { started: '1' }, 'gone'],
    ['an earlier thread of this id', { threadStarted: '1' }, 'gone'],
    ['a thread that ended', { thread: 4_194_305 }, 'gone'],
    ['a process that ended', { pid: 4_194_305 }, 'gone'],
    ['another boot', { boot: 'another' }, 'gone'],
    ['another boot, perhaps of another machine', { boot: 'another', host: 'other' }, 'unknown'],
    ['another pid namespace', { namespace: 'pid:[1]' }, 'unknown'],
    ['this process, without its start', { started: '' }, 'alive'],
  ] as const)('%s', (_name, facts, life) => {
    expect(lifeOf({ ...self, ...facts }, self)).toBe(life);
  });

  test('without /proc, by signal 0', () => {
    expect(lifeOf(withoutProc, withoutProc)).toBe('alive');
    expect(lifeOf({ ...withoutProc, pid: 4_194_305 }, withoutProc)).toBe('gone');
  });

  test('a killed process that its parent has not asked for is gone', async (context) => {
    if (!onLinux) context.skip('zombies are told by /proc');
    const script =
      'import os, sys, time\n' +
      'pid = os.fork()\n' +
      'if pid == 0: os._exit(0)\n' +
      'os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n' +
      'print(pid, flush=True)\n' +
      'sys.stdin.read()\n';
    const parent = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(parent, 'exit');
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const stat = fs.readFileSync(`/proc/${line}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect(fields[0]).toBe('Z');
    const zombie = { ...self, pid: Number(line), started: fields[19] ?? '', thread: 0 };
    expect(lifeOf(zombie, self)).toBe('gone');
    parent.stdin.end();
    await ended;
    expect(lifeOf(zombie, self)).toBe('gone');
  });
});
