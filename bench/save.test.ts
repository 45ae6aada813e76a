import { describe, expect, it } from 'vitest';
import type { WorkloadReport } from './report.js';
import { judge, rowOf } from './report.js';
import { figuresBlock, withFigures } from './save.js';
import { ENVIRONMENT } from './test-environment.js';
import { WORKLOADS } from './workloads.js';

function measured(name: string, rates: Record<string, number>): WorkloadReport {
  const workload = WORKLOADS.find((one) => one.name === name);
  if (workload === undefined) throw new Error(name);
  const { title, task, metric, target } = workload;
  const rows = Object.entries(rates).map(([id, rate]) =>
    rowOf(workload, id, [{ operations: rate, seconds: 1, bytes: 0 }], undefined),
  );
  const base = { name, title, task, metric, rows };
  return target === undefined ? base : { ...base, target: judge(target, base) };
}

describe('figures in README.md', () => {
  const README = [
    'before',
    '<!-- figures: written by npm run bench -- --save -->',
    'old',
    '<!-- /figures -->',
    'after',
  ].join('\n');

  it('replace what stood between the markers, and nothing else', () => {
    const text = withFigures(README, 'new');
    expect(text).not.toContain('old');
    expect(text).toMatch(/^before\n<!-- figures.*-->\n\nnew\n<!-- \/figures -->\nafter$/);
    expect(withFigures(text, 'new')).toBe(text);
  });

  it('need their markers', () => {
    expect(() => withFigures('a README without', 'new')).toThrow(/has no/);
  });

  it('name the machine, the command, the verdict, who wins and what was not measured', () => {
    const rates = { ours: 650_000, 'group-commit': 500_000, 'group-commit-sync': 700_000 };
    const workloads = [measured('durable-64', rates)];
    const block = figuresBlock({ environment: ENVIRONMENT, rounds: 1, measureMs: 9, workloads });
    expect(block).toContain('a CPU, 2 cores');
    expect(block).toContain('`npm run bench -- --save`');
    expect(block).toContain('(bench/results/latest.svg)');
    expect(block).toMatch(/\| ≥ 1.4 × .* \| 1.30 × \(1.30 … 1.30\) \| MISSED by 7.14 % \|/);
    expect(block).toMatch(/- durable, 64 callers: .*writeSync, by 1.08 ×/);
    expect(block).toMatch(/recorded on another run, not measured here:\n\n- .*64 callers.* 50.0 ×/);
    expect(block).not.toContain('WARNING');
    const busy = { ...ENVIRONMENT, load: 3 };
    expect(figuresBlock({ environment: busy, rounds: 1, measureMs: 9, workloads })).toMatch(
      /WARNING: the load average was 3 on 2 cores/,
    );
  });
});
