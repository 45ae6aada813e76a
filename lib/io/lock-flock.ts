// flock(2) by way of the native addon, for the lock protocol. Without the addon the protocol
// stands on its lock file alone.

/** See `LockSystem.tryFlock`; undefined without the addon. */
export function nativeFlock(): ((fd: number) => boolean) | undefined {
  return undefined;
}
