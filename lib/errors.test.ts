import { describe, expect, it } from 'vitest';
import { WAL_ERROR_CODES, WalError, assert, assertNever, errnoOf } from './errors.js';

/** What node:fs rejects with. */
function systemError(code: unknown): Error {
  return Object.assign(new Error('failed'), { code });
}

describe('WalError', () => {
  it('carries its code, its facts and its cause', () => {
    const cause = systemError('ENOSPC');
    const facts = { path: '/logs/a', offset: 4096, sequence: 7n, cause };
    const error = new WalError('ERR_WAL_WRITE', 'no space', facts);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'WalError', code: 'ERR_WAL_WRITE', message: 'no space' });
    expect(error).toMatchObject({ path: '/logs/a', offset: 4096, sequence: 7n, errno: 'ENOSPC' });
    expect(error.cause).toBe(cause);
  });

  it('prefers the errno it was given over that of its cause', () => {
    const facts = { errno: 'EIO', cause: systemError('ENOSPC') };
    expect(new WalError('ERR_WAL_SYNC', 'failed', facts).errno).toBe('EIO');
  });

  it('has no cause and no facts unless given', () => {
    const error = new WalError('ERR_WAL_CLOSED', 'closed');
    expect('cause' in error).toBe(false);
    expect(error.errno).toBeUndefined();
    expect(error.offset).toBeUndefined();
  });

  it('has a meaning for each code', () => {
    for (const [code, meaning] of Object.entries(WAL_ERROR_CODES)) {
      expect(code).toMatch(/^ERR_WAL_[A-Z_]+$/);
      expect(meaning.length, code).toBeGreaterThan(10);
    }
  });
});

describe('errnoOf', () => {
  it('finds the errno of a system error, through a WalError too', () => {
    const inner = systemError('EFBIG');
    expect(errnoOf(inner)).toBe('EFBIG');
    expect(errnoOf(new WalError('ERR_WAL_WRITE', 'failed', { cause: inner }))).toBe('EFBIG');
  });

  it.each([
    undefined,
    null,
    'EIO',
    5,
    {},
    systemError(5),
    systemError('ERR_INVALID_ARG_TYPE'),
    systemError('eio'),
  ])('takes nothing else for one: %j', (value) => {
    expect(errnoOf(value)).toBeUndefined();
  });
});

describe('assertions', () => {
  it('throw a plain error that names what is broken', () => {
    expect(() => {
      assert(false, 'offsets grow');
    }).toThrow('broken invariant: offsets grow');
    expect(() => assertNever('x' as never)).toThrow('unreachable: x');
  });

  it('let what holds pass', () => {
    expect(() => {
      assert(true, 'offsets grow');
    }).not.toThrow();
  });
});
