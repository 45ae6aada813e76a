// What `uring-wal --help` and `uring-wal help COMMAND` print.

export const GENERAL_HELP = `uring-wal: write, read and check write-ahead logs

Usage: uring-wal COMMAND LOG|DIR [OPTIONS]

Commands:
  append     append records that come as JSON lines on standard input
  dump       print the records of a log as JSON lines
  verify     check a log from its first byte to its last
  tail       print the last records of a log, and follow it while it grows
  inspect    show the segments of a directory, and what is wrong with them
  repair     cut off what is damaged, keeping copies; --dry-run says what it would do
  truncate   forget the front of a directory's log, or its end
  doctor     say what this machine and this directory give a log, and what to do about it
  bench      measure a log on the disk of a directory
  help       explain a command: uring-wal help append

LOG is a file, or a directory of segments (not for append); DIR is a directory of segments.

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

Usage: uring-wal dump LOG|DIR [--from OFFSET | --from-sequence SEQ] [--limit N]

Prints, with offset and length in bytes and crc as 8 hex digits:
  {"sequence":"1","type":"put","offset":0,"length":38,"crc":"…","keyHex":"…","valueHex":"…"}
Of a directory, segment after segment, with "segment":1 before the offset in that file.
Never changes anything, and can read a log while it is written.

Options:
  --from OFFSET         start at the record at this offset, in bytes (of a file; default 0)
  --from-sequence SEQ   start at the first record whose sequence is SEQ or more
  --limit N             stop after N records, without looking further
  --json                the lines are JSON anyway
  -h, --help            this text

Exit codes:
  0    the log ends cleanly, or N records were printed, or nobody reads on
  1    it ends in a torn tail or a tear: what a crash leaves; offset and reason on standard error
  2    it is corrupt: a damaged record stands before whole ones, or of a directory some are
       missing; offset and reason likewise
  64   the command line is wrong
  66   the directory holds no log
  74   the log could not be opened or read, a checkpoint overtook the dump, or the output could not be written
`;

export const VERIFY_HELP = `uring-wal verify: check a log from its first byte to its last

Usage: uring-wal verify LOG|DIR [--json]

Checks every length and checksum; prints counts, bytes, first and last sequence, and how the log
ends. Of a directory it reads every segment, and checks that none is missing, that they follow each
other, and that they are what the manifest says. Never changes anything. On a terminal, large logs
come with a progress bar.

Options:
  --json       one JSON object instead of text
  -h, --help   this text

Exit codes:
  0    the log ends cleanly
  1    it ends in a torn tail or a tear: what a crash leaves, and the next open trims
  2    it is corrupt: a damaged record stands before whole ones
  64   the command line is wrong
  66   the directory holds no log
  74   the log could not be opened or read, or the output could not be written
`;

export const TAIL_HELP = `uring-wal tail: print the last records of a log

Usage: uring-wal tail LOG|DIR [-f] [-n N] [--json]

Prints only whole records, one a line: sequence, type, key, value; text in quotes, other bytes as
hex, long ones cut short. With -f it goes on with new records of a log that another process writes,
through rotation. They are written, but need not be durable yet: a power cut can still take them.

Options:
  -f, --follow   go on as the log grows, until Ctrl-C
  -n, --lines N  how many of the last records come first (default 10)
  --json         print as dump does
  -h, --help     this text

Exit codes:
  0    done, or nobody reads on
  1    the log ends in a torn tail or a tear (without -f)
  2    it is corrupt, or of a directory some of the last N are missing (without -f)
  64   the command line is wrong
  66   the directory holds no log
  74   the log could not be opened or read, a checkpoint overtook it (without -f), or the output could not be
       written
  130  Ctrl-C (SIGTERM: 143, SIGHUP: 129)
`;

export const INSPECT_HELP = `uring-wal inspect: show what stands in a log's directory

Usage: uring-wal inspect DIR [--json]

Reads every segment, and prints for each its state, records, first and last sequence and sizes; then
the manifest, who holds the lock, and what is wrong. States:
  clean     whole records to the end, or zeros behind them
  torn      what follows the records holds no whole one: what a crash leaves in the last segment
  tear      sectors are missing before whole records: likewise
  corrupt   a damaged record stands before whole ones
  blank     made ahead, not used yet
  missing   it should be there
Changes nothing, takes no lock, and works beside a live writer.

Options:
  --json       one JSON object instead of a table
  -h, --help   this text

Exit codes:
  0    the log is sound
  1    it ends in a torn tail or a tear: what a crash leaves, and the next open trims
  2    it is damaged as no crash does
  64   the command line is wrong
  66   the directory holds no log
  74   something could not be read or written
`;

export const REPAIR_HELP = `uring-wal repair: cut off what is damaged, and keep copies of it

Usage: uring-wal repair LOG|DIR [--dry-run] [--salvage] [--json]

Ends a file at its first damage, and a directory likewise: segments behind the damage are set aside.
With --salvage a directory keeps them. What is cut, a torn tail as well, is copied to
FILE.discarded-OFFSET before, what is set aside is renamed so: nothing is deleted but segments that
a checkpoint had dropped already. Refused while a writer holds the lock.

Options:
  --dry-run    say what would be done; changes nothing, and takes no lock
  --salvage    of a directory, keep what can be read behind the damage; entries between are lost
  --json       one JSON object instead of text
  -h, --help   this text

Exit codes:
  0    the log is sound now (dry run: it is sound as it is)
  1    dry run: it ends in a torn tail or a tear
  2    dry run: it is damaged as no crash does
  64   the command line is wrong
  66   the directory holds no log
  74   the log is locked, or something could not be read or written
`;

export const TRUNCATE_HELP = `uring-wal truncate: forget the front of a log, or its end

Usage: uring-wal truncate DIR (--before SEQ | --after SEQ) [--json]

Options:
  --before SEQ   remove whole segments that hold only sequences below SEQ: a checkpoint covers
                 them. The active segment stays
  --after SEQ    drop every record with a sequence above SEQ, durably; they are assigned again
  --json         one JSON object instead of text
  -h, --help     this text

Exit codes:
  0    done
  2    the log is damaged as no crash does; nothing was changed
  64   the command line is wrong, or SEQ is beyond the log's end; --after: or before its start
  66   the directory holds no log
  74   the log is locked, or something could not be read or written
`;

export const DOCTOR_HELP = `uring-wal doctor: what this machine and this directory give a log

Usage: uring-wal doctor [DIR] [--json]

Looks at the kernel, io_uring, limits, the file system of DIR (default: here), its disk, and measures
how long a durable append takes there, with a temporary file that it removes. Each line is "ok",
"note" or "problem", with what to do about it.

Options:
  --json       one JSON object instead of text
  -h, --help   this text

Exit codes:
  0    a log can be kept here
  1    something is a problem
  64   the command line is wrong
  74   the output could not be written
  130  Ctrl-C: the temporary file is removed (SIGTERM: 143, SIGHUP: 129)
`;

export const BENCH_HELP = `uring-wal bench: measure a log on the disk of a directory

Usage: uring-wal bench DIR [--seconds N] [--json]

Measures appends that are acknowledged when durable, by 1, 64 and 1024 callers, appends that are
acknowledged when written, by 1024 callers, and replay: every checksum is verified, and the records
are counted in chunks, none is taken out by itself. Records carry 100 bytes. Works in a temporary
directory inside DIR, and removes it.

Options:
  --seconds N   how long each measurement takes (default 2)
  --json        one JSON object instead of a table
  -h, --help    this text

Exit codes:
  0    measured
  64   the command line is wrong
  74   something could not be read or written
  130  Ctrl-C: the temporary directory is removed (SIGTERM: 143, SIGHUP: 129)
`;
