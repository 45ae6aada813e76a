// The report as a picture: ours, peers and the floor, one panel a workload. SVG stands alone;
// HTML is the same picture with the figures below it as text.

import {
  PANEL_WIDTH,
  FILLS,
  barPanelHeight,
  drawBars,
  drawLines,
  escapeXml,
  linePanelHeight,
  svgText,
  type Bar,
  type BarPanel,
  type LinePanel,
  type Style,
} from './chart-panels.js';
import { environmentLine } from './environment.js';
import { figure, metricWords, quantity, significant } from './format.js';
import type { Report, RowReport, WorkloadReport } from './report.js';
import { reportText, verdict } from './table.js';
import { lowerIsBetter } from './workloads.js';

const MARGIN = 28;
const GUTTER = 36;
const HEAD_HEIGHT = 104;
const PANEL_GAP = 18;
const WIDTH = 2 * MARGIN + 2 * PANEL_WIDTH + GUTTER;
/** The workload whose event-loop delay and CPU time get panels of their own. */
const SATURATED = 'durable-1024';

const STYLE = `
  text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2937; }
  text { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
  .heading { font-size: 22px; font-weight: 700; }
  .title { font-size: 15px; font-weight: 700; }
  .strong { font-weight: 700; fill: #0f766e; }
  .small { font-size: 11px; fill: #64748b; }
  .small.strong { fill: #0f766e; }
  .whisker { stroke: #111827; stroke-width: 1.2; opacity: 0.5; }
  .axis { stroke: #cbd5e1; }
  .met { stroke: #15803d; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .missed { stroke: #b91c1c; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .noisy { stroke: #64748b; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .met-text { fill: #15803d; }
  .missed-text { fill: #b91c1c; }
`;

const LEGEND: readonly (readonly [Style, string])[] = [
  ['ours', 'uring-wal'],
  ['peer', 'peer'],
  ['blocking', 'peer that blocks the event loop'],
  ['floor', 'floor: fio, no JavaScript'],
];

interface Placed {
  readonly height: number;
  readonly body: string;
}

export function chartSvg(report: Report): string {
  const panels = allPanels(report.workloads);
  const columns: [Placed[], Placed[]] = [[], []];
  const heights: [number, number] = [0, 0];
  for (const panel of panels) {
    const column = heights[0] <= heights[1] ? 0 : 1;
    columns[column].push(panel);
    heights[column] += panel.height + PANEL_GAP;
  }
  const height = HEAD_HEIGHT + Math.max(...heights) + MARGIN;
  const body = columns.flatMap((column, at) => {
    let y = HEAD_HEIGHT;
    return column.map((panel) => {
      const x = MARGIN + at * (PANEL_WIDTH + GUTTER);
      const group = `<g transform="translate(${String(x)} ${String(y)})">${panel.body}</g>`;
      y += panel.height + PANEL_GAP;
      return group;
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" height="${String(height)}">`,
    `<style>${STYLE}</style>`,
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">',
    '<rect width="6" height="6" fill="#e2e8f0"/><rect width="3" height="6" fill="#94a3b8"/></pattern></defs>',
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    head(report),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

export function chartHtml(report: Report): string {
  const text = escapeXml(reportText(report, (line) => line));
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><title>uring-wal bench</title>',
    '<style>body { margin: 0 auto; max-width: 1300px; background: #fff; }',
    'svg { width: 100%; height: auto; } pre { padding: 28px; overflow-x: auto; }</style>',
    `</head><body>${chartSvg(report)}<pre>${text}</pre></body></html>`,
    '',
  ].join('\n');
}

function head(report: Report): string {
  const { environment, rounds } = report;
  const line = `${environment.date} · commit ${environment.commit} · ${environment.command} · medians of ${String(rounds)} rounds, whiskers from the worst to the best`;
  const parts = [
    svgText(MARGIN, 36, 'uring-wal against its peers', { kind: 'heading' }),
    svgText(MARGIN, 57, environmentLine(environment), { kind: 'small' }),
    svgText(MARGIN, 73, line, { kind: 'small' }),
  ];
  let x = MARGIN;
  for (const [style, words] of LEGEND) {
    parts.push(
      `<rect x="${String(x)}" y="82" width="12" height="12" rx="2" fill="${FILLS[style]}"/>`,
      svgText(x + 17, 92, words, { kind: 'small' }),
    );
    x += 40 + words.length * 6.2;
  }
  parts.push(svgText(x, 92, '┊ the target for ours', { kind: 'small' }));
  return parts.join('\n');
}

function allPanels(workloads: readonly WorkloadReport[]): Placed[] {
  const recover = workloads.filter((workload) => workload.task.kind === 'recover');
  const bars = workloads.filter((workload) => workload.task.kind !== 'recover').map(workloadPanel);
  const saturated = workloads.find((workload) => workload.name === SATURATED);
  if (saturated !== undefined) {
    bars.push(
      ...sidePanel(saturated, 'event-loop delay, p99', 'ms', (row) => row.loopDelayP99Ms),
      ...sidePanel(saturated, 'CPU time per append', 'µs', (row) => row.cpuUs),
    );
  }
  const placed = bars.map((panel) => ({ height: barPanelHeight(panel), body: drawBars(panel) }));
  if (recover.length > 1) {
    const panel = recoverPanel(recover);
    placed.push({ height: linePanelHeight(panel.lines.length), body: drawLines(panel) });
  }
  return placed;
}

function workloadPanel(workload: WorkloadReport): BarPanel {
  const { metric, target } = workload;
  const bars = workload.rows.map((row): Bar => {
    const { summary } = row;
    if (summary === undefined) {
      return { ...labelOf(row), value: undefined, text: `not measured: ${row.missing ?? ''}` };
    }
    const { min, max } = summary;
    return {
      ...labelOf(row),
      value: summary.median,
      min,
      max,
      text: figure(metric, summary.median),
    };
  });
  const panel: BarPanel = {
    title: workload.title,
    subtitle: metricWords(metric),
    bars: sorted(bars, lowerIsBetter(metric)),
  };
  const yardstick = workload.rows.find((row) => row.title === target?.yardstick)?.summary?.median;
  if (target === undefined || yardstick === undefined) return panel;
  if (target.verdict === 'unmeasured') return panel;
  const sign = target.atMost ? '≤' : '≥';
  const text = `target ${sign} ${String(target.ratio)} × ${target.yardstick ?? ''}: ${verdict(target)}`;
  return {
    ...panel,
    target: { value: yardstick * target.ratio, text, kind: target.verdict },
  };
}

/** A panel about something else than the workload's own figure; none if nobody has it. */
function sidePanel(
  workload: WorkloadReport,
  title: string,
  unit: string,
  pick: (row: RowReport) => number | undefined,
): BarPanel[] {
  const bars = workload.rows.flatMap((row): Bar[] => {
    const value = pick(row);
    if (value === undefined) return [];
    return [{ ...labelOf(row), value, text: `${significant(value)} ${unit}` }];
  });
  if (bars.length === 0) return [];
  const subtitle = `${workload.title}, saturated; less is better`;
  return [{ title, subtitle, bars: sorted(bars, true) }];
}

function labelOf(row: RowReport): { label: string; style: Style } {
  return { label: row.title, style: row.blocks ? 'blocking' : row.family };
}

/** The best first, what was not measured last. */
function sorted(bars: readonly Bar[], lowerFirst: boolean): Bar[] {
  const sign = lowerFirst ? 1 : -1;
  const key = (bar: Bar): number => (bar.value === undefined ? Infinity : sign * bar.value);
  return [...bars].sort((a, b) => key(a) - key(b));
}

function recoverPanel(workloads: readonly WorkloadReport[]): LinePanel {
  const ids = [...new Set(workloads.flatMap((workload) => workload.rows.map((row) => row.id)))];
  const lines = ids.flatMap((id) => {
    const first = workloads.flatMap((workload) => workload.rows).find((row) => row.id === id);
    if (first === undefined) return [];
    const points = workloads.flatMap((workload) => {
      const median = workload.rows.find((row) => row.id === id)?.summary?.median;
      if (median === undefined || workload.task.kind !== 'recover') return [];
      return [{ x: workload.task.logBytes, y: median, text: `${significant(median)} ms` }];
    });
    const how =
      first.family === 'ours' ? ' (past the page cache)' : ' (scans, trusts the page cache)';
    return points.length === 0 ? [] : [{ ...labelOf(first), label: first.title + how, points }];
  });
  return {
    title: 'open and recover, by size of the log',
    subtitle: 'ms until the writer is ready, both axes logarithmic; less is better',
    lines,
    xText: (bytes) => `${quantity(bytes)}B`,
  };
}
