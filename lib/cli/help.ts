// What `uring-wal --help` and `uring-wal help COMMAND` print.

export const GENERAL_HELP = `uring-wal: write, read and check write-ahead logs

Usage: uring-wal COMMAND LOG [OPTIONS]

Commands:
  append   append records that come as JSON lines on standard input
  dump     print the records of a log as JSON lines
  verify   check a log from its first byte to its last
  help     explain a command: uring-wal help append

Options:
  -h, --help      this text
  -V, --version   the version

Example:
  echo '{"key":"user:7","value":"Ada"}' | uring-wal append app.wal --sync
  uring-wal dump app.wal | head
`;

export const APPEND_HELP = `uring-wal append: append records to a log, creating it if need be

Usage: uring-wal append LOG [--sync] [--direct] [--driver D]

Reads one JSON object a line from standard input:
  {"type":"put","key":"user:7","value":"Ada","sequence":"1"}
  type      "put" (default) or "delete", which carries no value
  key       text; or keyHex, any bytes as hex digits
  value     text; or valueHex
  sequence  0 to 18446744073709551615; a decimal string, or a number up to 2^53 - 1.
            Default: the one after the last record, 1 in an empty log
What dump prints can be fed in as it is. Blank lines are skipped.

For each record, in order, as soon as it is acknowledged, prints where it stands, in bytes:
  {"sequence":"1","offset":0,"length":38}

Options:
  --sync       acknowledge a record when it is durable, not when it is written
  --direct     write past the page cache (O_DIRECT)
  --driver D   auto (default), uring or threadpool
  -h, --help   this text

Exit codes:
  0    everything was appended and acknowledged
  64   the command line is wrong
  65   an input line is wrong; its number and the reason are on standard error, everything before
       it is acknowledged, nothing after it was appended
  74   the log could not be opened or written, or input or output failed
  130  Ctrl-C: the whole lines read so far were appended and acknowledged (SIGTERM: 143, SIGHUP: 129)
  141  standard output was closed before the input ended; what was read is appended
`;

export const DUMP_HELP = `uring-wal dump: print the records of a log, one JSON object a line

Usage: uring-wal dump LOG [--from OFFSET] [--limit N]

Prints, with offset and length in bytes and crc as 8 hex digits:
  {"sequence":"1","type":"put","offset":0,"length":38,"crc":"…","keyHex":"…","valueHex":"…"}
Never changes the file, and can read a log while it is written.

Options:
  --from OFFSET   start at the record at this offset, in bytes (default 0)
  --limit N       stop after N records, without looking further
  -h, --help      this text

Exit codes:
  0    the log ends cleanly, or N records were printed, or nobody reads on
  1    it ends in a torn tail or a tear: what a crash leaves; offset and reason on standard error
  2    it is corrupt: a damaged record stands before whole ones; offset and reason likewise
  64   the command line is wrong
  74   the log could not be opened or read, or the output could not be written
`;

export const VERIFY_HELP = `uring-wal verify: check a log from its first byte to its last

Usage: uring-wal verify LOG [--json]

Checks every length and checksum; prints counts, bytes, first and last sequence, and how the log
ends. Never changes the file. On a terminal, large files come with a progress bar.

Options:
  --json       one JSON object instead of text
  -h, --help   this text

Exit codes:
  0    the log ends cleanly
  1    it ends in a torn tail or a tear: what a crash leaves, and the next open trims
  2    it is corrupt: a damaged record stands before whole ones
  64   the command line is wrong
  74   the log could not be opened or read, or the output could not be written
`;
