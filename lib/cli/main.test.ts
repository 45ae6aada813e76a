// The command itself: usage errors, help, version.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ackOf, PUT_A } from '../fixtures/append-lines.js';
import { COMMAND_PATH, inFolder, linesOf, runCommand } from '../fixtures/command.js';

describe('the command itself', () => {
  it.each([
    [[], 64, 'a command is missing'],
    [['apend'], 64, 'did you mean append?'],
    [['append', 'log', '--snyc'], 64, 'did you mean --sync?'],
    [['append'], 64, 'LOG, a file name, is missing'],
  ])('%j: exit %i with a hint', async (args, exitCode, complaint) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toContain(complaint);
    expect(stderr).toContain('Try: uring-wal');
  });

  it('prints help and version to standard output', async () => {
    const help = await runCommand(['help', 'append']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage: uring-wal append LOG');
    const version = await runCommand(['--version']);
    expect(version.code).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each(['--help', '--version'])('says that %s cannot be printed', (option) => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(process.execPath, [COMMAND_PATH, option], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect(status).toBe(74);
      expect(stderr).toMatch(/^uring-wal: cannot write to standard output: ENOSPC.*\n$/);
    } finally {
      closeSync(full);
    }
  });

  it('refuses a driver that cannot work here, or uses it', async () => {
    await inFolder(async (folder) => {
      const args = ['append', join(folder, 'log'), '--driver', 'uring'];
      const { code, stdout, stderr } = await runCommand(args, PUT_A);
      if (code === 0) expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31)]);
      else {
        expect(code).toBe(74);
        expect(stderr).toMatch(/ERR_WAL_DRIVER/);
      }
    });
  });
});
