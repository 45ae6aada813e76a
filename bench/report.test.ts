import { describe, expect, it } from 'vitest';
import { chartHtml, chartSvg } from './chart.js';
import type { TrialResult } from './contender.js';
import { judge, rowOf, type Report, type WorkloadReport } from './report.js';
import { peersWin, reportText } from './table.js';
import { WORKLOADS, type Workload } from './workloads.js';
import { ENVIRONMENT } from './test-environment.js';

function workload(name: string): Workload {
  const found = WORKLOADS.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

function trials(...perSecond: number[]): TrialResult[] {
  return perSecond.map((rate) => ({ operations: rate, seconds: 1, bytes: 0, p50Us: 1e6 / rate }));
}

function reportOf(name: string, rates: Record<string, number[]>): WorkloadReport {
  const { title, task, metric, target } = workload(name);
  const rows = Object.entries(rates).map(([id, rate]) =>
    rowOf(workload(name), id, trials(...rate), rate.length === 0 ? 'not installed' : undefined),
  );
  const base = { name, title, task, metric, rows };
  return target === undefined ? base : { ...base, target: judge(target, base) };
}

function fail(): never {
  throw new Error('there is no target');
}

const DURABLE = reportOf('durable-64', {
  ours: [100, 130, 160],
  'ours-direct': [150, 140, 160],
  'group-commit': [90, 100, 110],
  'group-commit-sync': [500, 500, 500],
  lmdb: [],
});

function wholeReport(workloads: WorkloadReport[]): Report {
  const environment = { ...ENVIRONMENT, cpu: 'a <CPU> & more', command: 'npm run bench' };
  return { environment, rounds: 3, measureMs: 250, workloads };
}

describe('judging', () => {
  it('sets our best median against the best peer that does not block', () => {
    expect(DURABLE.target).toEqual({
      ratio: 1.4,
      atMost: false,
      ours: 'uring-wal, directIo',
      yardstick: 'hand-made group commit, node:fs',
      reached: 160 / 110,
      reachedMin: 1.4,
      reachedMax: 150 / 90,
      metRounds: 3,
      pairedRounds: 3,
      verdict: 'met',
    });
  });

  it('takes less for better where the figure is a latency', () => {
    const report = reportOf('durable-1', { ours: [4000], fio: [5000] });
    expect(report.target).toMatchObject({ atMost: true, reached: 1.25, verdict: 'missed' });
  });

  it.each([
    ['met', [150, 151, 152, 153, 154], [100, 100, 100, 100, 100]],
    ['missed', [120, 121, 122, 123, 124], [100, 100, 100, 100, 100]],
    ['met', [150, 151, 152, 153, 20], [100, 100, 100, 100, 100]],
    ['noisy', [150, 151, 152, 130, 120], [100, 100, 100, 100, 100]],
    ['noisy', [900, 910, 920, 930, 940], [40, 50, 100, 110, 120]],
    ['noisy', [300, 400, 700, 800, 900], [100, 100, 100, 100, 100]],
    ['missed', [139], [100]],
  ])('says %s of %j against %j, wanted 1.4', (verdict, ours, peer) => {
    expect(reportOf('durable-64', { ours, 'group-commit': peer }).target).toMatchObject({
      verdict,
    });
  });

  it('takes the median of the ratios of the rounds, which a machine that drifts leaves alone', () => {
    const ours = [150, 38, 600, 160, 155];
    const peer = [100, 25, 400, 100, 100];
    expect(reportOf('durable-64', { ours, 'group-commit': peer }).target).toMatchObject({
      reached: 1.52,
      reachedMin: 1.5,
      reachedMax: 1.6,
      verdict: 'met',
    });
  });

  it('calls a target without figures not met', () => {
    const { target } = reportOf('durable-1', { ours: [4000], fio: [] });
    expect(target).toMatchObject({ verdict: 'unmeasured' });
    expect(target?.reached).toBeUndefined();
  });
});

describe('output', () => {
  const report = wholeReport([DURABLE]);

  it('says aloud what was not measured, and where a peer wins', () => {
    const text = reportText(report, (line) => line);
    expect(text).toMatch(/lmdb +NOT MEASURED: not installed/);
    expect(text).toMatch(
      /durable, 64 callers +uring-wal, directIo +≥ 1.4 × .* 1.45 × \(1.40 … 1.67\) +met/,
    );
    expect(text).toMatch(/Reached is the median of the ratios/);
    expect(text).toMatch(/Where a peer wins\n.*writeSync, by 3.33 ×/);
  });

  it('shows results that have no ranges and no rounds of their own for opening a log', () => {
    const { reachedMin, reachedMax, ...target } = DURABLE.target ?? fail();
    expect([reachedMin, reachedMax]).toEqual([1.4, 150 / 90]);
    const text = reportText(wholeReport([{ ...DURABLE, target }]), (line) => line);
    expect(text).toMatch(/ 1.45 × +met/);
    expect(text).toMatch(/Reached is the ratio of the medians/);
    expect(text).toContain('medians of 3 rounds of 250 ms;');
  });

  it('says how many rounds there were of opening a log', () => {
    const text = reportText({ ...report, recoverRounds: 2 }, (line) => line);
    expect(text).toContain('medians of 3 rounds of 250 ms (2 of opening a log);');
  });

  it('names the best peer of each class that wins, and none that does not', () => {
    const rows = { ours: [100], 'group-commit': [150], lmdb: [120], 'group-commit-sync': [500] };
    const lines = peersWin([reportOf('durable-64', rows), reportOf('durable-1024', { ours: [9] })]);
    expect(lines).toEqual([
      expect.stringMatching(/node:fs, by 1.50 ×/),
      expect.stringMatching(/writeSync, by 5.00 ×/),
    ]);
    expect(peersWin([reportOf('durable-1', { ours: [5000], lmdb: [4000] })])).toEqual([]);
  });

  it('draws a chart with every row, and escapes what it is given', () => {
    const svg = chartSvg(report);
    for (const { title } of DURABLE.rows) expect(svg).toContain(title);
    expect(svg).toContain('a &lt;CPU&gt; &amp; more');
    expect(svg).not.toContain('NaN');
    expect(chartHtml(report)).toContain('<pre>');
  });

  it('draws a target that is too noisy to tell neither as met nor as missed', () => {
    const noisy = reportOf('durable-64', {
      ours: [300, 400, 900],
      'group-commit': [100, 100, 100],
    });
    expect(noisy.target?.verdict).toBe('noisy');
    expect(chartSvg(wholeReport([noisy]))).toContain('<line class="noisy"');
  });
});
