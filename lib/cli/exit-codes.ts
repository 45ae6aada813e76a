// Exit codes of the `uring-wal` command. The larger ones are those of sysexits.h.

export const EXIT = {
  OK: 0,
  /** demo: an acknowledged record is missing or differs; doctor: something is a problem. */
  FAILED: 1,
  /** The log ends in a torn tail or a tear. */
  TORN: 1,
  /** A damaged record stands before whole ones. */
  CORRUPT: 2,
  /** The command line was wrong. */
  USAGE: 64,
  /** append: an input line was wrong. */
  BAD_LINE: 65,
  /** demo: the input file cannot be used; other commands: the directory holds no log. */
  NO_INPUT: 66,
  /** Our own bug. */
  INTERNAL: 70,
  /** Something could not be opened, read or written. */
  IO: 74,
  /** Stopped by SIGHUP. */
  HANGUP: 129,
  /** Stopped by Ctrl-C, after what was read was finished. */
  INTERRUPT: 130,
  /** append: whoever read the acknowledgements went away before the input ended. */
  CLOSED_PIPE: 141,
  /** Stopped by SIGTERM. */
  TERMINATE: 143,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
