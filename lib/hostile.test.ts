// Sparse files that claim more than they hold: what a person can make with one command and send to
// somebody. They end in time in proportion to their size, and in memory that does not depend on it.

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { freshLog } from './test-tools/logs.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const FILE_BYTES = GIB;
const CLAIMED_BYTES = 0.75 * GIB;
/** What Node.js itself takes, and the windows; one claimed record would be four times this. */
const RESIDENT_BYTES_MAX = 192 * MIB;

/** The head of a put whose lengths agree on `length` bytes of record: an empty key, zeros behind. */
function head(length: number): Buffer {
  const bytes = Buffer.alloc(25);
  bytes.writeUInt32LE(length - 4, 0);
  bytes.writeUInt32LE(0x57414c, 4);
  bytes[16] = 1;
  bytes.writeUInt32LE(length - 29, 21);
  return bytes;
}

function sparseLog(pieces: readonly { readonly at: number; readonly bytes: Buffer }[]): string {
  const path = freshLog();
  const fd = openSync(path, 'w');
  ftruncateSync(fd, FILE_BYTES);
  for (const { at, bytes } of pieces) writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
  return path;
}

const INDEX = new URL('./index.js', import.meta.url).href;
const READ = `const reader = await WalReader.open(path);
  for await (const chunk of reader.chunks()) chunk.count;
  kind = reader.end.kind;
  await reader.close();`;
const OPEN = `const writer = await UringWalWriter.open(path);
  kind = writer.recovery.end.kind;
  await writer.close();`;

function run(body: string, path: string): { kind: string; residentBytes: number } {
  const script = `import { UringWalWriter, WalReader } from ${JSON.stringify(INDEX)};
  const path = ${JSON.stringify(path)};
  let kind;
  ${body}
  const residentBytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ kind, residentBytes }));`;
  const args = ['--max-old-space-size=64', '--input-type=module', '-e', script];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 });
  return JSON.parse(output) as { kind: string; residentBytes: number };
}

describe.each([
  ['zeros', [], 'clean'],
  ['zeros, and a byte at the end', [{ at: FILE_BYTES - 1, bytes: Buffer.from([1]) }], 'torn'],
  ['a record that claims most of it', [{ at: 0, bytes: head(CLAIMED_BYTES) }], 'torn'],
  [
    'candidates that claim most of it',
    [0, 1, 2, 3].map((i) => ({ at: 1 + 100 * i, bytes: head(CLAIMED_BYTES) })),
    'torn',
  ],
])('a sparse file of a GiB: %s', (_, pieces, kind) => {
  test.each([
    ['is read', READ],
    ['is opened', OPEN],
  ])('%s in little memory', (_what, body) => {
    const found = run(body, sparseLog(pieces));
    expect(found.kind).toBe(kind);
    expect(found.residentBytes).toBeLessThan(RESIDENT_BYTES_MAX);
  });
});
