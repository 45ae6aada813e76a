// `uring-wal append` when the world does not play along: exit 74, and no false acknowledgement.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manyLines, PUT_A, valuesOf } from '../fixtures/append-lines.js';
import {
  COMMAND_PATH,
  finished,
  inFolder,
  linesOf,
  runCommand,
  start,
} from '../fixtures/command.js';

const NOBODY = 65534;

describe('append fails with exit 74', () => {
  it.each([
    ['a missing directory', 'missing/log', /ENOENT/],
    ['a directory as log', '.', /EISDIR|directory|regular/],
  ])('%s', async (_, name, complaint) => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await runCommand(['append', join(folder, name)], PUT_A);
      expect({ code, stdout }).toEqual({ code: 74, stdout: '' });
      expect(stderr).toMatch(complaint);
      expect(stderr).toContain('ERR_WAL_OPEN');
    });
  });

  it('no permission', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can start a child as another user');
    await inFolder(async (folder) => {
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'locked'), { mode: 0o700 });
      const log = join(folder, 'locked', 'log');
      const { code, stderr } = await runCommand(['append', log], PUT_A, { uid: NOBODY });
      expect(code).toBe(74);
      expect(stderr).toContain('EACCES');
    });
  });

  it('another writer holds the log', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const holder = start(COMMAND_PATH, ['append', log]);
      const end = finished(holder);
      const heard = once(holder.stdout, 'data');
      holder.stdin.write(`${PUT_A}\n`);
      await heard;
      const { code, stderr } = await runCommand(['append', log], PUT_A);
      expect(code).toBe(74);
      expect(stderr).toContain('ERR_WAL_LOCKED');
      expect(stderr).toContain(String(holder.pid));
      holder.stdin.end();
      expect((await end).code).toBe(0);
      expect(valuesOf(log)).toEqual(['1']);
    });
  });

  it('a corrupt log, which stays as it is', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      await runCommand(['append', log], manyLines(10));
      const bytes = readFileSync(log);
      bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70);
      writeFileSync(log, bytes);
      const { code, stderr } = await runCommand(['append', log], PUT_A);
      expect(code).toBe(74);
      expect(stderr).toContain('ERR_WAL_CORRUPT');
      expect(stderr).toContain('offset 62');
      expect(readFileSync(log).equals(bytes)).toBe(true);
    });
  });

  it('standard input that cannot be read', async () => {
    await inFolder((folder) => {
      const args = [COMMAND_PATH, 'append', join(folder, 'log')];
      // Address 0 is mapped nowhere: the kernel answers EIO.
      const unreadable = openSync('/proc/self/mem', 'r');
      const { status, stderr } = spawnSync(process.execPath, args, {
        stdio: [unreadable, 'pipe', 'pipe'],
      });
      closeSync(unreadable);
      expect(status).toBe(74);
      expect(stderr.toString()).toContain('cannot read standard input: EIO');
    });
  });

  it('standard output on a full disk', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const child = spawn(process.execPath, [COMMAND_PATH, 'append', log], {
        stdio: ['pipe', openSync('/dev/full', 'w'), 'pipe'],
      });
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdin?.end(`${PUT_A}\n`);
      const [code] = await once(child, 'close');
      expect(code).toBe(74);
      expect(stderr).toContain('cannot write to standard output: ENOSPC');
      expect(valuesOf(log)).toEqual(['1']);
    });
  });

  it.for([
    [[]],
    [['--sync']],
    [['--driver', 'threadpool']],
    [['--driver', 'threadpool', '--sync']],
  ])(
    'a full disk, %j: what is acknowledged is there, the rest is told',
    async ([options], context) => {
      await inFolder(async (folder) => {
        const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
        if (mount.status !== 0)
          context.skip(`no tmpfs can be mounted here: ${String(mount.stderr)}`);
        try {
          const log = join(folder, 'log');
          const args = ['append', log, ...(options ?? [])];
          const { code, stdout, stderr } = await runCommand(args, manyLines(20_000));
          expect(code).toBe(74);
          expect(stderr).toMatch(/line \d+: ERR_WAL_WRITE.*ENOSPC/);
          const acknowledged = linesOf(stdout).length;
          expect(acknowledged).toBeGreaterThan(100);
          expect(valuesOf(log)).toHaveLength(acknowledged);
          expect(stderr).toContain(`line ${String(acknowledged + 1)}:`);
        } finally {
          spawnSync('umount', [folder]);
        }
      });
    },
  );
});
