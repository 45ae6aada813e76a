// Commands to put in front of another one, which then runs with less than it would have.

/** prctl(2) and seccomp(2) by way of ctypes: io_uring_setup fails with EPERM, as in Docker. */
const REFUSE_IO_URING = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, EPERM = 0x7fff0000, 0x00050001
IO_URING_SETUP = 425
code = b''.join(struct.pack('HBBI', *instruction) for instruction in [
    (LOAD, 0, 0, 0), (EQUAL, 0, 1, IO_URING_SETUP), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)])
buffer = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(buffer))
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
zero = ctypes.c_ulong(0)
if libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
    sys.exit('prctl(PR_SET_NO_NEW_PRIVS) failed')
if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), program, zero, zero) != 0:
    sys.exit('prctl(PR_SET_SECCOMP) failed')
os.execvp(sys.argv[1], sys.argv[1:])
`;

/** io_uring_setup(2) is refused with EPERM by a seccomp filter. */
export const WITHOUT_IO_URING = ['python3', '-c', REFUSE_IO_URING] as const;

/** Locked memory is limited to so many bytes; it counts for processes without rights alone. */
export function withLockedMemory(bytes: number): readonly string[] {
  return ['prlimit', `--memlock=${String(bytes)}`];
}
