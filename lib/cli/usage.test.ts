// The command line: every form that is right, and a helpful sentence for what is not.

import { describe, expect, it } from 'vitest';
import { didYouMean } from './suggest.js';
import { parseCommandLine, UsageError } from './usage.js';

describe('parseCommandLine understands', () => {
  it.each([
    [['append', 'log'], { kind: 'append', log: 'log', sync: false, direct: false, driver: 'auto' }],
    [
      ['append', '--sync', 'log', '--direct', '--driver', 'uring'],
      { kind: 'append', log: 'log', sync: true, direct: true, driver: 'uring' },
    ],
    [
      ['append', 'log', '--driver=threadpool'],
      { kind: 'append', log: 'log', sync: false, direct: false, driver: 'threadpool' },
    ],
    [
      ['append', '--', '--odd name'],
      { kind: 'append', log: '--odd name', sync: false, direct: false, driver: 'auto' },
    ],
    [['dump', 'log'], { kind: 'dump', log: 'log', from: 0, limit: Infinity }],
    [
      ['dump', 'log', '--from', '84', '--limit=0'],
      { kind: 'dump', log: 'log', from: 84, limit: 0 },
    ],
    [['verify', 'log'], { kind: 'verify', log: 'log', json: false }],
    [['verify', '--json', 'log'], { kind: 'verify', log: 'log', json: true }],
    [['--version'], { kind: 'version' }],
    [['-V'], { kind: 'version' }],
  ])('%j', (args, command) => {
    expect(parseCommandLine(args)).toEqual(command);
  });

  it.each([
    [['--help'], 'Commands:'],
    [['-h'], 'Commands:'],
    [['help'], 'Commands:'],
    [['help', 'help'], 'Commands:'],
    [['help', 'append'], 'Usage: uring-wal append'],
    [['append', '--help'], 'Usage: uring-wal append'],
    [['dump', 'log', '-h'], 'Usage: uring-wal dump'],
    [['help', 'verify'], 'Usage: uring-wal verify'],
  ])('%j as a wish for help', (args, text) => {
    const command = parseCommandLine(args);
    expect(command).toEqual({ kind: 'help', text: expect.stringContaining(text) as string });
  });
});

describe('parseCommandLine refuses', () => {
  it.each([
    [[], 'a command is missing: append, dump or verify'],
    [['apend', 'log'], "unknown command 'apend' (did you mean append?)"],
    [['constructor'], "unknown command 'constructor'"],
    [['--verbose'], "unknown option '--verbose'"],
    [['append'], 'LOG, a file name, is missing'],
    [['append', ''], 'LOG, a file name, is missing'],
    [['append', 'a', 'b'], "one LOG is enough, also got 'b'"],
    [['append', 'log', '--snyc'], "unknown option '--snyc' (did you mean --sync?)"],
    [['append', 'log', '-s'], "unknown option '-s'"],
    [['append', 'log', '--constructor'], "unknown option '--constructor'"],
    [['append', 'log', '--sync=yes'], "option '--sync' takes no value"],
    [['append', 'log', '--driver'], "option '--driver' needs a value"],
    [
      ['append', 'log', '--driver', 'urng'],
      "unknown driver 'urng' (did you mean uring?): auto, uring, threadpool are allowed",
    ],
    [['dump', 'log', '--from', 'x'], "--from must be a byte offset, 0 or more, not 'x'"],
    [['dump', 'log', '--from=-1'], "--from must be a byte offset, 0 or more, not '-1'"],
    [['dump', 'log', '--from', '99999999999999999999'], /--from must be/],
    [
      ['dump', 'log', '--limit', '1.5'],
      "--limit must be a number of records, 0 or more, not '1.5'",
    ],
    [['dump', 'log', '--sync'], "unknown option '--sync'"],
    [['help', 'apend'], "unknown command 'apend' (did you mean append?)"],
    [['help', 'append', 'dump'], 'help explains one command at a time'],
  ])('%j', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
    expect(() => parseCommandLine(args)).toThrow(message);
  });
});

describe('didYouMean', () => {
  it.each([
    ['vrify', ' (did you mean verify?)'],
    ['DUMP', ' (did you mean dump?)'],
    ['dmup', ' (did you mean dump?)'],
    ['x', ''],
    ['somethingelse', ''],
  ])('%s', (word, expected) => {
    expect(didYouMean(word, ['append', 'dump', 'verify'])).toBe(expected);
  });
});
