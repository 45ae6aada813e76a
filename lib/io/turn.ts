// How long this turn of the event loop has lasted. What completes at once settles its promise in
// the same turn; a caller that appends again from there would keep timers and sockets waiting for
// ever. So once a turn has lasted too long, the next completion is told in a turn of its own.

import * as clock from './clock.js';

/** How long completions may follow one another within a turn, in milliseconds. */
const TURN_MS = 1;

let startedAt: number | undefined;

/** To be asked at each completion that could be told at once. */
export function isOverdue(): boolean {
  if (startedAt !== undefined) return clock.now() - startedAt > TURN_MS;
  startedAt = clock.now();
  setImmediate(() => {
    startedAt = undefined;
  });
  return false;
}
