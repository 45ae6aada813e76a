// A pipe as a file of the io_uring driver: a read of it stays in flight for as long as a test wants.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';

import { UringFile } from './uring-file.js';
import type { SharedRing } from './uring-ring.js';

export interface Pipe {
  readonly file: UringFile;
  readonly path: string;
  readonly fd: number;
}

/** The pipe in a directory, made when it is missing; both ends are open, so that a read waits. */
export function openPipe(ring: SharedRing, directory: string): Pipe {
  const path = join(directory, 'pipe');
  if (!fs.existsSync(path)) execFileSync('mkfifo', [path]);
  const fd = fs.openSync(path, fs.constants.O_RDWR);
  const file = new UringFile(ring, {
    path,
    created: false,
    fd,
    past: { refused: 'a pipe' },
    direct: false,
    honoursDsync: false,
    isLocal: true,
  });
  return { file, path, fd };
}
