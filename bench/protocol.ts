// What the bench says to the process of a contender, and what that answers: one reply a command.

import type { Task, TrialResult } from './contender.js';
import type { Slices } from './slices.js';

/** The command line of the process, as JSON. */
export interface TrialSpec {
  readonly contender: string;
  readonly task: Task;
  /** An existing directory, of the contender's own for all rounds. */
  readonly directory: string;
  readonly slices: Slices;
}

export type Command =
  /** Build what is to be replayed. */
  | 'prepare'
  /** Open, zero ahead, warm up; then rest. */
  | 'open'
  /** Measure one slice; then rest. */
  | 'measure'
  /** Close what is open, and exit. */
  | 'close';

/** The result, or the reason why there is none. */
export type Reply =
  | { readonly ok: true; readonly result?: TrialResult }
  | { readonly ok: false; readonly reason: string };

/** The name of a recover workload's log in its directory. */
export const RECOVER_LOG = 'recover.log';
