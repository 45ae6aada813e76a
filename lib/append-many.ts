// Many appends under one promise: each record stands for itself, their places come back as arrays.

import type { WalPosition } from './ack-queue.js';

/**
 * Where many records stand: index i belongs to entry i.
 *
 * @example
 * const writer = await UringWalWriter.open('app.wal');
 * const positions: WalPositions = await writer.appendMany([WalEntry.put(2n, 'key', 'value')]);
 * console.log(positions.sequences[0], positions.offsets[0], positions.lengths[0]); // → 2n 37 37
 * await writer.close();
 */
export interface WalPositions {
  /** Sequences of the records. */
  readonly sequences: bigint[];
  /** Offsets in the file, in bytes. */
  readonly offsets: number[];
  /** Sizes of the records, in bytes. */
  readonly lengths: number[];
  /** Numbers of the files, for a segmented log. */
  readonly segments: number[];
}

type Settle = (position: WalPosition) => void;

/**
 * Calls `append` for each of `count` entries with settlers of its own; resolves when all have
 * resolved. When one rejects, it rejects with the first failure after all have settled: those
 * before it are in the log. Behind one for which `append` throws, none is tried.
 */
export function appendAll(
  count: number,
  append: (index: number, resolve: Settle, reject: (error: Error) => void) => void,
): Promise<WalPositions> {
  return new Promise((resolve, reject) => {
    const positions: WalPositions = { sequences: [], offsets: [], lengths: [], segments: [] };
    let left = count;
    let failure: Error | undefined;
    const settle = (): void => {
      if (--left > 0) return;
      if (failure === undefined) resolve(positions);
      else reject(failure);
    };
    // Appends of one kind resolve in the order of their calls, so the arrays fill up in order.
    const onPosition = ({ sequence, offset, length, segment }: WalPosition): void => {
      positions.sequences.push(sequence);
      positions.offsets.push(offset);
      positions.lengths.push(length);
      if (segment !== undefined) positions.segments.push(segment);
      settle();
    };
    const onError = (error: Error): void => {
      failure ??= error;
      settle();
    };
    if (count === 0) resolve(positions);
    for (let index = 0; index < count; index++) {
      try {
        append(index, onPosition, onError);
      } catch (error) {
        // Those behind it may depend on it: they are not tried.
        left -= count - index - 1;
        onError(error as Error);
        break;
      }
    }
  });
}
