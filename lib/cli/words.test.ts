// What a person reads when a command was given something that it cannot work on: what happened,
// where, and what to do.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inFolder, runCommand } from '../fixtures/command.js';
import type { PlainRecord } from '../fixtures/independent.js';
import { independentLog } from '../fixtures/independent.js';
import { UringWalWriter, Wal, WalReader } from '../index.js';

const put = (sequence: bigint): PlainRecord => ({
  sequence,
  type: 'put',
  key: Buffer.from('k'),
  value: Buffer.from('v'),
});
/** Each of its records has 31 bytes. */
const GOOD = independentLog([put(1n), put(2n), put(3n)]).bytes;
const LINE = '{"key":"a","value":"1"}\n';

/** A whole log, one damaged in the middle, an empty directory, and one with a misnamed directory. */
function furnish(folder: string): void {
  writeFileSync(join(folder, 'good'), GOOD);
  const damaged = Buffer.from(GOOD);
  damaged.writeUInt8((damaged[52] ?? 0) ^ 1, 52);
  writeFileSync(join(folder, 'damaged'), damaged);
  writeFileSync(join(folder, 'last'), independentLog([put(2n ** 64n - 1n)]).bytes);
  writeFileSync(join(folder, 'mixed'), independentLog([put(2n ** 64n - 1n), put(5n)]).bytes);
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'odd', 'wal_00000001.log'), { recursive: true });
}

const MISSING = /there is nothing of that name: '.*nothing' \(ENOENT\)/;

describe('what a command says', () => {
  it.each([
    ['dump nothing', 74, MISSING],
    ['verify nothing', 74, MISSING],
    ['tail nothing', 74, MISSING],
    ['inspect nothing', 74, MISSING],
    ['repair nothing', 74, MISSING],
    ['truncate nothing --before 1', 74, MISSING],
    ['bench nothing', 74, MISSING],
    ['bench good', 74, /it is a file; a directory is wanted: '.*good' \(ENOTDIR\)/],
    ['dump good/below', 74, /something on the way there is no directory: .*ENOTDIR/],
    ['append nothing/log', 74, /is there a directory '.*nothing'\?/],
    ['append empty', 74, /a log of this kind is one file: a directory is for Wal/],
    ['append damaged', 74, /damaged at offset 31 .* nothing was changed.*`uring-wal repair`/],
    ['append last', 65, /line 1: no sequence follows 2\^64 - 1: name one in the line/],
    ['dump good --from 5', 64, /--from 5: no whole record starts there; the next one starts at 31/],
    ['dump good --from 63', 64, /--from 63: no whole record starts there/],
    ['dump good --from 94', 64, /--from 94 is beyond the end: 93 bytes/],
    ['dump damaged', 2, /corrupt at offset 31/],
    ['dump empty', 66, /there is no log in '.*empty'/],
    ['inspect good', 66, /is a file: this command works on a directory/],
    ['inspect odd', 74, /wal_00000001\.log.*EISDIR.*this is a directory/],
  ])('%s: %i', async (line, exitCode, words) => {
    await inFolder(async (folder) => {
      furnish(folder);
      const [command = '', name = '', ...options] = line.split(' ');
      const { code, stderr } = await runCommand([command, join(folder, name), ...options], LINE);
      expect(stderr).toMatch(words);
      expect(code).toBe(exitCode);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    });
  });

  it.each([
    ['good', '1 to 3', true],
    ['mixed', '18446744073709551615 first, 5 last; not ascending', false],
  ])('verify %s: sequences %s', async (name, words, isAscending) => {
    await inFolder(async (folder) => {
      furnish(folder);
      const text = await runCommand(['verify', join(folder, name)]);
      expect(text.stdout).toContain(`\nsequences  ${words}\n`);
      const json = await runCommand(['verify', join(folder, name), '--json']);
      expect(JSON.parse(json.stdout)).toMatchObject({ isAscending });
    });
  });
});

describe('what opening says', () => {
  it.each([
    ['a writer on a directory', (path: string) => UringWalWriter.open(join(path, 'empty')), /Wal/],
    ['a reader on a directory', (path: string) => WalReader.open(join(path, 'empty')), /directory/],
    ['a Wal on a file', (path: string) => Wal.open(join(path, 'good')), /a Wal is a directory/],
    ['a Wal below a file', (path: string) => Wal.open(join(path, 'good', 'x')), /a Wal is a dir/],
    ['an odd segment', (path: string) => Wal.open(join(path, 'odd')), /move it away/],
  ])('%s', async (_, open, words) => {
    await inFolder(async (folder) => {
      furnish(folder);
      await expect(open(folder)).rejects.toMatchObject({
        code: 'ERR_WAL_OPEN',
        message: expect.stringMatching(words) as unknown,
      });
    });
  });

  it('a Wal that is open already, by its directory', async () => {
    await inFolder(async (folder) => {
      const directory = join(folder, 'wal');
      const wal = await Wal.open(directory);
      await expect(Wal.open(directory)).rejects.toMatchObject({
        code: 'ERR_WAL_LOCKED',
        path: directory,
        message: expect.stringContaining(`'${directory}' is locked`) as unknown,
      });
      await wal.close();
    });
  });
});
