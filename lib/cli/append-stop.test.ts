// `uring-wal append` stopped: by signals, and by a reader that goes away.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ackOf, floodUntil, manyLines, PUT_A, valuesOf } from '../fixtures/append-lines.js';
import { COMMAND_PATH, finished, inFolder, linesOf, start } from '../fixtures/command.js';

describe('append stopped', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s finishes what was read, exit %i', async (signal, exitCode) => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const child = start(COMMAND_PATH, ['append', log, '--sync']);
      const end = finished(child);
      const heard = once(child.stdout, 'data');
      child.stdin.write(`${PUT_A}\n${PUT_A}\n{"key":"never whole`);
      await heard;
      child.kill(signal);
      const { code, stdout, stderr } = await end;
      expect({ code, stderr }).toEqual({ code: exitCode, stderr: '' });
      expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31), ackOf(2, 31, 31)]);
      expect(valuesOf(log)).toEqual(['1', '1']);
      expect(existsSync(`${log}.lock`)).toBe(false);
    });
  });

  it('by Ctrl-C amid a flood has acknowledged exactly what the log holds', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const child = start(COMMAND_PATH, ['append', log]);
      const end = finished(child);
      const flood = manyLines(2000);
      child.stdout.once('data', () => child.kill('SIGINT'));
      await floodUntil(end, child.stdin, flood);
      const { code, stdout, stderr } = await end;
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
      expect(valuesOf(log)).toHaveLength(linesOf(stdout).length);
    });
  });

  it('by a closed pipe ends quietly, and the log is whole', async () => {
    await inFolder((folder) => {
      const log = join(folder, 'log');
      const script = 'yes "$1" | "$2" "$3" append "$4" | head -n 1; echo "${PIPESTATUS[1]}"';
      const args = ['-c', script, 'bash', PUT_A, process.execPath, COMMAND_PATH, log];
      const { stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31), '141']);
      expect(valuesOf(log).length).toBeGreaterThan(0);
    });
  });
});
