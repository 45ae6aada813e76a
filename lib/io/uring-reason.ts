// Why io_uring is refused here, in words that say what to do about it.

import { readFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';

/** The oldest Linux that has every operation the driver needs (FADVISE is the youngest). */
export const KERNEL_NEEDED = '5.6';

/** An errno as its name and the system's words for it. */
export function describeErrno(errno: number): { readonly code: string; readonly detail: string } {
  const [code, detail] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `system error ${errno}`];
  return { code, detail };
}

/**
 * Why a ring of `ringSize` entries was refused with `errno`; `missingOpcode` is the operation that
 * the kernel lacks, or -1. See io_uring_setup(2).
 */
export function refusalReason(errno: number, ringSize: number, missingOpcode = -1): string {
  const { code, detail } = describeErrno(errno);
  const prefix = `io_uring is refused (${code}): `;
  if (code === 'EPERM') return prefix + permissionReason(readDisabled());
  if (code === 'ENOSYS' && missingOpcode >= 0) {
    return `${prefix}the kernel lacks operation ${missingOpcode}; Linux ${KERNEL_NEEDED} or later is needed`;
  }
  if (code === 'ENOSYS') {
    return `${prefix}the kernel has none (Linux ${KERNEL_NEEDED} or later is needed), or a sandbox hides it`;
  }
  if (code === 'ENOMEM') {
    return (
      `${prefix}no memory for a ring of ${ringSize} entries; ` +
      'raise RLIMIT_MEMLOCK (ulimit -l) or lower ringSize'
    );
  }
  return prefix + detail;
}

/** `disabled`: what kernel.io_uring_disabled says, where the kernel has it. */
export function permissionReason(disabled: string | undefined): string {
  if (disabled === '2') return 'kernel.io_uring_disabled = 2 forbids it to every process';
  if (disabled === '1') {
    return (
      'a seccomp filter forbids it, or kernel.io_uring_disabled = 1 does, ' +
      'to processes that are neither privileged nor in kernel.io_uring_group'
    );
  }
  return "a seccomp filter forbids it, as Docker's default profile does";
}

function readDisabled(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/io_uring_disabled', 'latin1').trim();
  } catch {
    return undefined;
  }
}
