// Errors in words for a terminal.

import { errnoOf } from '../errors.js';
import { WalError } from '../index.js';

/** What went wrong, with the library's code in front where there is one. */
export function describeError(error: unknown): string {
  if (error instanceof WalError) return `${error.code}: ${error.message}${causeOf(error)}`;
  return error instanceof Error ? error.message : String(error);
}

/** The same for what the world did; anything else is a bug of ours, and thrown on. */
export function describeFailure(error: unknown): string {
  if (error instanceof WalError || errnoOf(error) !== undefined) return describeError(error);
  throw error;
}

/** The cause's message, unless the error repeats it already. */
function causeOf(error: WalError): string {
  const { cause } = error;
  if (!(cause instanceof Error) || error.message.includes(cause.message)) return '';
  return ` (${cause.message})`;
}
