// The report as text for a terminal.

import { environmentLine, loadWarning } from './environment.js';
import { figure, metricWords, significant } from './format.js';
import { comparedWithRecorded } from './recorded.js';
import { bestOf, bestOurs, bestPeer, roundsWords } from './report.js';
import type { Report, RowReport, TargetReport, WorkloadReport } from './report.js';
import { lowerIsBetter } from './workloads.js';

type Column = readonly [heading: string, cell: (row: RowReport) => string];

/** The whole report; `bold` marks our rows. */
export function reportText(report: Report, bold: (text: string) => string): string {
  const { environment } = report;
  const blocks = report.workloads.map((workload) => workloadText(workload, bold));
  return [
    `uring-wal bench · ${environment.date} · commit ${environment.commit}`,
    environmentLine(environment),
    `${environment.command}: ${roundsWords(report)}; ` +
      'each contender in a process of its own, interleaved',
    ...loadWarning(environment),
    '',
    ...blocks,
    targetsText(report.workloads),
    peersWinText(report.workloads),
    recordedText(report.workloads),
  ].join('\n');
}

function workloadText(workload: WorkloadReport, bold: (text: string) => string): string {
  const { metric } = workload;
  const peer = bestPeer(workload)?.summary?.median;
  const columns: readonly Column[] = [
    [metric === 'latency' ? 'p50' : 'median', (row) => figure(metric, row.summary?.median ?? NaN)],
    ['min … max', (row) => spread(row)],
    ['× best peer', (row) => ratioText(metric, row.summary?.median, peer)],
    ['p50 µs', (row) => optional(row.p50Us)],
    ['p99 µs', (row) => optional(row.p99Us)],
    ['CPU µs', (row) => optional(row.cpuUs)],
    ['loop p99 ms', (row) => optional(row.loopDelayP99Ms)],
    ['RSS MB', (row) => optional(row.rssBytes === undefined ? undefined : row.rssBytes / 1e6)],
  ];
  const shown = columns.filter(([, cell]) =>
    workload.rows.some((row) => row.summary !== undefined && cell(row) !== ''),
  );
  const lines = grid(workload.rows, shown);
  const [heading, ...rows] = lines;
  const marked = rows.map((line, at) => (workload.rows[at]?.family === 'ours' ? bold(line) : line));
  return [bold(`${workload.title} (${metricWords(metric)})`), heading, ...marked, ''].join('\n');
}

function grid(rows: readonly RowReport[], columns: readonly Column[]): string[] {
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
  const titleWidth = Math.max(...rows.map((row) => row.title.length));
  const widths = columns.map(([heading], at) =>
    Math.max(heading.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const align = (texts: readonly string[]): string =>
    texts.map((text, at) => text.padStart(widths[at] ?? 0)).join('  ');
  const heading = `  ${' '.repeat(titleWidth)}  ${align(columns.map(([text]) => text))}`;
  return [
    heading,
    ...rows.map((row, at) => {
      const start = `  ${row.title.padEnd(titleWidth)}  `;
      if (row.summary === undefined) return `${start}NOT MEASURED: ${row.missing ?? ''}`;
      return `${start}${align(cells[at] ?? [])}${remarks(row)}`;
    }),
  ];
}

function remarks(row: RowReport): string {
  const said = [
    row.family === 'peer' && row.lacks !== '' ? `lacks/but: ${row.lacks}` : '',
    row.note?.includes(':') === true ? row.note : '',
    row.missing === undefined ? '' : `later rounds FAILED: ${row.missing}`,
  ].filter((text) => text !== '');
  return said.length === 0 ? '' : `  ${said.join('; ')}`;
}

function spread({ summary }: RowReport): string {
  if (summary === undefined) return '';
  const percent = (value: number): string => {
    const off = Math.round((value / summary.median - 1) * 100);
    return `${off < 0 ? '−' : '+'}${String(Math.abs(off))}`;
  };
  return `${percent(summary.min)} … ${percent(summary.max)} %`;
}

function ratioText(
  metric: WorkloadReport['metric'],
  value: number | undefined,
  peer: number | undefined,
): string {
  if (value === undefined || peer === undefined) return '';
  return (lowerIsBetter(metric) ? peer / value : value / peer).toFixed(2);
}

function optional(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '' : significant(value);
}

/** What became of a target, in words. */
export function verdict(target: TargetReport): string {
  const { metRounds, pairedRounds } = target;
  const of = `${String(metRounds)} of ${String(pairedRounds)} rounds`;
  switch (target.verdict) {
    case 'unmeasured':
      return 'not measured';
    case 'met':
      return 'met';
    case 'missed': {
      const by = Math.abs((target.reached ?? NaN) / target.ratio - 1) * 100;
      return `MISSED by ${significant(by)} %`;
    }
    case 'noisy':
      return `too noisy to tell (met in ${of})`;
  }
}

/** What was wanted of whom, what was reached, and the verdict: the cells of a row. */
export function targetCells({ title, target }: WorkloadReport): string[] | undefined {
  if (target === undefined) return undefined;
  const wanted = `${target.atMost ? '≤' : '≥'} ${String(target.ratio)} × ${target.yardstick ?? '?'}`;
  return [title, target.ours ?? '?', wanted, reachedText(target), verdict(target)];
}

/** "1.50 × (1.41 … 1.62)"; results of earlier versions have no range. */
function reachedText({ reached, reachedMin, reachedMax }: TargetReport): string {
  if (reached === undefined) return '?';
  const middle = `${reached.toFixed(2)} ×`;
  if (reachedMin === undefined || reachedMax === undefined) return middle;
  return `${middle} (${reachedMin.toFixed(2)} … ${reachedMax.toFixed(2)})`;
}

/** Said below every table of targets. */
export function targetsNote(workloads: readonly WorkloadReport[]): string {
  const isPaired = workloads.some(({ target }) => target?.reachedMin !== undefined);
  const how = isPaired
    ? 'the median of the ratios of the rounds, and in brackets the smallest and the largest'
    : 'the ratio of the medians';
  return (
    `Reached is ${how}. Ours is the best of its rows by median, a choice that an application ` +
    'makes by options; so is the peer. Peers that block the event loop do not count.'
  );
}

function targetsText(workloads: readonly WorkloadReport[]): string {
  const lines = workloads.flatMap((workload) => {
    const cells = targetCells(workload);
    return cells === undefined ? [] : [cells];
  });
  if (lines.length === 0) return '';
  const widths = [0, 1, 2, 3].map((at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const rows = lines.map(
    (line) => `  ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`,
  );
  return ['Targets', ...rows, `  ${targetsNote(workloads)}`, ''].join('\n');
}

function recordedText(workloads: readonly WorkloadReport[]): string {
  const lines = comparedWithRecorded(workloads).map((line) => `  ${line}`);
  if (lines.length === 0) return '';
  return ['Beside figures recorded on another run, not measured here', ...lines, ''].join('\n');
}

/** Where a peer beats our best, said plainly: the best of those that block, and of those that do not. */
function peersWinText(workloads: readonly WorkloadReport[]): string {
  const lines = peersWin(workloads).map((line) => `  ${line}`);
  return lines.length === 0 ? '' : ['Where a peer wins', ...lines, ''].join('\n');
}

/** A line for each workload and class of peers (blocking or not) of which one beats our best. */
export function peersWin(workloads: readonly WorkloadReport[]): string[] {
  return workloads.flatMap((workload) => {
    const ours = bestOurs(workload)?.summary?.median;
    if (ours === undefined) return [];
    return [false, true].flatMap((blocks) => {
      const peers = workload.rows.filter((row) => row.family === 'peer' && row.blocks === blocks);
      const best = bestOf(workload.metric, peers);
      const by = ratioText(workload.metric, best?.summary?.median, ours);
      if (best === undefined || !isBetter(workload.metric, best.summary?.median, ours)) return [];
      return [`${workload.title}: ${best.title}, by ${by} × (${best.lacks || 'lacks nothing'})`];
    });
  });
}

function isBetter(
  metric: WorkloadReport['metric'],
  value: number | undefined,
  ours: number,
): boolean {
  if (value === undefined) return false;
  return lowerIsBetter(metric) ? value < ours : value > ours;
}
