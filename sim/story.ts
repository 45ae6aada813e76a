// A world's trace as people read it: the few steps that matter, or every line.

import type { TraceEvent } from './environment.js';
import { QUIET_FAULTS } from './faults.js';
import type { Violation } from './invariants.js';
import { promiseOf } from './invariants.js';

/** What the callers and the world did, without the operations: one line each. */
export function storyOf(trace: readonly TraceEvent[]): string[] {
  return trace.filter(isStep).map(({ kind, text }) => (kind === 'fault' ? `fault: ${text}` : text));
}

/** Every event, one line each: the same for the same token, byte for byte, on any machine. */
export function traceLines(trace: readonly TraceEvent[]): string[] {
  return trace.map(({ step, kind, op, text }) => {
    const where = op === 0 ? '' : ` #${String(op)}`;
    return `${String(step).padStart(5)}  ${kind}${where}  ${text}`;
  });
}

export function describeViolation(violation: Violation): string {
  return `${violation.invariant}: ${violation.message}\n  (${promiseOf(violation.invariant)})`;
}

function isStep({ kind, text }: TraceEvent): boolean {
  switch (kind) {
    case 'caller':
      return true;
    case 'fault':
      return !QUIET_FAULTS.some((name) => text.startsWith(name));
    case 'world':
      return !text.startsWith('process');
    default:
      return false;
  }
}
