// Damage to the middle of a segmented log that its owner must be told of, and the way back: what
// was taken away is kept outside, and given back before anything else is done.

import { IoError, type IoDriver, type IoFile } from '../lib/io/driver.js';

/** The end of a file that was taken away. */
export interface Spoilt {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where the file was cut, in bytes from its start. */
  readonly at: number;
}

const OPTIONS = { create: 'if-missing', direct: false, mode: 0o600 } as const;

/** The bytes of a file. */
export async function readFile(driver: IoDriver, path: string): Promise<Uint8Array> {
  const file = await driver.open(path, { ...OPTIONS, access: 'read', create: 'never' });
  try {
    const size = await file.size();
    const memory = driver.memory(Math.max(1, size));
    try {
      let done = 0;
      while (done < size) done += await file.read(memory, done, size - done, done);
      return memory.bytes.slice(0, size);
    } finally {
      memory.release();
    }
  } finally {
    await file.close();
  }
}

/** Cuts the file, durably. */
export function spoil(driver: IoDriver, { path, at }: Spoilt): Promise<void> {
  return change(driver, path, (file) => file.truncate(at));
}

/** Gives back what was cut off, durably. */
export function mend(driver: IoDriver, { path, bytes }: Spoilt): Promise<void> {
  return change(driver, path, async (file) => {
    const memory = driver.memory(bytes.length);
    try {
      memory.bytes.set(bytes);
      for (let done = 0; done < bytes.length;) {
        const count = await file.write(memory, done, bytes.length - done, done, { dsync: false });
        if (count === 0) throw new IoError('EIO', 'write', path);
        done += count;
      }
    } finally {
      memory.release();
    }
  });
}

async function change(
  driver: IoDriver,
  path: string,
  work: (file: IoFile) => Promise<void>,
): Promise<void> {
  const file = await driver.open(path, { ...OPTIONS, access: 'write' });
  try {
    await work(file);
    await file.sync();
  } finally {
    await file.close();
  }
}
