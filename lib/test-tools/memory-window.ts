// A window over a file in memory that keeps count of what the scan asks for.

import type { IoDriver, IoFile, IoMemory } from '../io/driver.js';
import { FileWindow } from '../window.js';

/** A window, and what it cost so far, in bytes. */
export interface CountedWindow {
  readonly window: FileWindow;
  readonly cost: { read: number; largestMemory: number };
}

/** A window over `bytes`. */
export function windowOver(bytes: Uint8Array): CountedWindow {
  const cost = { read: 0, largestMemory: 0 };
  const driver: Pick<IoDriver, 'memory'> = {
    memory(length): IoMemory {
      cost.largestMemory = Math.max(cost.largestMemory, length);
      return { bytes: new Uint8Array(length), release: () => undefined };
    },
  };
  const file: Pick<IoFile, 'path' | 'direct' | 'pastCache' | 'read'> = {
    path: 'memory',
    direct: undefined,
    pastCache: undefined,
    read(memory, start, length, position) {
      const piece = bytes.subarray(position, position + length);
      memory.bytes.set(piece, start);
      cost.read += piece.length;
      return Promise.resolve(piece.length);
    },
  };
  const options = { size: bytes.length, pastCache: false };
  return { window: new FileWindow(driver as IoDriver, file as IoFile, options), cost };
}
