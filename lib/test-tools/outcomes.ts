// What became of a promise, as data that compares well.

import type { WalPosition } from '../ack-queue.js';

/** How an append ended. */
export type Outcome =
  | { readonly ok: true; readonly position: WalPosition }
  | { readonly ok: false; readonly error: unknown };

/** Waits for all, rejected or not. */
export function outcomesOf(promises: readonly Promise<WalPosition>[]): Promise<Outcome[]> {
  return Promise.all(promises.map(outcomeOf));
}

export async function outcomeOf(promise: Promise<WalPosition>): Promise<Outcome> {
  try {
    return { ok: true, position: await promise };
  } catch (error) {
    return { ok: false, error };
  }
}

/** What a promise rejected with; fails the test when it did not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection, but the promise resolved');
}
