// What the demo shows. Plain text when nobody watches; on a terminal, colours (unless NO_COLOR is
// set) and a line that moves while a round runs.

import type { Writable } from 'node:stream';
import type { WalEnd } from '../index.js';
import type { AnatomyField } from './demo-anatomy.js';
import type { DemoCheck } from './demo-check.js';
import type { RoundResult } from './demo-round.js';
import type { LatencyHistogram } from './latency.js';
import { drawBar } from './progress.js';

const ERASE_LINE = '\r\u001b[K';
const REDRAW_MS = 80;
const BAR_CELLS = 24;
const HEX_BYTES_PER_LINE = 16;
const HEX_LINES_MAX = 4;
const MEANING_CHARACTERS_MAX = 44;

type Colour = 'bold' | 'dim' | 'green' | 'red';
const COLOURS: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, green: 32, red: 31 };

const COLUMNS = [
  ['round', 7],
  ['ended after', 12],
  ['acknowledged', 13],
  ['missing', 8],
  ['differing', 10],
  ['in flight*', 11],
  ['tail', 0],
] as const;

/** Prints to a stream, and knows whether it is a terminal. */
export class DemoView {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  readonly #colours: boolean;
  #drawnAtMs = -Infinity;

  constructor(
    stream: Writable & { readonly isTTY?: boolean },
    environment: Readonly<Record<string, string | undefined>>,
  ) {
    this.#stream = stream;
    const { NO_COLOR: noColour = '', TERM: terminal } = environment;
    this.#colours = stream.isTTY === true && noColour === '' && terminal !== 'dumb';
  }

  line(text = ''): void {
    this.#stream.write(`${text}\n`);
  }

  paint(colour: Colour, text: string): string {
    return this.#colours ? `\u001b[${String(COLOURS[colour])}m${text}\u001b[0m` : text;
  }

  /** The moving line of a round that runs. */
  progress(label: string, part: number, acknowledged: number, elapsedMs: number): void {
    if (this.#stream.isTTY !== true) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    const rate = elapsedMs > 0 ? `, ${perSecond(acknowledged, elapsedMs)}` : '';
    const bar = drawBar(part, BAR_CELLS);
    this.#stream.write(`${ERASE_LINE}  ${label} ${bar}  ${count(acknowledged)} durable${rate}`);
  }

  /** Takes the moving line away. */
  clearProgress(): void {
    if (this.#drawnAtMs > -Infinity) this.#stream.write(ERASE_LINE);
    this.#drawnAtMs = -Infinity;
  }

  tableHead(): void {
    const cells = COLUMNS.map(([name, width]) => name.padStart(width));
    this.line(this.paint('dim', cells.join('  ')));
  }

  /** `landed`: records that nobody was acknowledged, but the kill found on their way. */
  roundRow(name: string, round: RoundResult, check: DemoCheck, landed: number): void {
    const bad = check.firstProblem !== undefined;
    const values = [
      name,
      `${count(Math.round(round.elapsedMs))} ms`,
      count(round.acknowledged),
      count(check.missing),
      count(check.differing),
      count(landed),
      describeTail(check.end),
    ];
    const cells = COLUMNS.map(([, width], index) => (values[index] ?? '').padStart(width));
    const row = cells.join('  ');
    this.line(bad ? this.paint('red', row) : row);
  }

  /** The bytes of one record, a field a line. */
  anatomy(fields: readonly AnatomyField[]): void {
    for (const { name, bytes, meaning } of fields) {
      const rows = hexRows(bytes);
      for (const [index, row] of rows.entries()) {
        const label = this.paint('bold', (index === 0 ? name : '').padEnd(9));
        const note = index === 0 ? shorten(meaning) : '';
        this.line(`  ${label} ${row.padEnd(HEX_BYTES_PER_LINE * 3)} ${note}`.trimEnd());
      }
    }
  }

  figures(label: string, latency: LatencyHistogram, elapsedMs: number, bytes: number): void {
    const at = (part: number): string => duration(latency.percentileMs(part));
    const megabytes = (bytes / 1e6 / (elapsedMs / 1e3)).toFixed(1);
    this.line(
      `  ${label}  ${perSecond(latency.count, elapsedMs).padStart(10)} (${megabytes} MB/s)` +
        `  p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  max ${duration(latency.maxMs)}`,
    );
  }
}

/** 1234567 as 1,234,567. */
export function count(number: number): string {
  return number.toLocaleString('en');
}

function perSecond(records: number, elapsedMs: number): string {
  return elapsedMs > 0 ? `${count(Math.round((records / elapsedMs) * 1e3))}/s` : '-';
}

function duration(ms: number): string {
  if (Number.isNaN(ms)) return '-';
  if (ms < 1) return `${(ms * 1e3).toFixed(0)} µs`;
  return ms < 100 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;
}

function describeTail(end: WalEnd): string {
  const left = end.size - end.offset;
  if (left === 0) return 'clean';
  return `${end.kind === 'clean' ? 'clean, zeroed ahead' : end.kind}: ${count(left)} bytes`;
}

function hexRows(bytes: Buffer): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_BYTES_PER_LINE) {
    if (rows.length === HEX_LINES_MAX) {
      rows.push(`… ${count(bytes.length - at)} more bytes`);
      break;
    }
    const row = bytes.subarray(at, at + HEX_BYTES_PER_LINE);
    rows.push(row.toString('hex').replace(/..(?=.)/g, '$& '));
  }
  return rows.length === 0 ? ['(empty)'] : rows;
}

function shorten(text: string): string {
  if (text.length <= MEANING_CHARACTERS_MAX) return text;
  return `${text.slice(0, MEANING_CHARACTERS_MAX - 1)}…`;
}
