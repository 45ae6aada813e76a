// What the tests share: a machine for reports, and a count of the kernel's.

import * as fs from 'node:fs';

export const ENVIRONMENT = {
  date: '2026-01-01',
  cpu: 'a CPU',
  cores: 2,
  memoryGiB: 4,
  kernel: 'Linux',
  node: 'v20',
  fileSystem: 'ext4',
  commit: 'abc',
  command: 'npm run bench -- --save',
  load: 0,
};

/** Bytes that this process has handed to write calls of any kind. */
export function charactersWritten(): number {
  return Number(/^wchar: (\d+)$/m.exec(fs.readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
