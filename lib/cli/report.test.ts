// Errors in words: the code in front, the cause told once, our own bugs not hidden.

import { describe, expect, it } from 'vitest';
import { WalError } from '../index.js';
import { describeError, describeFailure } from './report.js';

describe('describeError', () => {
  it.each([
    [new WalError('ERR_WAL_WRITE', 'no write'), 'ERR_WAL_WRITE: no write'],
    [
      new WalError('ERR_WAL_WRITE', 'no write', { cause: new Error('ENOSPC') }),
      'ERR_WAL_WRITE: no write (ENOSPC)',
    ],
    [
      new WalError('ERR_WAL_WRITE', 'no write: ENOSPC', { cause: new Error('ENOSPC') }),
      'ERR_WAL_WRITE: no write: ENOSPC',
    ],
    [new Error('plain'), 'plain'],
    ['text', 'text'],
  ])('%s', (error, text) => {
    expect(describeError(error)).toBe(text);
  });
});

describe('describeFailure', () => {
  it('describes what the world did', () => {
    const error = Object.assign(new Error('EIO: test'), { code: 'EIO' });
    expect(describeFailure(error)).toBe('EIO: test');
  });

  it('throws on what is a bug', () => {
    expect(() => describeFailure(new TypeError('a bug'))).toThrow('a bug');
  });
});
