// The command itself: usage errors, help, version.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ackOf, PUT_A } from '../fixtures/append-lines.js';
import { inFolder, linesOf, runCommand } from '../fixtures/command.js';

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

  it('refuses a driver that cannot work here, or uses it', async () => {
    await inFolder(async (folder) => {
      const args = ['append', join(folder, 'log'), '--driver', 'uring'];
      const { code, stdout, stderr } = await runCommand(args, PUT_A);
      if (code === 0) expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31)]);
      else expect({ code, stderr }).toMatchObject({ code: 74, stderr: /ERR_WAL_DRIVER/ });
    });
  });
});
