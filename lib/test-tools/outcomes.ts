// What became of a promise, as data that compares well.

import { expect } from 'vitest';

import type { WalPosition } from '../ack-queue.js';
import type { WalErrorCode } from '../errors.js';
import { WalError } from '../errors.js';

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

/** Expects a `WalError` with this code, and returns it. */
export function expectWalError(error: unknown, code: WalErrorCode, errno?: string): WalError {
  expect(error).toBeInstanceOf(WalError);
  if (!(error instanceof WalError)) throw new Error('no WalError');
  expect(error.code, error.message).toBe(code);
  if (errno !== undefined) expect(error.errno, error.message).toBe(errno);
  return error;
}

/** Expects the promise to reject with a `WalError` of this code, and returns it. */
export async function expectRejection(
  promise: Promise<unknown>,
  code: WalErrorCode,
  errno?: string,
): Promise<WalError> {
  return expectWalError(await rejectionOf(promise), code, errno);
}
