// Turns of the event loop, each after everything that the one before woke has run. Node drains the
// microtasks, and tells of rejections that nobody heard, after every single immediate, but asks the
// kernel for news only once a round: so immediates are queued by the dozen, ahead of what they run.

const QUEUED = 32;

const waiting: (() => void)[] = [];
let queued = 0;

/** Calls back in a turn of its own, once the microtask queue has drained. */
export function nextTurn(callback: () => void): void {
  waiting.push(callback);
  if (queued === 0) queueTurns();
}

function queueTurns(): void {
  queued = QUEUED;
  for (let count = 0; count < QUEUED; count++) setImmediate(turn);
}

function turn(): void {
  queued -= 1;
  const callback = waiting.shift();
  if (queued === 0 && waiting.length > 0) queueTurns();
  callback?.();
}
