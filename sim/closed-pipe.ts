// A reader of the output that went away (`| head`) is no reason to complain.

/** What a shell reports of a process that SIGPIPE ended. */
const EXIT_CLOSED_PIPE = 141;

/** Where nobody reads what is printed any more, ends quietly: the process, unless `end` says how. */
export function endOnClosedPipe(end = (code: number): void => process.exit(code)): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end(EXIT_CLOSED_PIPE);
  });
}
