// flock(2) by way of the native addon, for the lock protocol. Without the addon the protocol
// stands on its lock file alone.

import { loadAddon } from './addon.js';
import { IoError } from './driver.js';
import { describeErrno } from './uring-reason.js';

/** See `LockSystem.tryFlock`; undefined without the addon. */
export function nativeFlock(): ((fd: number) => boolean) | undefined {
  const addon = loadAddon();
  if (addon === undefined) return undefined;
  return (fd) => {
    const errno = addon.flock(fd);
    if (errno === 0) return true;
    const { code, detail } = describeErrno(errno);
    if (code === 'EAGAIN') return false;
    throw new IoError(code, 'flock', '', { detail });
  };
}
