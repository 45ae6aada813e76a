// `npm start`: its judge must see what is wrong, and the whole must behave when it is stopped,
// misled, or put where it cannot write.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DEMO_PATH, finished, inFolder, linesOf, start } from '../fixtures/command.js';
import type { Finished } from '../fixtures/command.js';
import { independentLog, independentRead } from '../fixtures/independent.js';
import type { PlainRecord } from '../fixtures/independent.js';
import { AckLedger, AckParser } from './demo-acks.js';
import { dissect } from './demo-anatomy.js';
import type { DemoCheck } from './demo-check.js';
import { checkLog, passes } from './demo-check.js';
import { DemoInput } from './demo-input.js';

const TEXT = 'first line\n\nthird line\r\nlast';
const RECORD_COUNT = 10;

function runDemo(args: readonly string[], environment: Record<string, string>): Promise<Finished> {
  const child = start(DEMO_PATH, args, { environment });
  child.stdin.end();
  return finished(child);
}

/** Ten records of TEXT as the demo would append them, all acknowledged, and the judge's view. */
async function judge(
  change: (records: PlainRecord[], ledger: AckLedger) => Uint8Array | undefined,
  ending: 'kill' | 'close' = 'kill',
): Promise<DemoCheck> {
  return inFolder(async (folder) => {
    const inputPath = join(folder, 'input');
    writeFileSync(inputPath, TEXT);
    const input = DemoInput.read(inputPath);
    const records = Array.from({ length: RECORD_COUNT }, (_, index): PlainRecord => {
      return { sequence: BigInt(index + 1), type: 'put', ...input.record(index + 1) };
    });
    const ledger = new AckLedger();
    for (const { sequence, offset, length } of independentLog(records).placed) {
      ledger.add({ sequence: Number(sequence), offset, length, latencyMs: 1 });
    }
    const log = join(folder, 'log');
    writeFileSync(log, change(records, ledger) ?? independentLog(records).bytes);
    return checkLog(log, ledger, input, ending);
  });
}

describe("the demo's judge", () => {
  it('passes a log that holds what was acknowledged', async () => {
    const check = await judge(() => undefined);
    expect(passes(check)).toBe(true);
    expect(check).toMatchObject({ records: 10, unacknowledged: 0, missing: 0, differing: 0 });
  });

  it('passes records that were in flight, and a torn tail', async () => {
    const check = await judge((records) => {
      const next = { ...(records[0] as PlainRecord), sequence: 11n };
      // Record 11 repeats the input: with three records in it, that is its second one.
      const { key, value } = records[1] as PlainRecord;
      return Buffer.concat([
        independentLog([...records, { ...next, key, value }]).bytes,
        Buffer.from('torn'),
      ]);
    });
    expect(passes(check)).toBe(true);
    expect(check).toMatchObject({ records: 11, unacknowledged: 1, end: { kind: 'torn' } });
  });

  it.each([
    [
      'a missing last record',
      (records: PlainRecord[]) => independentLog(records.slice(0, -1)).bytes,
      { missing: 1, firstProblem: 'the log ends before record 10' },
    ],
    ['an empty log', () => Buffer.alloc(0), { missing: 10 }],
    [
      'a missing record in the middle',
      (records: PlainRecord[]) => independentLog(records.toSpliced(4, 1)).bytes,
      { missing: 1, firstProblem: /record 5 at offset \d+ has sequence 6/ },
    ],
    [
      'another value',
      (records: PlainRecord[]) =>
        independentLog(
          records.with(4, { ...(records[4] as PlainRecord), value: Buffer.from('third lime') }),
        ).bytes,
      { missing: 0, differing: 1, firstProblem: /record 5 at offset \d+ has another value/ },
    ],
    [
      'another key',
      (records: PlainRecord[]) =>
        independentLog(
          records.with(4, { ...(records[4] as PlainRecord), key: Buffer.from('input:9') }),
        ).bytes,
      { differing: 1, firstProblem: /another key/ },
    ],
    [
      'a delete',
      (records: PlainRecord[]) =>
        independentLog([
          { ...(records[0] as PlainRecord), type: 'delete' as const, value: Buffer.alloc(0) },
        ]).bytes,
      { missing: 9 },
    ],
    [
      'another place than acknowledged',
      (_: PlainRecord[], ledger: AckLedger) => {
        ledger.add({ sequence: 3, offset: 1, length: 2, latencyMs: 1 });
        return undefined;
      },
      { differing: 1, firstProblem: /record 3 at offset \d+ was acknowledged to stand elsewhere/ },
    ],
    [
      'damage in the middle',
      (records: PlainRecord[]) => {
        const { bytes } = independentLog(records);
        bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
        return bytes;
      },
      { missing: 9, end: { kind: 'corrupt' } },
    ],
  ])('fails %s', async (_, change, expected) => {
    const check = await judge(change);
    expect(passes(check)).toBe(false);
    const { firstProblem, ...numbers } = expected as Partial<DemoCheck>;
    expect(check).toMatchObject(numbers);
    if (firstProblem !== undefined) expect(check.firstProblem).toMatch(firstProblem);
  });

  it('fails a record that was acknowledged twice', async () => {
    const check = await judge((records, ledger) => {
      const again = independentLog(records).placed[6];
      if (again !== undefined) ledger.add({ ...again, sequence: 7, latencyMs: 1 });
      return undefined;
    });
    expect(passes(check)).toBe(false);
    expect(check.firstProblem).toBe('record 7 was lost, and acknowledged again');
  });

  it('fails bytes behind the last record of a log that was closed', async () => {
    const zerosBehind = (records: PlainRecord[]): Buffer =>
      Buffer.concat([independentLog(records).bytes, Buffer.alloc(100)]);
    expect(passes(await judge(zerosBehind, 'kill'))).toBe(true);
    expect(passes(await judge(zerosBehind, 'close'))).toBe(false);
  });
});

describe("the demo's parts", () => {
  it('makes a record of every line that holds something', async () => {
    await inFolder((folder) => {
      const path = join(folder, 'input');
      writeFileSync(path, `${TEXT}${'x'.repeat(5000)}`);
      const input = DemoInput.read(path, 'name');
      const records = Array.from({ length: input.count }, (_, index) => {
        const { key, value } = input.record(index + 1);
        return [Buffer.from(key).toString(), value.length];
      });
      expect(records).toEqual([
        ['name:1', 10],
        ['name:3', 10],
        ['name:4', 4096],
        ['name:4.2', 908],
      ]);
    });
  });

  it('parses acknowledgements however they are cut', () => {
    const frames = Buffer.alloc(48);
    frames.writeDoubleLE(5, 0);
    frames.writeDoubleLE(2 ** 40, 8);
    frames.writeUInt32LE(99, 16);
    frames.writeFloatLE(0.5, 20);
    frames.writeDoubleLE(6, 24);
    const first = { sequence: 5, offset: 2 ** 40, length: 99, latencyMs: 0.5 };
    const second = { sequence: 6, offset: 0, length: 0, latencyMs: 0 };
    for (let cut = 0; cut <= frames.length; cut += 1) {
      const parser = new AckParser();
      const acks = [frames.subarray(0, cut), frames.subarray(cut)].flatMap((part) => [
        ...parser.push(part),
      ]);
      expect(acks).toEqual([first, second]);
    }
  });

  it('takes a record apart into all of its bytes', () => {
    const key = Buffer.from('key');
    const value = Buffer.from('value');
    const { bytes } = independentLog([{ sequence: 258n, type: 'put', key, value }]);
    const fields = dissect(bytes);
    expect(Buffer.concat(fields.map((field) => field.bytes)).equals(bytes)).toBe(true);
    const meanings = Object.fromEntries(fields.map(({ name, meaning }) => [name, meaning]));
    expect(meanings).toMatchObject({
      len: '33 bytes follow',
      magic: '0x0057414c',
      sequence: '258',
      type: 'put',
      keyLen: '3 bytes',
      key: '"key"',
      valueLen: '5 bytes',
      value: '"value"',
      crc: expect.stringMatching(/recomputed: the same$/) as string,
    });
    bytes.writeUInt8(0, bytes.length - 1);
    expect(dissect(bytes).at(-1)?.meaning).toContain('DIFFERENT');
  });
});

/** Where the run of records from the first byte on ends, checksums unseen. */
function endByLengths(bytes: Buffer): number {
  let end = 0;
  while (end + 4 <= bytes.length && bytes.readUInt32LE(end) > 0) end += 4 + bytes.readUInt32LE(end);
  return end;
}

/** Some of what stands in a file from an offset on; more than a record of the demo. */
function bytesFrom(path: string, offset: number): Buffer {
  const bytes = Buffer.alloc(64 * 1024);
  const fd = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(fd);
  }
}

describe('the demo', () => {
  it('kills, replays, shows and passes, and leaves nothing behind', async () => {
    await inFolder(async (folder) => {
      const input = join(folder, 'lines.txt');
      writeFileSync(input, TEXT.repeat(50));
      const { code, stdout, stderr } = await runDemo([input], { TMPDIR: folder });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toContain('\u001b');
      expect(linesOf(stdout).filter((line) => /^ kill \d .* 0 +0 /.test(line))).toHaveLength(5);
      expect(stdout).toMatch(/^driver +(io_uring|thread pool)/m);
      expect(stdout).toMatch(/^ +crc .*recomputed: the same$/m);
      expect(stdout).toMatch(/64 callers .*p50 .*p99 /);
      expect(stdout).toMatch(/PASSED\. [\d,]+ acknowledged records: none missing, none different/);
      expect(readdirSync(folder)).toEqual(['lines.txt']);
    });
  }, 60_000);

  it('fails with exit 1 when somebody takes acknowledged records away, and keeps the log', async () => {
    await inFolder(async (folder) => {
      const child = start(DEMO_PATH, [], { environment: { TMPDIR: folder } });
      const ended = finished(child);
      let seen = '';
      while (!seen.includes('kill 1')) seen += String((await once(child.stdout, 'data'))[0]);
      const log = join(folder, readdirSync(folder)[0] ?? '', 'demo.wal');
      // A whole record behind those is the next child's: its recovery is over then. It does not live
      // long, so the log's end is found by its length fields alone, and only what follows is checked.
      const oldEnd = endByLengths(readFileSync(log));
      const hasGrown = (): boolean => independentRead(bytesFrom(log, oldEnd)).records.length > 0;
      while (!hasGrown()) await setTimeout(5);
      truncateSync(log, 0);
      const { code, stdout } = await ended;
      expect(code).toBe(1);
      expect(stdout).toContain('FAILED: ');
      expect(stdout).toContain(`The log is kept: ${log}`);
      expect(existsSync(log)).toBe(true);
    });
  });

  it('says what its child could not do, with exit 74', async (context) => {
    await inFolder(async (folder) => {
      const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
      if (mount.status !== 0) context.skip(`no tmpfs can be mounted here: ${String(mount.stderr)}`);
      try {
        const { code, stdout, stderr } = await runDemo([], { TMPDIR: folder });
        expect(code).toBe(74);
        expect(stdout).toContain('tmpfs is memory');
        expect(stderr).toMatch(/the child failed: ERR_WAL_WRITE.*ENOSPC/);
        expect(readdirSync(folder)).toEqual([]);
      } finally {
        spawnSync('umount', [folder]);
      }
    });
  });

  it('stops at Ctrl-C with exit 130, and leaves nothing behind', async () => {
    await inFolder(async (folder) => {
      const child = start(DEMO_PATH, [], { environment: { TMPDIR: folder } });
      const end = finished(child);
      let seen = '';
      while (!seen.includes('kill 1')) seen += String((await once(child.stdout, 'data'))[0]);
      child.kill('SIGINT');
      const { code, stdout, stderr } = await end;
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
      expect(stdout).toContain('Stopped.');
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it.each([
    ['a missing file', 'missing', /cannot read the input: ENOENT/],
    ['a directory', '.', /is no file/],
    ['an empty file', 'empty', /holds no line of text/],
  ])('refuses %s with exit 66', async (_, name, complaint) => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'empty'), '\n\n');
      const { code, stdout, stderr } = await runDemo([join(folder, name)], { TMPDIR: folder });
      expect({ code, stdout }).toEqual({ code: 66, stdout: '' });
      expect(stderr).toMatch(complaint);
    });
  });

  it('says when it has nowhere to write, with exit 74', async () => {
    const { code, stderr } = await runDemo([], { TMPDIR: '/proc' });
    expect(code).toBe(74);
    expect(stderr).toMatch(/no temporary folder \(set TMPDIR to a writable one\)/);
  });
});
