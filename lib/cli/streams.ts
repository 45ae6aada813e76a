// What a command reads from and writes to.

import type { Readable, Writable } from 'node:stream';

/** The standard streams. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
}
