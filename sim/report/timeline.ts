// The timeline of one world as SVG: what the callers did, the operations with their four instants,
// the log's sectors by state, and where the process or the power went.

import type { TraceEvent } from '../environment.js';

const LEFT = 150;
const STEP_WIDTH_MIN = 3;
const STEP_WIDTH_MAX = 16;
const WIDTH_GOAL = 1150;
const ROW = 15;
const OPERATIONS_MAX = 160;
const SECTORS_MAX = 40;
const SECTOR_ROW = 9;

const SECTOR_COLOURS: Readonly<Record<string, string>> = {
  '.': '#7fb38a',
  u: '#e8b64c',
  d: '#e07b39',
  s: '#b3589a',
};

interface Operation {
  readonly name: string;
  readonly life: number;
  readonly issued: number;
  applied: number | undefined;
  durable: number | undefined;
  ended: number | undefined;
  failed: boolean;
}

interface Crash {
  readonly step: number;
  readonly text: string;
}

/** The drawing, an `<svg>` element. */
export function timelineSvg(trace: readonly TraceEvent[]): string {
  const last = trace.at(-1)?.step ?? 1;
  const width = Math.min(STEP_WIDTH_MAX, Math.max(STEP_WIDTH_MIN, WIDTH_GOAL / (last + 1)));
  const x = (step: number): number => LEFT + step * width;
  const callers = trace.filter(({ kind }) => kind === 'caller' || kind === 'detail');
  const faults = trace.filter(({ kind, text }) => kind === 'fault' && !isQuiet(text));
  const { operations, crashes } = collect(trace);
  const parts: string[] = [];
  let y = 24;
  const section = (title: string): void => {
    parts.push(`<text x="4" y="${String(y + 11)}" class="title">${title}</text>`);
  };

  section('callers');
  for (const { step, text } of callers) {
    parts.push(mark(x(step), y, callerClass(text), `step ${String(step)}: ${text}`));
  }
  y += ROW + 4;
  section('faults');
  for (const { step, text } of faults) {
    parts.push(mark(x(step), y, 'fault', `step ${String(step)}: ${text}`));
  }
  y += ROW + 6;
  section('operations');
  for (const operation of operations.slice(0, OPERATIONS_MAX)) {
    parts.push(operationRow(operation, x, y, last));
    y += ROW;
  }
  if (operations.length > OPERATIONS_MAX) {
    parts.push(`<text x="4" y="${String(y + 11)}">… ${String(operations.length)} in all</text>`);
    y += ROW;
  }
  y += 8;
  section('sectors of the log');
  const rows = Math.min(SECTORS_MAX, Math.max(1, ...trace.map(({ sectors }) => sectors.length)));
  parts.push(sectorMap(trace, rows, x, y, last));
  y += rows * SECTOR_ROW + 8;
  for (const crash of crashes) {
    const at = String(x(crash.step));
    parts.push(
      `<line x1="${at}" x2="${at}" y1="14" y2="${String(y)}" class="crash"/>` +
        `<text x="${at}" y="11" class="crash-text">${escapeHtml(crash.text)}</text>`,
    );
  }
  const size = `width="${String(x(last) + 60)}" height="${String(y + 4)}"`;
  return `<svg ${size} xmlns="http://www.w3.org/2000/svg">${parts.join('')}</svg>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function collect(trace: readonly TraceEvent[]): { operations: Operation[]; crashes: Crash[] } {
  const operations: Operation[] = [];
  const crashes: Crash[] = [];
  let current = new Map<number, Operation>();
  let life = 0;
  for (const { step, kind, op, text } of trace) {
    const operation = current.get(op);
    if (kind === 'world' && text.startsWith('process')) {
      life += 1;
      current = new Map();
    } else if (kind === 'world') {
      crashes.push({ step, text: text.includes('power') ? 'power cut' : 'killed' });
      current = new Map();
    } else if (kind === 'issued') {
      const issued: Operation = {
        name: text.replace(/ \/\S*$/, ''),
        life,
        issued: step,
        applied: undefined,
        durable: undefined,
        ended: undefined,
        failed: false,
      };
      operations.push(issued);
      current.set(op, issued);
    } else if (operation === undefined) {
      continue;
    } else if (kind === 'applied') operation.applied = step;
    else if (kind === 'durable') operation.durable = step;
    else if (kind === 'done' || kind === 'failed') {
      operation.ended = step;
      operation.failed = kind === 'failed';
    }
  }
  return { operations, crashes };
}

function operationRow(
  operation: Operation,
  x: (step: number) => number,
  y: number,
  last: number,
): string {
  const { issued, applied, durable, ended, failed, name } = operation;
  const end = ended ?? Math.min(last, issued + 4);
  const bar = (from: number, to: number, kind: string): string =>
    `<rect x="${String(x(from))}" y="${String(y + 4)}" width="${String(Math.max(2, x(to) - x(from)))}" ` +
    `height="7" class="${kind}"/>`;
  const lost = ended === undefined ? ' (never completed)' : failed ? ' (failed)' : '';
  const parts = [bar(issued, end, ended === undefined ? 'lost' : 'issued')];
  if (applied !== undefined) parts.push(bar(applied, end, 'applied'));
  if (durable !== undefined) parts.push(bar(durable, end, 'durable'));
  if (failed) parts.push(mark(x(end), y, 'fault', `${name} failed`));
  const label = `<text x="${String(LEFT - 6)}" y="${String(y + 11)}" class="label">${escapeHtml(name)}</text>`;
  const title = `<title>${escapeHtml(`${name}, issued at step ${String(issued)}${lost}`)}</title>`;
  return `<g>${title}${label}${parts.join('')}</g>`;
}

function sectorMap(
  trace: readonly TraceEvent[],
  rows: number,
  x: (step: number) => number,
  y: number,
  last: number,
): string {
  const parts: string[] = [];
  for (let row = 0; row < rows; row++) {
    let since = 0;
    let letter = '';
    const close = (step: number): void => {
      const colour = SECTOR_COLOURS[letter];
      if (colour === undefined) return;
      const width = Math.max(1, x(step) - x(since));
      parts.push(
        `<rect x="${String(x(since))}" y="${String(y + row * SECTOR_ROW)}" width="${String(width)}" ` +
          `height="${String(SECTOR_ROW - 1)}" fill="${colour}"/>`,
      );
    };
    for (const { step, sectors } of trace) {
      const now = sectors[row] ?? '';
      if (now === letter) continue;
      close(step);
      letter = now;
      since = step;
    }
    close(last + 1);
    const label = String(row * 512);
    parts.push(
      `<text x="${String(LEFT - 6)}" y="${String(y + row * SECTOR_ROW + 8)}" class="label">${label}</text>`,
    );
  }
  return parts.join('');
}

function mark(x: number, y: number, kind: string, title: string): string {
  return (
    `<g><title>${escapeHtml(title)}</title>` +
    `<circle cx="${String(x)}" cy="${String(y + 7)}" r="4" class="${kind}"/></g>`
  );
}

function callerClass(text: string): string {
  if (text.includes('durable') || text.includes('flush resolved')) return 'told-durable';
  if (text.includes('acknowledged')) return 'told-written';
  return text.includes('rejected') ? 'fault' : 'asked';
}

function isQuiet(text: string): boolean {
  return text === 'reordered' || text === 'power-cut' || text === 'kill';
}
