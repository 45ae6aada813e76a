// The panels of the chart: bars of one workload, and lines over log size. Plain SVG by hand; no
// library draws so little more simply.

import type { Family } from './contender.js';

/** Outer size of every panel's column, px. */
export const PANEL_WIDTH = 590;
const LABEL_WIDTH = 272;
const VALUE_WIDTH = 92;
const BAR_WIDTH = PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const BAR_HEIGHT = 16;
const BAR_PITCH = 23;
const TITLE_HEIGHT = 46;
const FOOT_HEIGHT = 20;
const LINES_HEIGHT = 190;
const LEGEND_PITCH = 16;
/** Whiskers of rounds gone astray are cut here, as a part of the bars' width. */
const WHISKER_SHARE_MAX = 1.08;

/** How each kind of row is drawn. */
export type Style = Family | 'blocking';

export const FILLS: Readonly<Record<Style, string>> = {
  ours: '#0f766e',
  peer: '#94a3b8',
  blocking: 'url(#hatch)',
  floor: '#d97706',
};

export interface Bar {
  readonly label: string;
  readonly style: Style;
  /** Undefined: nothing measured; `text` says why. */
  readonly value: number | undefined;
  readonly min?: number;
  readonly max?: number;
  readonly text: string;
}

/** Green, red, or grey where the rounds differ too much to say. */
export type TargetKind = 'met' | 'missed' | 'noisy';

export interface BarPanel {
  readonly title: string;
  readonly subtitle: string;
  readonly bars: readonly Bar[];
  /** Where ours is to be, on the bars' scale, and what to say about it. */
  readonly target?: { readonly value: number; readonly text: string; readonly kind: TargetKind };
}

export interface Line {
  readonly label: string;
  readonly style: Style;
  readonly points: readonly { readonly x: number; readonly y: number; readonly text: string }[];
}

export interface LinePanel {
  readonly title: string;
  readonly subtitle: string;
  readonly lines: readonly Line[];
  readonly xText: (x: number) => string;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly kind?: string;
}

export function svgText(x: number, y: number, text: string, options: TextOptions = {}): string {
  const anchor = options.anchor === undefined ? '' : ` text-anchor="${options.anchor}"`;
  const kind = options.kind === undefined ? '' : ` class="${options.kind}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${anchor}${kind}>${escapeXml(text)}</text>`;
}

export function barPanelHeight(panel: BarPanel): number {
  return TITLE_HEIGHT + panel.bars.length * BAR_PITCH + FOOT_HEIGHT;
}

export function linePanelHeight(lineCount: number): number {
  return TITLE_HEIGHT + LINES_HEIGHT + FOOT_HEIGHT + lineCount * LEGEND_PITCH;
}

/** Horizontal bars with whiskers from the smallest to the largest round. */
export function drawBars(panel: BarPanel): string {
  const medians = panel.bars.map((bar) => bar.value ?? 0);
  const scale = BAR_WIDTH / Math.max(...medians, panel.target?.value ?? 0, Number.MIN_VALUE);
  const parts = [heading(panel.title, panel.subtitle)];
  const bars = panel.bars.map((bar, at) => drawBar(bar, TITLE_HEIGHT + at * BAR_PITCH, scale));
  if (panel.target !== undefined) {
    const x = LABEL_WIDTH + panel.target.value * scale;
    const bottom = TITLE_HEIGHT + panel.bars.length * BAR_PITCH;
    const { kind } = panel.target;
    const left = x < PANEL_WIDTH / 2;
    parts.push(
      `<line class="${kind}" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${String(TITLE_HEIGHT - 4)}" y2="${String(bottom)}"/>`,
      svgText(x + (left ? -2 : 2), bottom + 11, panel.target.text, {
        anchor: left ? 'start' : 'end',
        kind: `small ${kind}-text`,
      }),
    );
  }
  return [...parts, ...bars].join('\n');
}

function drawBar(bar: Bar, y: number, scale: number): string {
  const baseline = y + BAR_HEIGHT - 4;
  const label = svgText(LABEL_WIDTH - 8, baseline, bar.label, {
    anchor: 'end',
    kind: bar.style === 'ours' ? 'strong' : 'label',
  });
  if (bar.value === undefined) {
    return label + svgText(LABEL_WIDTH + 4, baseline, bar.text, { kind: 'small' });
  }
  const width = Math.max(1, bar.value * scale);
  const rectangle =
    `<rect x="${String(LABEL_WIDTH)}" y="${String(y)}" width="${width.toFixed(1)}" ` +
    `height="${String(BAR_HEIGHT)}" rx="2" fill="${FILLS[bar.style]}"/>`;
  const end = LABEL_WIDTH + WHISKER_SHARE_MAX * BAR_WIDTH;
  const from = LABEL_WIDTH + (bar.min ?? bar.value) * scale;
  const to = Math.min(LABEL_WIDTH + (bar.max ?? bar.value) * scale, end);
  const middle = (y + BAR_HEIGHT / 2).toFixed(1);
  const whisker = `<line class="whisker" x1="${from.toFixed(1)}" x2="${to.toFixed(1)}" y1="${middle}" y2="${middle}"/>`;
  const kind = bar.style === 'ours' ? 'strong' : 'label';
  const text = svgText(Math.max(LABEL_WIDTH + width, to) + 6, baseline, bar.text, { kind });
  return label + rectangle + whisker + text;
}

/** Lines on logarithmic axes, every point labelled. */
export function drawLines(panel: LinePanel): string {
  const points = panel.lines.flatMap((line) => line.points);
  const left = 60;
  const x = logScale(
    points.map((point) => point.x),
    left,
    PANEL_WIDTH - 130,
  );
  const y = logScale(
    points.map((point) => point.y),
    TITLE_HEIGHT + LINES_HEIGHT - 14,
    TITLE_HEIGHT + 16,
  );
  const bottom = TITLE_HEIGHT + LINES_HEIGHT;
  const parts = [heading(panel.title, panel.subtitle)];
  parts.push(
    `<line class="axis" x1="${String(left - 20)}" x2="${String(PANEL_WIDTH - 100)}" y1="${String(bottom)}" y2="${String(bottom)}"/>`,
  );
  for (const value of new Set(points.map((point) => point.x))) {
    parts.push(
      svgText(x(value), bottom + 14, panel.xText(value), { anchor: 'middle', kind: 'small' }),
    );
  }
  panel.lines.forEach((line, at) => {
    const colour = line.style === 'ours' ? FILLS.ours : FILLS.peer;
    const path = line.points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`);
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${path.join(' ')}"/>`,
    );
    const kind = line.style === 'ours' ? 'small strong' : 'small';
    for (const point of line.points) {
      const isTop = points.every((other) => other.x !== point.x || other.y <= point.y);
      const below = isTop ? -9 : 17;
      parts.push(
        `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="3.5" fill="${colour}"/>`,
        svgText(x(point.x), y(point.y) + below, point.text, { anchor: 'middle', kind }),
      );
    }
    const legendY = bottom + FOOT_HEIGHT + at * LEGEND_PITCH;
    const swatch = `<rect x="${String(left - 20)}" y="${String(legendY)}" width="10" height="10" fill="${colour}"/>`;
    parts.push(swatch, svgText(left - 4, legendY + 9, line.label, { kind }));
  });
  return parts.join('\n');
}

function heading(title: string, subtitle: string): string {
  return svgText(0, 16, title, { kind: 'title' }) + svgText(0, 33, subtitle, { kind: 'small' });
}

/** Maps the values' logarithms onto [from, to]; all equal values land in the middle. */
function logScale(values: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.log(Math.min(...values));
  const high = Math.log(Math.max(...values));
  return (value) =>
    high === low ? (from + to) / 2 : from + ((Math.log(value) - low) / (high - low)) * (to - from);
}
