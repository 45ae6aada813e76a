// One operation in flight, as the four instants of its life: issued, applied to the page cache,
// durable on the medium, completion visible to the caller. Each is an event of its own; between any
// two of them other operations move, faults strike and crashes come.

import { LANE } from './choices.js';
import type { SimEnvironment } from './environment.js';

/** What an operation does at its next instant; returns how to settle it when it is the last. */
export type Instant = () => Settlement | undefined;

/** How an operation ends. */
export type Settlement = () => void;

/** A range of a file that nobody else may touch while the operation is in flight. */
export interface TouchedRange {
  readonly file: object;
  readonly start: number;
  readonly end: number;
}

export interface SimOperation {
  readonly id: number;
  readonly name: string;
  readonly path: string;
  /** Not taken before this step, unless nothing else is left to do. */
  readonly eligibleAt: number;
  readonly touches: TouchedRange | undefined;
  next: Instant;
  /** Lands what a dying process leaves of the operation, when it was not applied yet. */
  abandon: (() => void) | undefined;
}

const SLOW_STEPS_MIN = 20;
const SLOW_STEPS_RANGE = 60;

/** Every operation in flight of one process, in the order of their issue. */
export class OperationTable {
  readonly list: SimOperation[] = [];
  readonly #environment: SimEnvironment;
  #issued = 0;

  constructor(environment: SimEnvironment) {
    this.#environment = environment;
  }

  /** Starts an operation; its first instant comes when the scheduler chooses it. */
  issue(
    name: string,
    path: string,
    next: Instant,
    touches?: TouchedRange,
    abandon?: () => void,
  ): SimOperation {
    const environment = this.#environment;
    this.#issued += 1;
    const slow = environment.draw('completion') === 'slow-completion';
    const extra = slow
      ? SLOW_STEPS_MIN + environment.choices.below(LANE.extent, SLOW_STEPS_RANGE)
      : 0;
    const operation: SimOperation = {
      id: this.#issued,
      name,
      path,
      eligibleAt: environment.step + extra,
      touches,
      next,
      abandon,
    };
    if (slow) environment.fire('slow-completion');
    if (touches !== undefined) this.#checkOverlap(operation, touches);
    this.list.push(operation);
    return operation;
  }

  /** How many operations can move now; with nothing else to do, the slow ones count as well. */
  eligible(): number {
    const { step } = this.#environment;
    let count = 0;
    for (const operation of this.list) if (operation.eligibleAt <= step) count++;
    return count;
  }

  /** Moves the `index`-th of those that can move; true when it settled. */
  advance(index: number): boolean {
    const operation = this.#pick(index);
    if (operation === undefined) return false;
    const environment = this.#environment;
    environment.mix(operation.id);
    const settle = operation.next();
    if (settle === undefined) return false;
    const place = this.list.indexOf(operation);
    if (place > 0) environment.fire('reordered');
    if (place >= 0) this.list.splice(place, 1);
    settle();
    return true;
  }

  #pick(index: number): SimOperation | undefined {
    const { step } = this.#environment;
    let rest = index;
    for (const operation of this.list) {
      if (operation.eligibleAt > step) continue;
      if (rest === 0) return operation;
      rest--;
    }
    return this.list[0];
  }

  #checkOverlap(operation: SimOperation, touches: TouchedRange): void {
    const other = this.list.find(
      ({ touches: theirs }) =>
        theirs?.file === touches.file && theirs.start < touches.end && touches.start < theirs.end,
    );
    this.#environment.checks.that(
      other === undefined,
      'no-overlap-in-flight',
      () =>
        `${operation.name} #${String(operation.id)} was issued on '${operation.path}' while ` +
        `${other?.name ?? ''} #${String(other?.id)} was in flight on the same 4096-byte block`,
    );
  }
}
