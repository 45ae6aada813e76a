// How a log ends, as exit code and as a sentence: the same for dump and verify.

import { assertNever } from '../errors.js';
import type { WalEnd } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';

const NAMES = { clean: 'clean end', torn: 'torn tail', tear: 'tear', corrupt: 'corrupt' } as const;

const EXIT_CODES = {
  clean: EXIT.OK,
  torn: EXIT.TORN,
  tear: EXIT.TORN,
  corrupt: EXIT.CORRUPT,
} as const;

/** The exit code that tells how the log ends. */
export function exitCodeOf(end: WalEnd): ExitCode {
  return EXIT_CODES[end.kind];
}

/** For example `torn tail at offset 1234: cut short; 17 bytes follow, no whole record among them`. */
export function describeEnd(end: WalEnd): string {
  const head = `${NAMES[end.kind]} at offset ${String(end.offset)}: ${end.reason}`;
  const left = String(end.size - end.offset);
  switch (end.kind) {
    case 'clean':
      return head;
    case 'torn':
      return `${head}; ${left} bytes follow, no whole record among them`;
    case 'tear':
    case 'corrupt': {
      const follower =
        end.next === undefined ? '' : `; the next whole record stands at ${String(end.next)}`;
      return `${head}; ${left} bytes follow${follower}`;
    }
    default:
      return assertNever(end.kind);
  }
}
