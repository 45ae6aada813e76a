import { expect, it } from 'vitest';
import { parseOptions } from './options.js';
import { chosenWorkloads, estimateSeconds } from './plan.js';
import { WORKLOADS } from './workloads.js';

function planOf(...argumentList: string[]) {
  const options = parseOptions(argumentList);
  if (typeof options === 'string') throw new Error(`unexpected ${options}`);
  const workloads = chosenWorkloads(options);
  const { rounds, recoverRounds, warmupMs, measureMs } = options;
  const times = { warmupMs, measureMs };
  return { workloads, seconds: estimateSeconds({ workloads, rounds, recoverRounds, times }) };
}

const contendersOf = ({ workloads }: ReturnType<typeof planOf>, name: string) =>
  workloads.find((workload) => workload.name === name)?.contenders;

it('takes 30 s with --quick, and three minutes by default', () => {
  expect(planOf('--quick').seconds).toBeLessThan(30);
  expect(planOf().seconds).toBeLessThan(3 * 60);
});

it('has every target in a quick run, with what it is measured against', () => {
  const quick = planOf('--quick');
  for (const { name, target } of WORKLOADS) {
    if (target === undefined) continue;
    const contenders = contendersOf(quick, name) ?? [];
    expect(
      contenders.some((id) => id.startsWith('ours')),
      name,
    ).toBe(true);
    const { yardstick } = target;
    if (yardstick.against === 'contender') expect(contenders).toContain(yardstick.id);
    else expect(contenders).toContain('group-commit');
  }
});

it('measures everybody by name, with --only and with --all', () => {
  expect(contendersOf(planOf('durable-1024'), 'durable-1024')).toContain('lmdb');
  expect(contendersOf(planOf(), 'durable-1024')).not.toContain('lmdb');
  expect(contendersOf(planOf(), 'durable-64')).toContain('lmdb');
  expect(contendersOf(planOf('--all'), 'durable-1024')).toContain('lmdb');
  const only = planOf('--only', 'lmdb');
  expect(contendersOf(only, 'durable-1024')).toEqual(['lmdb']);
  expect(contendersOf(only, 'durable-many')).toBeUndefined();
  expect(only.workloads.every(({ contenders }) => contenders.length === 1)).toBe(true);
});
