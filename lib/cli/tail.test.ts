// `uring-wal tail` as a child process: the last records, and following a writer of another process.

import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import {
  COMMAND_PATH,
  DIRECTORY_WRITER_PATH,
  finished,
  inFolder,
  linesOf,
  runCommand,
  start,
} from '../fixtures/command.js';
import { independentLog } from '../fixtures/independent.js';
import { Wal } from '../index.js';
import { segmentPath } from '../test-tools/wals.js';

const VALUE = 'x'.repeat(90);

function records(from: number, to: number): Buffer {
  const { bytes } = independentLog(
    Array.from({ length: to - from + 1 }, (_, index) => ({
      sequence: BigInt(from + index),
      type: 'put' as const,
      key: Buffer.from(`key${String(from + index)}`),
      value: Buffer.from('value'),
    })),
  );
  return bytes;
}

function sequences(lines: readonly string[]): number[] {
  return lines.map((line) => Number((JSON.parse(line) as { sequence: string }).sequence));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Lines of a running child, one by one. */
class Lines {
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) {
      const next = await this.#lines.next();
      if (next.done === true) throw new Error(`ended after ${lines.join('\n')}`);
      lines.push(next.value);
    }
    return lines;
  }
}

describe('tail', () => {
  it.each([
    [[], range(91, 100)],
    [['-n', '3'], range(98, 100)],
    [['-n', '0'], []],
    [['-n', '1000'], range(1, 100)],
  ])('%j of a file', async (options, expected) => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, records(1, 100));
      const { code, stdout } = await runCommand(['tail', log, '--json', ...options]);
      expect(code).toBe(0);
      expect(sequences(linesOf(stdout))).toEqual(expected);
    });
  });

  it('of a directory goes over segments, and counts the entries of a batch', async () => {
    await inFolder(async (folder) => {
      const wal = await Wal.open(folder, { maxFileSize: 4096 });
      for (let index = 0; index < 100; index++) await wal.put('key', 'x'.repeat(40));
      await wal.appendBatch(range(1, 5).map((key) => ({ key: String(key), value: 'batch' })));
      await wal.close();
      const all = await runCommand(['tail', folder, '--json', '-n', '60']);
      expect(sequences(linesOf(all.stdout))).toEqual(range(46, 105));
      const last = await runCommand(['tail', folder, '-n', '2']);
      expect(last.stdout).toBe('104  put     "4"  "batch"\n105  put     "5"  "batch"\n');
    });
  });

  const around = [...range(58, 66), 100];
  it.each([
    ['before the last ten', 2, {}, 0, undefined, range(91, 100)],
    ['between them', 3, {}, 2, /: sequence 100 follows 66$/, around],
    ['between them, as a salvage accepted', 3, { recovery: 'salvage' }, 0, /: note: .*66$/, around],
    ['behind them', 4, {}, 2, /ends with sequence 99, and 100 was there$/, range(90, 99)],
    ['behind them, as a trim accepted', 4, { recovery: 'trim' }, 0, undefined, range(90, 99)],
  ] as const)('a segment is missing %s', async (_, number, options, code, words, printed) => {
    await inFolder(async (folder) => {
      // Segments 1 to 4: entries 1 to 33, 34 to 66, 67 to 99, and 100.
      const wal = await Wal.open(folder, { maxFileSize: 4096 });
      await wal.appendMany(range(1, 100).map((key) => ({ key: String(key), value: VALUE })));
      await wal.close();
      rmSync(segmentPath(folder, number));
      if ('recovery' in options) await (await Wal.open(folder, options)).close();
      const tail = await runCommand(['tail', folder, '--json']);
      expect(tail.code).toBe(code);
      expect(sequences(linesOf(tail.stdout))).toEqual(printed);
      const told = linesOf(tail.stderr);
      expect(told.length).toBe(words === undefined ? 0 : 1);
      if (words !== undefined) expect(told[0]).toMatch(words);
      const none = await runCommand(['tail', folder, '-n', '0']);
      expect(none).toMatchObject({ code: 0, stdout: '', stderr: '' });
    });
  });

  it('shows text as text, escaped, other bytes as hex, long ones cut', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const lines = [
        { key: 'ü\u001b[31m\u009b', value: 'x'.repeat(70) },
        { keyHex: 'ff00', valueHex: '' },
        { type: 'delete', key: 'gone' },
        { key: `${'y'.repeat(63)}ü`, value: '' },
      ];
      await runCommand(['append', log], lines.map((line) => JSON.stringify(line)).join('\n'));
      const { stdout } = await runCommand(['tail', log]);
      expect(linesOf(stdout)).toEqual([
        `1  put     "ü\\u001b[31m\\u009b"  "${'x'.repeat(64)}"… (70 bytes)`,
        '2  put     0xff00  ""',
        '3  delete  "gone"',
        `4  put     "${'y'.repeat(63)}"… (65 bytes)  ""`,
      ]);
    });
  });

  it.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, -3), 1, /torn tail/],
    [
      'corrupt',
      (bytes: Buffer) => {
        bytes.writeUInt8(0xff, 3);
        return bytes;
      },
      2,
      /corrupt at offset 0/,
    ],
  ])('tells of a %s end', async (_, damage, exitCode, words) => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, damage(records(1, 9)));
      const { code, stderr } = await runCommand(['tail', log]);
      expect(code).toBe(exitCode);
      expect(stderr).toMatch(words);
    });
  });
});

describe('tail -f', () => {
  it('follows a file, prints whole records only, and ends with 130 at Ctrl-C', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, records(1, 5));
      const tail = start(COMMAND_PATH, ['tail', '-f', log, '-n', '2', '--json']);
      const end = finished(tail);
      const lines = new Lines(tail);
      expect(sequences(await lines.take(2))).toEqual([4, 5]);
      const news = records(6, 7);
      appendFileSync(log, news.subarray(0, news.length - 10));
      expect(sequences(await lines.take(1))).toEqual([6]);
      appendFileSync(log, news.subarray(news.length - 10));
      expect(sequences(await lines.take(1))).toEqual([7]);
      tail.kill('SIGINT');
      const { code, stdout, stderr } = await end;
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
      expect(linesOf(stdout)).toHaveLength(4);
    });
  });

  it('notices that the file was cut back', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, records(1, 5));
      const tail = start(COMMAND_PATH, ['tail', '-f', log, '--json']);
      const end = finished(tail);
      const lines = new Lines(tail);
      await lines.take(5);
      const size = records(1, 3).length;
      expect(readFileSync(log).subarray(0, size)).toEqual(records(1, 3));
      truncateSync(log, size);
      appendFileSync(log, records(40, 45));
      expect(sequences(await lines.take(6))).toEqual(range(40, 45));
      tail.kill('SIGTERM');
      const { code, stderr } = await end;
      expect(code).toBe(143);
      expect(stderr).toContain(`going on at offset ${String(size)}`);
    });
  });

  it('follows a live writer through rotations and cuts', async () => {
    await inFolder(async (folder) => {
      const writer = start(DIRECTORY_WRITER_PATH, [folder, 'commands']);
      const writerEnd = finished(writer);
      const answers = new Lines(writer);
      writer.stdin.write('put 3\n');
      expect(await answers.take(1)).toEqual(['3']);
      const tail = start(COMMAND_PATH, ['tail', '-f', folder, '--json']);
      const tailEnd = finished(tail);
      const lines = new Lines(tail);
      expect(sequences(await lines.take(3))).toEqual([1, 2, 3]);
      writer.stdin.write('put 300\n');
      const followed = await lines.take(300);
      expect(sequences(followed)).toEqual(range(4, 303));
      const numbers = new Set(
        followed.map((line) => (JSON.parse(line) as { segment: number }).segment),
      );
      expect(numbers.size).toBeGreaterThan(3);
      writer.stdin.write('cut 100\n');
      expect(await answers.take(2)).toEqual(['303', '100']);
      writer.stdin.write('put 2\n');
      expect(sequences(await lines.take(2))).toEqual([101, 102]);
      writer.stdin.end();
      expect((await writerEnd).code).toBe(0);
      tail.kill('SIGINT');
      expect(await tailEnd).toMatchObject({ code: 130 });
    });
  });

  it('goes on where a checkpoint removed the segment', async () => {
    await inFolder(async (folder) => {
      const wal = await Wal.open(folder, { maxFileSize: 4096 });
      for (let index = 0; index < 10; index++) await wal.put('key', 'value');
      const tail = start(COMMAND_PATH, ['tail', '-f', folder, '--json']);
      const end = finished(tail);
      const lines = new Lines(tail);
      await lines.take(10);
      await wal.rotate();
      const { sequence } = await wal.put('key', 'value');
      await wal.truncateBefore(sequence);
      expect(sequences(await lines.take(1))).toEqual([11]);
      await wal.close();
      tail.kill('SIGINT');
      expect(await end).toMatchObject({ code: 130, stderr: '' });
    });
  });

  it('ends quietly when nobody reads on', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, records(1, 5));
      const tail = start(COMMAND_PATH, ['tail', '-f', log]);
      const end = finished(tail);
      await once(tail.stdout, 'data');
      tail.stdout.destroy();
      appendFileSync(log, records(6, 9));
      expect(await end).toMatchObject({ code: 0, stderr: '' });
      rmSync(log);
    });
  });
});
