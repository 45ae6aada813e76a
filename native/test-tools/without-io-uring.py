#!/usr/bin/env python3
"""Runs a command under a seccomp filter that refuses io_uring, as container runtimes do.

    without-io-uring.py ERRNO command [argument ...]
    without-io-uring.py ERRNO:CALL command [argument ...]    refuses io_uring_CALL alone

ERRNO is a name such as EPERM or ENOSYS, CALL one of setup, enter, register.

Needs no privilege (PR_SET_NO_NEW_PRIVS). See seccomp(2).
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_ALLOW = 0x7FFF0000

# The same on every architecture.
CALLS = {"setup": 425, "enter": 426, "register": 427}

BPF_LOAD_WORD = 0x20
BPF_JUMP_GE = 0x35
BPF_JUMP_GT = 0x25
BPF_RETURN = 0x06


def refuse(error, first, last):
    instructions = [
        (BPF_LOAD_WORD, 0, 0, 0),  # offsetof(struct seccomp_data, nr)
        (BPF_JUMP_GE, 0, 2, first),
        (BPF_JUMP_GT, 1, 0, last),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | error),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            sys.exit("prctl: " + os.strerror(ctypes.get_errno()))


def main():
    name, _, call = sys.argv[1].partition(":") if len(sys.argv) > 2 else ("", "", "")
    error = getattr(errno, name, None)
    if error is None or call not in ("", *CALLS):
        sys.exit(__doc__)
    numbers = [CALLS[call]] if call else list(CALLS.values())
    refuse(error, min(numbers), max(numbers))
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
