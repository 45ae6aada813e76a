// Runs a simulated driver by itself, event after event, for whoever only wants to use it as a
// driver: unit tests, the contract suite, property tests. Worlds with crashes have a scheduler of
// their own.

import { LANE } from './choices.js';
import type { SimDriver } from './driver.js';
import { nextTurn } from './turns.js';

/** Takes the driver's events, each after the microtask queue has drained, while there are any. */
export function pump(driver: SimDriver): void {
  let scheduled = false;
  const step = (): void => {
    scheduled = false;
    if (driver.dead) return;
    const { environment } = driver;
    environment.step += 1;
    if (!driver.runDeferred()) {
      const count = driver.operations.eligible();
      if (count > 0) driver.operations.advance(environment.choices.below(LANE.order, count));
      else if (driver.operations.list.length > 0) driver.operations.advance(0);
      else driver.fireTimer();
    }
    schedule();
  };
  const schedule = (): void => {
    if (scheduled || driver.isIdle()) return;
    scheduled = true;
    nextTurn(step);
  };
  driver.onWork = schedule;
  schedule();
}
