// Commands to put in front of another one, which then runs with less than it would have.

import { join } from 'node:path';

import { projectFolder } from '../fixtures/golden.js';

/** io_uring is refused with this errno by a seccomp filter, as container runtimes do. */
export function withoutIoUring(errno: string): readonly [string, ...string[]] {
  return ['python3', join(projectFolder(), 'native', 'test-tools', 'without-io-uring.py'), errno];
}

/** Locked memory is limited to so many bytes; it counts for processes without rights alone. */
export function withLockedMemory(bytes: number): readonly string[] {
  return ['prlimit', `--memlock=${String(bytes)}`];
}
