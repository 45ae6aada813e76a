// `uring-wal dump` and `verify` as child processes: lines, exit codes, and the file left alone.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  COMMAND_PATH,
  inFolder,
  linesOf,
  peakBytes,
  runCommand,
  SMALL_HEAP,
  start,
} from '../fixtures/command.js';
import type { PlainRecord } from '../fixtures/independent.js';
import { independentEncode, independentLine, independentLog } from '../fixtures/independent.js';

const NOBODY = 65534;
/** Garbage is collected when it likes; several times this much would have to be held otherwise. */
const PEAK_GROWTH_BYTES_MAX = 24 * 1024 * 1024;

function put(sequence: number, value: string | Uint8Array): PlainRecord {
  return {
    sequence: BigInt(sequence),
    type: 'put',
    key: Buffer.from('key'),
    value: Buffer.from(value),
  };
}

const RECORDS = [
  put(7, 'one'),
  { sequence: 8n, type: 'delete', key: Buffer.from('key'), value: Buffer.alloc(0) } as const,
  put(9, 'three'),
  put(10, ''),
];
const { bytes: LOG_BYTES, placed: PLACED } = independentLog(RECORDS);
const LINES = PLACED.map(independentLine);

/** Bytes of a log, how it ends, and what is said of it. */
interface Ending {
  readonly bytes: Buffer;
  readonly code: number;
  readonly kind: string;
  readonly complaint: RegExp;
  /** How many records are readable. */
  readonly count: number;
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

const LAST_OFFSET = PLACED[3]?.offset ?? 0;
const ENDINGS: readonly (readonly [string, Ending])[] = [
  ['whole', { bytes: LOG_BYTES, code: 0, kind: 'clean', complaint: /^$/, count: 4 }],
  [
    'with zeros ahead',
    {
      bytes: Buffer.concat([LOG_BYTES, Buffer.alloc(700)]),
      code: 0,
      kind: 'clean',
      complaint: /^$/,
      count: 4,
    },
  ],
  ['empty', { bytes: Buffer.alloc(0), code: 0, kind: 'clean', complaint: /^$/, count: 0 }],
  [
    'torn',
    {
      bytes: LOG_BYTES.subarray(0, LOG_BYTES.length - 5),
      code: 1,
      kind: 'torn',
      complaint: new RegExp(
        `torn tail at offset ${String(LAST_OFFSET)}: cut short; 27 bytes follow`,
      ),
      count: 3,
    },
  ],
  [
    'with a tear',
    {
      bytes: Buffer.concat([LOG_BYTES, Buffer.alloc(1024), independentEncode(put(11, 'x'))]),
      code: 1,
      kind: 'tear',
      complaint: new RegExp(
        `tear at offset ${String(LOG_BYTES.length)}: .*next whole record stands at ${String(LOG_BYTES.length + 1024)}`,
      ),
      count: 4,
    },
  ],
  [
    'corrupt',
    {
      bytes: flipped(LOG_BYTES, 22),
      code: 2,
      kind: 'corrupt',
      complaint: /corrupt at offset 0: checksum mismatch; .*next whole record stands at 35/,
      count: 0,
    },
  ],
];

async function withLog<Result>(
  bytes: Uint8Array,
  use: (log: string) => Result | Promise<Result>,
): Promise<Result> {
  return inFolder(async (folder) => {
    const log = join(folder, 'log');
    writeFileSync(log, bytes);
    const before = statSync(log, { bigint: true });
    const result = await use(log);
    expect(readFileSync(log).equals(bytes)).toBe(true);
    expect(statSync(log, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    return result;
  });
}

describe.each(ENDINGS)('a log that is %s', (_, { bytes, code, kind, complaint, count }) => {
  it(`is dumped with exit ${String(code)}`, async () => {
    const result = await withLog(bytes, (log) => runCommand(['dump', log]));
    expect(linesOf(result.stdout)).toEqual(LINES.slice(0, count));
    expect(result.stderr).toMatch(complaint);
    expect(result.code).toBe(code);
  });

  it(`is verified with exit ${String(code)}`, async () => {
    const result = await withLog(bytes, (log) => runCommand(['verify', log]));
    expect(result.code).toBe(code);
    expect(result.stdout).toMatch(new RegExp(`^records +${String(count)} \\(`));
    expect(result.stderr).toMatch(complaint);
  });

  it('is verified as JSON', async () => {
    const result = await withLog(bytes, (log) => runCommand(['verify', log, '--json']));
    expect(result.code).toBe(code);
    const read = PLACED.slice(0, count);
    const last = read.at(-1);
    expect(linesOf(result.stdout)).toHaveLength(1);
    expect(JSON.parse(result.stdout)).toMatchObject({
      records: count,
      puts: read.filter((record) => record.type === 'put').length,
      deletes: read.filter((record) => record.type === 'delete').length,
      bytes: last === undefined ? 0 : last.offset + last.length,
      fileBytes: bytes.length,
      firstSequence: read[0] === undefined ? null : String(read[0].sequence),
      lastSequence: last === undefined ? null : String(last.sequence),
      end: { kind, size: bytes.length },
    });
  });
});

describe('dump', () => {
  it('starts at --from and stops after --limit', async () => {
    await withLog(LOG_BYTES, async (log) => {
      const from = String(PLACED[1]?.offset);
      const rest = await runCommand(['dump', log, '--from', from]);
      expect(linesOf(rest.stdout)).toEqual(LINES.slice(1));
      const one = await runCommand(['dump', log, '--from', from, '--limit', '1']);
      expect(linesOf(one.stdout)).toEqual(LINES.slice(1, 2));
      const none = await runCommand(['dump', log, '--limit', '0']);
      expect(none).toMatchObject({ code: 0, stdout: '', stderr: '' });
    });
  });

  it('does not look beyond --limit', async () => {
    const torn = LOG_BYTES.subarray(0, LOG_BYTES.length - 1);
    const result = await withLog(torn, (log) => runCommand(['dump', log, '--limit', '3']));
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(linesOf(result.stdout)).toEqual(LINES.slice(0, 3));
  });

  it('from the end gives nothing; beyond it is a mistake', async () => {
    await withLog(LOG_BYTES, async (log) => {
      const end = await runCommand(['dump', log, '--from', String(LOG_BYTES.length)]);
      expect(end).toMatchObject({ code: 0, stdout: '', stderr: '' });
      const beyond = await runCommand(['dump', log, '--from', String(LOG_BYTES.length + 1)]);
      expect(beyond).toMatchObject({ code: 64, stdout: '' });
      expect(beyond.stderr).toContain('is beyond the end');
    });
  });

  it('ends quietly when nobody reads on', async () => {
    const many = independentLog(Array.from({ length: 20_000 }, (_, index) => put(index, 'value')));
    await withLog(many.bytes, (log) => {
      const script = '"$1" "$2" dump "$3" | head -n 2; echo "${PIPESTATUS[0]}"';
      const args = ['-c', script, 'bash', process.execPath, COMMAND_PATH, log];
      const { stdout, stderr } = spawnSync('bash', args, { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(linesOf(stdout)).toEqual([...many.placed.slice(0, 2).map(independentLine), '0']);
    });
  });

  it('prints values that are longer than what it turns to hex at once', async () => {
    const big = Buffer.alloc(1_000_003, 0xa7);
    const { bytes, placed } = independentLog([put(1, big), put(2, 'small')]);
    const result = await withLog(bytes, (log) => runCommand(['dump', log]));
    expect(linesOf(result.stdout)).toEqual(placed.map(independentLine));
  });

  it('fails with exit 74 when its output cannot be written', async () => {
    await withLog(LOG_BYTES, async (log) => {
      const child = spawn(process.execPath, [COMMAND_PATH, 'dump', log], {
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      });
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number];
      expect(code).toBe(74);
      expect(stderr).toContain('cannot write to standard output: ENOSPC');
    });
  });

  it('a long log needs no more memory than a short one', async () => {
    const value = Buffer.alloc(1000, 'v');
    const block = independentLog(Array.from({ length: 1000 }, (_, index) => put(index, value)));
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      writeFileSync(log, Buffer.concat(Array.from({ length: 100 }, () => block.bytes)));
      const child = start(COMMAND_PATH, ['dump', log], SMALL_HEAP);
      const closed = once(child, 'close');
      const outputBytes = 2 * block.bytes.length * 100;
      let seen = 0;
      let lines = 0;
      let [peakEarly, peakLate] = [0, 0];
      child.stdout.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 0x0a) lines += 1;
        seen += chunk.length;
        if (peakEarly === 0 && seen > outputBytes * 0.1) peakEarly = peakBytes(child.pid);
        if (peakLate === 0 && seen > outputBytes * 0.9) peakLate = peakBytes(child.pid);
      });
      const [code] = (await closed) as [number];
      expect({ code, lines }).toEqual({ code: 0, lines: 100_000 });
      expect(peakEarly).toBeGreaterThan(0);
      expect(peakLate).toBeGreaterThan(0);
      expect(peakLate - peakEarly).toBeLessThan(PEAK_GROWTH_BYTES_MAX);
    });
  }, 60_000);
});

describe.each(['dump', 'verify'])('%s', (command) => {
  it.each([
    ['a missing file', 'missing', 'ENOENT'],
    ['a missing directory', 'missing/log', 'ENOENT'],
  ])('fails with exit 74: %s', async (_, name, complaint) => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await runCommand([command, join(folder, name)]);
      expect({ code, stdout }).toEqual({ code: 74, stdout: '' });
      expect(stderr).toMatch(complaint);
    });
  });

  it('fails with exit 74 without permission', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can start a child as another user');
    await inFolder(async (folder) => {
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'open'), { mode: 0o755 });
      const log = join(folder, 'open', 'log');
      writeFileSync(log, LOG_BYTES, { mode: 0o600 });
      const { code, stderr } = await runCommand([command, log], '', { uid: NOBODY });
      expect(code).toBe(74);
      expect(stderr).toContain('EACCES');
    });
  });

  it('reads a log that the user may only read', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can start a child as another user');
    await inFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const log = join(folder, 'log');
      writeFileSync(log, LOG_BYTES, { mode: 0o644 });
      const { code } = await runCommand([command, log], '', { uid: NOBODY });
      expect(code).toBe(0);
    });
  });
});
