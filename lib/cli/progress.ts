// A progress bar on one line of a terminal; silent everywhere else.

import type { Writable } from 'node:stream';

const BAR_CELLS = 30;
/** Redrawing more often than this only costs time. */
const REDRAW_MS = 100;
const ERASE_LINE = '\r\u001b[K';

/** Draws how much of `total` is done. */
export class ProgressBar {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  readonly #total: number;
  #drawnAtMs = -Infinity;

  constructor(stream: Writable & { readonly isTTY?: boolean }, total: number) {
    this.#stream = stream;
    this.#total = total;
  }

  /** Shows `done` of the total, with `note` behind it, unless it was drawn a moment ago. */
  update(done: number, note: string): void {
    if (this.#stream.isTTY !== true) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnAtMs < REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    this.#stream.write(`${ERASE_LINE}${drawBar(done / this.#total, BAR_CELLS)} ${note}`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#drawnAtMs > -Infinity) this.#stream.write(ERASE_LINE);
  }
}

/** A bar of `cells` cells, and the percentage. `part` is 0 … 1. */
export function drawBar(part: number, cells: number): string {
  const bounded = Math.min(1, Math.max(0, part));
  const full = Math.floor(bounded * cells);
  const percent = String(Math.floor(bounded * 100)).padStart(3);
  return `${'█'.repeat(full)}${'░'.repeat(cells - full)} ${percent} %`;
}
