// `uring-wal append` as a child process: what it writes, acknowledges and refuses.

import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ackOf, floodUntil, manyLines, PUT_A, valuesOf } from '../fixtures/append-lines.js';
import {
  COMMAND_PATH,
  finished,
  inFolder,
  linesOf,
  runCommand,
  start,
} from '../fixtures/command.js';
import type { PlainRecord } from '../fixtures/independent.js';
import { independentLog, independentRead } from '../fixtures/independent.js';

describe.each([['written'], ['durable', '--sync'], ['past the page cache', '--sync', '--direct']])(
  'append, %s',
  (_, ...options) => {
    it('writes exactly the records, and acknowledges where they stand', async () => {
      await inFolder(async (folder) => {
        const log = join(folder, 'log');
        const input = [
          '{"type":"put","key":"user:7","value":"Ada","sequence":5}',
          '{"type":"delete","key":"user:8"}',
          '',
          '{"keyHex":"00ff","valueHex":"","sequence":"18446744073709551615"}',
        ];
        const records: PlainRecord[] = [
          { sequence: 5n, type: 'put', key: Buffer.from('user:7'), value: Buffer.from('Ada') },
          { sequence: 6n, type: 'delete', key: Buffer.from('user:8'), value: Buffer.alloc(0) },
          {
            sequence: 2n ** 64n - 1n,
            type: 'put',
            key: Buffer.from([0, 255]),
            value: Buffer.alloc(0),
          },
        ];
        const expected = independentLog(records);
        const result = await runCommand(['append', log, ...options], input.join('\n'));
        expect(result.code).toBe(0);
        // Some file systems refuse --direct, and the command says so; anything else is wrong.
        expect(result.stderr).toMatch(/^(uring-wal append: note: --direct is refused .*\n)?$/);
        expect(linesOf(result.stdout)).toEqual(
          expected.placed.map(({ sequence, offset, length }) => ackOf(sequence, offset, length)),
        );
        expect(readFileSync(log).equals(expected.bytes)).toBe(true);
      });
    });

    it('goes on where the log ended', async () => {
      await inFolder(async (folder) => {
        const log = join(folder, 'log');
        const first = await runCommand(['append', log, ...options], `${PUT_A}\n${PUT_A}\n`);
        const second = await runCommand(['append', log, ...options], PUT_A);
        expect(linesOf(first.stdout)).toEqual([ackOf(1, 0, 31), ackOf(2, 31, 31)]);
        expect(linesOf(second.stdout)).toEqual([ackOf(3, 62, 31)]);
      });
    });
  },
);

describe('append acknowledges', () => {
  it.each([[[]], [['--sync']]])('each record as soon as it is there, %j', async (options) => {
    await inFolder(async (folder) => {
      const child = start(COMMAND_PATH, ['append', join(folder, 'log'), ...options]);
      const end = finished(child);
      for (let sequence = 1; sequence <= 3; sequence += 1) {
        const heard = once(child.stdout, 'data');
        child.stdin.write(`${PUT_A}\n`);
        expect(String((await heard)[0])).toBe(`${ackOf(sequence, (sequence - 1) * 31, 31)}\n`);
      }
      child.stdin.end();
      expect((await end).code).toBe(0);
    });
  });

  it('many records, in order, with every one in the log', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const { code, stdout } = await runCommand(['append', log], manyLines(20_000));
      expect(code).toBe(0);
      const { records } = independentRead(readFileSync(log));
      const expected = records.map(({ sequence, offset, length }) =>
        ackOf(sequence, offset, length),
      );
      expect(expected).toHaveLength(20_000);
      expect(linesOf(stdout)).toEqual(expected);
    });
  });

  it('nothing, without input, but creates the log', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      expect(await runCommand(['append', log])).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(readFileSync(log)).toHaveLength(0);
      expect(existsSync(`${log}.lock`)).toBe(false);
    });
  });
});

describe('append and a bad line', () => {
  it.each([
    ['not JSON', '{"key":"a"', 'line 3: not JSON: column 11: expected'],
    ['a wrong type', '{"key":1,"value":"b"}', 'line 3: key must be a string'],
    [
      'a negative sequence',
      '{"key":"a","value":"b","sequence":-1}',
      'line 3: sequence -1 is negative',
    ],
  ])('%s: exit 65, everything before it acknowledged, nothing after', async (_, bad, complaint) => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const input = `${PUT_A}\n${PUT_A}\n${bad}\n${PUT_A}\n`;
      const { code, stdout, stderr } = await runCommand(['append', log, '--sync'], input);
      expect(code).toBe(65);
      expect(stderr).toContain(`uring-wal append: ${complaint}`);
      expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31), ackOf(2, 31, 31)]);
      expect(valuesOf(log)).toEqual(['1', '1']);
    });
  });

  it('deep inside a long input: the thousands before it are acknowledged', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const input = `${manyLines(5000)}oops\n${manyLines(5000)}`;
      const { code, stdout, stderr } = await runCommand(['append', log], input);
      expect(code).toBe(65);
      expect(stderr).toContain('line 5001: not JSON: column 1');
      expect(linesOf(stdout)).toHaveLength(5000);
      expect(valuesOf(log)).toHaveLength(5000);
    });
  });

  it('a line longer than any record can need is refused while it still comes', async () => {
    await inFolder(async (folder) => {
      const child = start(COMMAND_PATH, ['append', join(folder, 'log')]);
      const end = finished(child);
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      child.stdin.write(`${PUT_A}\n`);
      // No line feed ever comes: only the bound can end this.
      await floodUntil(end, child.stdin, chunk);
      const { code, stdout, stderr } = await end;
      expect(code).toBe(65);
      expect(stderr).toContain('line 2: longer than 269484032 bytes');
      expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31)]);
    });
  });
});

describe('append says that it cut', () => {
  it('a torn tail, and appends behind what was whole', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      await runCommand(['append', log], `${PUT_A}\n${PUT_A}\n`);
      writeFileSync(log, readFileSync(log).subarray(0, 40));
      const { code, stdout, stderr } = await runCommand(['append', log], PUT_A);
      expect(code).toBe(0);
      expect(stderr).toContain('torn tail at offset 31');
      expect(stderr).toContain('9 bytes were cut off');
      expect(linesOf(stdout)).toEqual([ackOf(2, 31, 31)]);
    });
  });
});
