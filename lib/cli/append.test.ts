// `uring-wal append` as a child process: acknowledgements, exit codes, and every way to be stopped.

import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  COMMAND_PATH,
  finished,
  inFolder,
  linesOf,
  peakBytes,
  runCommand,
  SMALL_HEAP,
  start,
} from '../fixtures/command.js';
import type { PlainRecord } from '../fixtures/independent.js';
import { independentLog, independentRead } from '../fixtures/independent.js';

const PUT_A = '{"key":"a","value":"1"}';
const NOBODY = 65534;
/** Garbage is collected when it likes; ten times this much would have to be held otherwise. */
const PEAK_GROWTH_BYTES_MAX = 24 * 1024 * 1024;

/** The line that acknowledges a record. */
function ackOf(sequence: number | bigint, offset: number, length: number): string {
  return `{"sequence":"${String(sequence)}","offset":${String(offset)},"length":${String(length)}}`;
}

function manyLines(count: number): string {
  return Array.from(
    { length: count },
    (_, index) => `{"key":"k","value":"${String(index)}"}\n`,
  ).join('');
}

function recordsOf(log: string): string[] {
  const { records, end } = independentRead(readFileSync(log));
  expect(end).toBe(readFileSync(log).length);
  return records.map(({ value }) => Buffer.from(value).toString());
}

/** Writes `chunk` again and again, as fast as it is taken, until `end` resolves. */
async function floodUntil(
  end: Promise<unknown>,
  stdin: Writable,
  chunk: string | Uint8Array,
): Promise<void> {
  let isOver = false;
  const over = end.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const drained = new Promise((resolve) => stdin.once('drain', resolve));
    if (!stdin.write(chunk)) await Promise.race([drained, over]);
  }
}

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
        expect(result).toMatchObject({ code: 0, stderr: '' });
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
      expect(recordsOf(log)).toEqual(['1', '1']);
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
      expect(recordsOf(log)).toHaveLength(5000);
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
      expect(stderr).toContain('line 2: longer than any record can need');
      expect(linesOf(stdout)).toEqual([ackOf(1, 0, 31)]);
    });
  });
});

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
      expect(recordsOf(log)).toEqual(['1', '1']);
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
      expect(recordsOf(log)).toHaveLength(linesOf(stdout).length);
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
      expect(recordsOf(log).length).toBeGreaterThan(0);
    });
  });
});

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
      expect(recordsOf(log)).toEqual(['1']);
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
      expect(recordsOf(log)).toEqual(['1']);
    });
  });

  it('a full disk: what is acknowledged is there, the rest is told', async (context) => {
    await inFolder(async (folder) => {
      const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
      if (mount.status !== 0) context.skip(`no tmpfs can be mounted here: ${String(mount.stderr)}`);
      try {
        const log = join(folder, 'log');
        const { code, stdout, stderr } = await runCommand(['append', log], manyLines(20_000));
        expect(code).toBe(74);
        expect(stderr).toMatch(/line \d+: ERR_WAL_WRITE.*ENOSPC/);
        const acknowledged = linesOf(stdout).length;
        expect(acknowledged).toBeGreaterThan(100);
        expect(recordsOf(log)).toHaveLength(acknowledged);
        expect(stderr).toContain(`line ${String(acknowledged + 1)}:`);
      } finally {
        spawnSync('umount', [folder]);
      }
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

describe('append streams', () => {
  it('a long input in no more memory than a short one', async () => {
    await inFolder(async (folder) => {
      const child = start(COMMAND_PATH, ['append', join(folder, 'log')], SMALL_HEAP);
      let acknowledged = 0;
      let onAcknowledged = (): void => undefined;
      child.stdout.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 0x0a) acknowledged += 1;
        onAcknowledged();
      });
      const closed = once(child, 'close');
      const lines = `{"key":"k","value":"${'v'.repeat(1000)}"}\n`.repeat(1000);
      /** Feeds thousands of lines, waits for their acknowledgements, tells the peak so far. */
      const feed = async (thousands: number): Promise<number> => {
        const goal = acknowledged + thousands * 1000;
        for (let block = 0; block < thousands; block += 1) {
          if (!child.stdin.write(lines)) await once(child.stdin, 'drain');
        }
        await new Promise<void>((resolve) => {
          onAcknowledged = () => {
            if (acknowledged === goal) resolve();
          };
          onAcknowledged();
        });
        return peakBytes(child.pid);
      };
      const peakOfShort = await feed(20);
      const peakOfLong = await feed(200);
      child.stdin.end();
      expect((await closed)[0]).toBe(0);
      expect(peakOfLong - peakOfShort).toBeLessThan(PEAK_GROWTH_BYTES_MAX);
    });
  }, 60_000);
});

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
