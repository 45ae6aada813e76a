import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from './options.js';

function parsed(...argumentList: string[]) {
  const options = parseOptions(argumentList);
  if (typeof options === 'string') throw new Error(`unexpected ${options}`);
  return options;
}

describe('command line', () => {
  it('measures nine rounds by default, and five of opening a log', () => {
    const rounds = { rounds: 9, recoverRounds: 5 };
    expect(parsed()).toMatchObject({ mode: 'measure', tier: 'default', ...rounds, workloads: [] });
    expect(parsed('--rounds', '7')).toMatchObject({ rounds: 7, recoverRounds: 7 });
  });

  it('expands groups of workloads', () => {
    expect(parsed('written', 'replay').workloads).toEqual([
      'written-1',
      'written-64',
      'written-1024',
      'written-many',
      'replay',
    ]);
  });

  it.each([
    [['--rounds', '0']],
    [['--rounds', '5x']],
    [['--measure', '1e3']],
    [['--no-such-option']],
    [['--chart', 'chart.png']],
    [['--only', 'nobody']],
    [['nothing']],
    [['micro', 'replay']],
    [['--quick', '--all']],
    [['--from', 'a.json', 'replay']],
  ])('refuses %j', (argumentList) => {
    expect(() => parseOptions(argumentList)).toThrow(UsageError);
  });
});
