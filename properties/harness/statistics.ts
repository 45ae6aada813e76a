// What a property has seen. Green means reached: a state that no case got into was not tested.

import { appendFileSync } from 'node:fs';

/** Where the log of a property lives while it is tested. */
export type Level = 'bytes' | 'simulated' | 'kernel';

/** What one property did in this run. */
export interface PropertyFigures {
  readonly name: string;
  readonly level: Level;
  readonly seed: number;
  readonly cases: number;
  readonly ms: number;
  /** By state: how many cases got into it. */
  readonly reached: Readonly<Record<string, number>>;
}

/** Counts the cases that get into each state. */
export class Reach {
  readonly counts = new Map<string, number>();
  readonly #expected: readonly string[];
  #current = new Set<string>();

  constructor(expected: readonly string[]) {
    this.#expected = expected;
    for (const state of expected) this.counts.set(state, 0);
  }

  /** Begins a case. */
  begin(): void {
    this.#current = new Set();
  }

  /** The case got into this state; counts once a case. */
  readonly mark = (state: string): void => {
    if (this.#current.has(state)) return;
    this.#current.add(state);
    this.counts.set(state, (this.counts.get(state) ?? 0) + 1);
  };

  /** States that were to be reached and were not. */
  missing(): string[] {
    return this.#expected.filter((state) => this.counts.get(state) === 0);
  }
}

/** Prints the figures in a line, and hands them to whoever collects them (properties/run.js). */
export function report(figures: PropertyFigures): void {
  const { name, level, seed, cases, ms, reached } = figures;
  const states = Object.entries(reached).map(([state, count]) => `${state} ${String(count)}`);
  const rate = Math.round((cases * 1000) / Math.max(ms, 1));
  const tail = states.length === 0 ? '' : `; ${states.join(', ')}`;
  console.log(
    `${name} [${level}]: seed ${String(seed)}, ${String(cases)} cases, ${String(rate)}/s${tail}`,
  );
  const file = process.env['PROPERTY_STATISTICS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(figures)}\n`);
}
