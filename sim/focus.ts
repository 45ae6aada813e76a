// Half of the worlds are about one fault class. There it strikes often and few others do, batches
// span several sectors, and the power goes right after something has landed behind it: what only
// one fault, one crash and one lost sector together can show needs worlds that look for just that.
//
// A focus bends odds and decides nothing, so it is not among the choices of a world: a recorded
// world replays without one.

import type { Choices } from './choices.js';
import { FAULT_NAMES, type FaultName } from './faults.js';

/** Worlds without a focus, and with one. */
const WORLDS = [1, 1];
/** How many worlds are about a fault: more, the more ways it has to strike. */
const WEIGHTS: { readonly [name in FaultName]?: number } = {
  'short-write': 12,
  'write-eio': 2,
  enospc: 2,
  'dsync-write-half': 1,
  'dsync-sync-half': 1,
  'dsync-enospc': 1,
  'sync-error': 6,
  'truncate-error': 1,
  'writeback-error': 3,
  'directory-error': 1,
};

/** Draws what a world is about, if anything; only faults that may exist count. */
export function drawFocus(
  choices: Choices,
  allowed: readonly FaultName[] = FAULT_NAMES,
): FaultName | undefined {
  if (choices.bias(WORLDS) === 0) return undefined;
  const weights = FAULT_NAMES.map((name) => (allowed.includes(name) ? (WEIGHTS[name] ?? 0) : 0));
  const index = choices.bias(weights);
  return (weights[index] ?? 0) > 0 ? FAULT_NAMES[index] : undefined;
}
