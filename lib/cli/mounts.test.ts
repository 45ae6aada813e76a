import { describe, expect, it } from 'vitest';
import { faithlessMount, lookUpFaithlessMount } from './mounts.js';

const line = (point: string, kind: string, options: string): string =>
  `45 42 0:40 / ${point} rw,relatime shared:1 - ${kind} source ${options}\n`;

describe('a mount that breaks its promise', () => {
  it.each([
    ['overlay', 'rw,upperdir=/u,volatile', /volatile/],
    ['overlay', 'rw,upperdir=/u,uuid=on,fsync=volatile', /volatile/],
    ['ext4', 'rw,nobarrier', /nobarrier/],
    ['ext3', 'rw,barrier=0', /nobarrier/],
    // Part of another option's value.
    ['overlay', 'rw,upperdir=/volatile', undefined],
    ['ext4', 'rw,barrier=1', undefined],
    ['ext4', 'rw', undefined],
  ])('%s %s', (kind, options, told) => {
    const found = faithlessMount(line('/data', kind, options), '/data/log');
    if (told === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(told);
  });

  const good = (point: string): string => line(point, 'ext4', 'rw');
  const bad = (point: string): string => line(point, 'overlay', 'rw,volatile');
  it.each([
    ['the innermost mount counts', bad('/') + good('/data'), '/data/log', false],
    ['whichever comes first', bad('/data') + good('/'), '/data/log', true],
    ['its root as well', good('/') + bad('/data'), '/data', true],
    ['a name that only begins alike does not', good('/') + bad('/data'), '/data2/log', false],
    ['of two at one place, the later', bad('/data') + good('/data'), '/data', false],
    ['blanks in names', good('/') + bad('/my\\040data'), '/my data/log', true],
    ['a line that is none', `nonsense\n${bad('/')}`, '/data', true],
    ['nothing at all', '', '/data', false],
  ])('%s', (_, mounts, path, isFaithless) => {
    expect(faithlessMount(mounts, path) !== undefined).toBe(isFaithless);
  });

  it('of a path that is not there nothing is known', async () => {
    expect(await lookUpFaithlessMount('/nowhere/at/all')).toBeUndefined();
  });
});
