// The report as text for a terminal.

import { environmentLine } from './environment.js';
import { figure, metricWords, significant } from './format.js';
import { bestOf, bestOurs, bestPeer } from './report.js';
import type { Report, RowReport, TargetReport, WorkloadReport } from './report.js';
import { lowerIsBetter } from './workloads.js';

type Column = readonly [heading: string, cell: (row: RowReport) => string];

/** The whole report; `bold` marks our rows. */
export function reportText(report: Report, bold: (text: string) => string): string {
  const { environment, rounds, measureMs } = report;
  const blocks = report.workloads.map((workload) => workloadText(workload, bold));
  return [
    `uring-wal bench · ${environment.date} · commit ${environment.commit}`,
    environmentLine(environment),
    `${environment.command}: medians of ${String(rounds)} rounds of ${String(measureMs)} ms; ` +
      'every trial in its own process, interleaved',
    '',
    ...blocks,
    targetsText(report.workloads),
    peersWinText(report.workloads),
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

/** One line of the table of targets. */
export function verdict(target: TargetReport): string {
  if (target.reached === undefined) return 'not measured';
  if (target.met) return 'met';
  return `MISSED by ${significant(Math.abs(target.reached / target.ratio - 1) * 100)} %`;
}

function targetsText(workloads: readonly WorkloadReport[]): string {
  const lines = workloads.flatMap(({ title, target }) => {
    if (target === undefined) return [];
    const wanted = `${target.atMost ? '≤' : '≥'} ${String(target.ratio)} × ${target.yardstick ?? '?'}`;
    const reached = target.reached === undefined ? '?' : `${target.reached.toFixed(2)} ×`;
    const who = target.ours === undefined ? '' : `(${target.ours})`;
    return [[title, wanted, reached, `${verdict(target)} ${who}`]];
  });
  if (lines.length === 0) return '';
  const widths = [0, 1, 2].map((at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const rows = lines.map(
    (line) => `  ${line.map((c, at) => c.padEnd(widths[at] ?? 0)).join('  ')}`,
  );
  return ['Targets (peers that block the event loop do not count)', ...rows, ''].join('\n');
}

/** Where anyone but the floor beats our best, said plainly. */
function peersWinText(workloads: readonly WorkloadReport[]): string {
  const lines = workloads.flatMap((workload) => {
    const ours = bestOurs(workload);
    const best = bestOf(
      workload.metric,
      workload.rows.filter((row) => row.family !== 'floor'),
    );
    if (ours?.summary === undefined || best?.summary === undefined || best.family === 'ours') {
      return [];
    }
    const by = ratioText(workload.metric, best.summary.median, ours.summary.median);
    return [`  ${workload.title}: ${best.title}, by ${by} × (${best.lacks || 'lacks nothing'})`];
  });
  return lines.length === 0 ? '' : ['Where a peer wins', ...lines, ''].join('\n');
}
