// flock(2) by way of the native addon, for the lock protocol. Without the addon the protocol
// stands on its lock file alone.

import { constants } from 'node:os';

import { loadAddon } from './addon.js';

/** See `LockSystem.tryFlock`; undefined without the addon. */
export function nativeFlock(): ((fd: number) => boolean) | undefined {
  const addon = loadAddon();
  if (addon === undefined) return undefined;
  return (fd) => {
    const errno = addon.flock(fd);
    if (errno === 0) return true;
    if (errno === constants.errno.EWOULDBLOCK) return false;
    throw new Error(`flock failed with errno ${String(errno)}`);
  };
}
