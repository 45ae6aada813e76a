import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { IoDriver, IoFile } from './io/driver.js';
import { ZeroAhead } from './zero-ahead.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** One write of zeros. */
const PIECE = 256 * KIB;

/** A file whose writes are counted, and a log in front of it that `onPiece` moves on. */
function zeros(direct: boolean, bytesAhead: number, onPiece?: (pieces: number) => void) {
  let pieces = 0;
  const file = {
    path: '/log',
    direct: direct ? { blockBytes: 512 } : undefined,
    allocate: () => Promise.resolve(),
    write: (_memory: unknown, _start: number, length: number) => {
      onPiece?.(++pieces);
      return Promise.resolve(length);
    },
  } as unknown as IoFile;
  const driver = {
    memory: (bytes: number) => ({ bytes: new Uint8Array(bytes), release: () => undefined }),
  } as unknown as IoDriver;
  const ahead = new ZeroAhead(driver, file, {
    bytesAhead,
    position: 0,
    zeroedTo: 0,
    onChange: () => undefined,
    onSyncFailed: () => undefined,
  });
  return ahead;
}

/** Until nothing is in flight any more. */
async function settled(ahead: ZeroAhead): Promise<void> {
  while (!ahead.isIdle) await setImmediate();
}

/** Moves the log to `end`, with so many syncs before. */
async function advanced(ahead: ZeroAhead, end: number, syncs: number): Promise<number> {
  for (let sync = 0; sync < syncs; sync++) ahead.onSynced(0);
  ahead.advance(end);
  await settled(ahead);
  return ahead.written;
}

test('a log that nobody syncs gets no zeros', async () => {
  expect(await advanced(zeros(false, MIB), 128 * KIB, 0)).toBe(0);
});

test('past the page cache it gets once what was asked for', async () => {
  const ahead = zeros(true, 8 * MIB);
  expect(await advanced(ahead, 128 * KIB, 0)).toBe(128 * KIB + 8 * MIB);
  ahead.onSynced(ahead.written);
  ahead.advance(128 * KIB + 8 * MIB);
  expect(ahead.isIdle, 'and no more, as one sync is too few for that').toBe(true);
});

test('with enough syncs it gets zeros again, twice as many', async () => {
  const ahead = zeros(false, MIB);
  expect(await advanced(ahead, 128 * KIB, 1)).toBe(128 * KIB + MIB);
  ahead.onSynced(ahead.written);
  expect(await advanced(ahead, MIB, 1)).toBe(128 * KIB + 3 * MIB);
});

test('a log that runs ahead of the zeros all the time is left alone', async () => {
  const ahead: ZeroAhead = zeros(true, 64 * MIB, (pieces) => {
    ahead.advance((pieces + 1) * PIECE + 1);
  });
  const written = await advanced(ahead, PIECE, 0);
  expect(written).toBe(PIECE + 8 * PIECE);
  expect(ahead.limit).toBe(Infinity);
  ahead.onSynced(written);
  ahead.advance(64 * MIB);
  expect(ahead.isIdle, 'until it has passed the end of that range').toBe(true);
  ahead.onSynced(written);
  for (let sync = 0; sync < 16; sync++) ahead.onSynced(written);
  ahead.advance(65 * MIB);
  expect(ahead.isIdle).toBe(false);
});

test('a log that is passed again gets all its zeros', async () => {
  const ahead: ZeroAhead = zeros(true, 8 * MIB, (pieces) => {
    if (pieces < 8) ahead.advance(8 * PIECE);
  });
  expect(await advanced(ahead, PIECE, 0)).toBe(PIECE + 8 * MIB);
});
