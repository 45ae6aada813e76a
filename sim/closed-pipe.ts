// A reader of the output that went away (`| head`) is no reason to complain.

/** What a shell reports of a process that SIGPIPE ended. */
const EXIT_CLOSED_PIPE = 141;

/** Ends the process quietly when nobody reads what it prints any more. */
export function endOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_CLOSED_PIPE);
  });
}
