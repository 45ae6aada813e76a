// The command line: every form that is right, and a helpful sentence for what is not.

import { describe, expect, it } from 'vitest';
import { didYouMean } from './suggest.js';
import { parseCommandLine, UsageError } from './usage.js';

const DUMP = {
  kind: 'dump',
  log: 'log',
  from: undefined,
  fromSequence: undefined,
  limit: Infinity,
};

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
    [['dump', 'log'], DUMP],
    [['dump', 'log', '--json'], DUMP],
    [['dump', 'log', '--from', '84', '--limit=0'], { ...DUMP, from: 84, limit: 0 }],
    [
      ['dump', 'log', '--from-sequence', '18446744073709551615'],
      { ...DUMP, fromSequence: 18446744073709551615n },
    ],
    [['tail', 'log'], { kind: 'tail', log: 'log', follow: false, count: 10, json: false }],
    [
      ['tail', '-f', '-n', '3', 'log', '--json'],
      { kind: 'tail', log: 'log', follow: true, count: 3, json: true },
    ],
    [
      ['tail', 'log', '--follow', '--lines=0'],
      { kind: 'tail', log: 'log', follow: true, count: 0, json: false },
    ],
    [['inspect', 'dir'], { kind: 'inspect', directory: 'dir', json: false }],
    [
      ['repair', 'log', '--dry-run', '--salvage', '--json'],
      { kind: 'repair', target: 'log', dryRun: true, salvage: true, json: true },
    ],
    [
      ['truncate', 'dir', '--before', '7'],
      { kind: 'truncate', directory: 'dir', side: 'before', sequence: 7n, json: false },
    ],
    [
      ['truncate', '--after=0', 'dir', '--json'],
      { kind: 'truncate', directory: 'dir', side: 'after', sequence: 0n, json: true },
    ],
    [['doctor'], { kind: 'doctor', directory: '.', json: false }],
    [['doctor', 'dir', '--json'], { kind: 'doctor', directory: 'dir', json: true }],
    [['bench', 'dir'], { kind: 'bench', directory: 'dir', seconds: 2, json: false }],
    [
      ['bench', 'dir', '--seconds', '0.5'],
      { kind: 'bench', directory: 'dir', seconds: 0.5, json: false },
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
    [['help', 'bench'], 'Usage: uring-wal bench'],
    [['help', 'doctor'], 'Usage: uring-wal doctor'],
    [['help', 'truncate'], 'Usage: uring-wal truncate'],
    [['help', 'repair'], 'Usage: uring-wal repair'],
    [['help', 'inspect'], 'Usage: uring-wal inspect'],
    [['help', 'tail'], 'Usage: uring-wal tail'],
  ])('%j as a wish for help', (args, text) => {
    const command = parseCommandLine(args);
    expect(command).toEqual({ kind: 'help', text: expect.stringContaining(text) as string });
  });
});

describe('parseCommandLine refuses', () => {
  it.each([
    [[], 'a command is missing: append, dump, verify, tail'],
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
    [
      ['dump', 'log', '--from-sequence', '18446744073709551616'],
      "--from-sequence must be a sequence, 0 to 2^64 - 1, not '18446744073709551616'",
    ],
    [
      ['dump', 'log', '--from', '0', '--from-sequence', '0'],
      'one of --from and --from-sequence is enough',
    ],
    [['dump'], 'LOG, a file or directory, is missing'],
    [['tail', 'log', '-n', 'x'], "-n must be a number of records, 0 or more, not 'x'"],
    [['tail', 'log', '-n', '1000001'], '-n must be at most 1000000: use dump'],
    [['tail', 'log', '-x'], "unknown option '-x'"],
    [['inspect'], 'DIR, a directory, is missing'],
    [['inspect', 'a', 'b'], "one DIR is enough, also got 'b'"],
    [['inspct', 'a'], 'did you mean inspect?'],
    [['repair', 'log', '--dryrun'], 'did you mean --dry-run?'],
    [['truncate', 'dir'], 'one of --before SEQ and --after SEQ is needed'],
    [['truncate', 'dir', '--before', '1', '--after', '2'], 'one of --before SEQ and --after SEQ'],
    [['truncate', 'dir', '--before', '-1'], /--before/],
    [['bench', 'dir', '--seconds', '0'], '--seconds must be seconds, more than 0 and at most'],
    [['doctr'], 'did you mean doctor?'],
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
    ['app', ' (did you mean append?)'],
    ['VERI', ' (did you mean verify?)'],
    ['ap', ''],
    ['re-', ''],
  ])('%s', (word, expected) => {
    expect(didYouMean(word, ['append', 'dump', 'verify', 're-read', 're-write'])).toBe(expected);
  });
});
