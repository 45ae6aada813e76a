// Expectations of rejections.

import { expect } from 'vitest';

import type { WalErrorCode } from '../errors.js';
import { WalError } from '../errors.js';
import { rejectionOf } from './outcomes.js';

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
