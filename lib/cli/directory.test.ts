// The commands over directories of segments, as child processes: inspect, verify, dump, repair,
// truncate; on sound logs, damaged ones, and beside a live writer.

import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Finished } from '../fixtures/command.js';
import {
  COMMAND_PATH,
  DIRECTORY_WRITER_PATH,
  finished,
  inFolder,
  linesOf,
  runCommand,
  start,
} from '../fixtures/command.js';
import { Wal } from '../index.js';
import { flipBitIn } from '../test-tools/damage.js';
import { segmentPath } from '../test-tools/wals.js';

/** A log of `count` entries in segments of a few dozen; closed. */
async function makeLog(directory: string, count = 200): Promise<void> {
  const wal = await Wal.open(directory, { maxFileSize: 4096 });
  for (let index = 1; index <= count; index++) await wal.put(`key${String(index)}`, VALUE);
  await wal.close();
}

const VALUE = 'x'.repeat(40);
const LARGE = 'y'.repeat(8000);
/** Size of the record of `key200`. */
const LAST_BYTES = 29 + 6 + VALUE.length;
/** What fits in a segment: 4096 / (29 + 5 + 40) rounded down, roughly. */
const SEGMENTS = 4;

/** Names, bytes and times of everything in a directory. */
function snapshot(directory: string): unknown {
  return readdirSync(directory).map((name) => {
    const path = join(directory, name);
    return [name, statSync(path).mtimeMs, readFileSync(path).toString('hex')];
  });
}

function json(result: Finished): Record<string, unknown> {
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

const DAMAGES: readonly (readonly [string, (directory: string) => void, number, RegExp])[] = [
  ['sound', () => undefined, 0, /^$/],
  [
    'a torn tail',
    (directory) => {
      const path = segmentPath(directory, SEGMENTS);
      writeFileSync(path, readFileSync(path).subarray(0, -3));
    },
    2,
    /the manifest knows of/,
  ],
  [
    'a torn tail behind what the manifest knows',
    (directory) => {
      writeFileSync(segmentPath(directory, SEGMENTS), 'torn', { flag: 'a' });
    },
    1,
    /torn tail at offset/,
  ],
  [
    'a flipped bit in the middle',
    (directory) => {
      flipBitIn(segmentPath(directory, 2), 100 * 8);
    },
    2,
    /wal_00000002\.log at offset/,
  ],
  [
    'an active file cut between two records',
    (directory) => {
      const path = segmentPath(directory, SEGMENTS);
      writeFileSync(path, readFileSync(path).subarray(0, -LAST_BYTES));
    },
    2,
    /the manifest knows of/,
  ],
  [
    'a missing active file',
    (directory) => {
      unlinkSync(segmentPath(directory, SEGMENTS));
    },
    2,
    /wal_00000004\.log: the file is missing/,
  ],
  [
    'an empty segment in the middle',
    (directory) => {
      writeFileSync(segmentPath(directory, 2), '');
    },
    2,
    /wal_00000002\.log at offset 0: the manifest knows of/,
  ],
  [
    'a missing segment',
    (directory) => {
      unlinkSync(segmentPath(directory, 2));
    },
    2,
    /wal_00000002\.log: the file is missing/,
  ],
];

describe('a directory', () => {
  it.each(DAMAGES)(
    '%s: inspect, verify, dump and dry run agree',
    async (_, damage, code, words) => {
      await inFolder(async (folder) => {
        const directory = join(folder, 'log');
        await makeLog(directory);
        damage(directory);
        const before = snapshot(directory);
        const inspected = await runCommand(['inspect', directory]);
        expect(inspected.code).toBe(code);
        const verified = await runCommand(['verify', directory]);
        expect({ code: verified.code, stderr: verified.stderr }).toEqual({
          code,
          stderr: expect.stringMatching(words),
        });
        const told = json(await runCommand(['verify', directory, '--json']));
        const damages = told['damages'] as string[];
        if (code === 0) expect(damages).toEqual([]);
        else expect(damages[0]).toMatch(words);
        const dumped = await runCommand(['dump', directory]);
        expect([dumped.code, dumped.stderr === '']).toEqual([code, code === 0]);
        const dryRun = await runCommand(['repair', directory, '--dry-run']);
        expect(dryRun.code).toBe(code);
        if (code === 0) expect(dryRun.stdout).toBe('nothing to repair\n');
        else expect(dryRun.stdout).toMatch(/^would {2}(cut wal_|set wal_|accept)/m);
        expect(snapshot(directory)).toEqual(before);
      });
    },
  );

  it('inspect shows segments, sequences, manifest and lock', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      writeFileSync(join(folder, 'notes.txt'), 'not ours');
      const { stdout, code } = await runCommand(['inspect', folder]);
      expect(code).toBe(0);
      const rows = linesOf(stdout).slice(0, SEGMENTS + 1);
      expect(rows[0]).toMatch(/^segment {2}state +records +first +last +bytes +file bytes$/);
      expect(rows[1]).toMatch(/^ +1 {2}clean +\d+ +1 +\d+ +[\d,]+ +[\d,]+$/);
      expect(rows[SEGMENTS]).toMatch(/^ +4 {2}clean +\d+ +\d+ +200 /);
      expect(stdout).toContain('manifest  3 sealed from 1 on, active 4, next sequence 201');
      expect(stdout).toContain('lock      free');
      expect(stdout).toContain('foreign   notes.txt');
    });
  });

  it('inspect --json: the same, to be read by programs', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      unlinkSync(segmentPath(folder, 3));
      const result = await runCommand(['inspect', folder, '--json']);
      expect(result.code).toBe(2);
      const found = json(result);
      expect(found).toMatchObject({ missing: [3], manifest: { state: 'good' } });
      const segments = found['segments'] as { state: string; first: string; end: unknown }[];
      expect(segments.map(({ state }) => state)).toEqual(['clean', 'clean', 'clean']);
      expect(segments[0]).toMatchObject({ number: 1, first: '1' });
    });
  });

  it.each(['inspect', 'verify', 'dump', 'tail', 'repair'])(
    '%s: a directory without a log is 66, none at all 74',
    async (command) => {
      await inFolder(async (folder) => {
        const nothing = await runCommand([command, folder]);
        expect(nothing.code).toBe(66);
        expect(nothing.stderr).toContain('there is no log in');
        const missing = await runCommand([command, join(folder, 'none')]);
        expect(missing.code).toBe(74);
        expect(missing.stderr).toContain('ENOENT');
        expect(readdirSync(folder)).toEqual([]);
      });
    },
  );

  it('inspect of a file says what it is', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'file'), '');
      const { code, stderr } = await runCommand(['inspect', join(folder, 'file')]);
      expect(code).toBe(66);
      expect(stderr).toContain('is a file');
    });
  });

  it('dump prints every record once, with its segment', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      const { stdout, code } = await runCommand(['dump', folder]);
      expect(code).toBe(0);
      const records = linesOf(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(records.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 200 }, (_, index) => String(index + 1)),
      );
      expect(records[0]).toMatchObject({ segment: 1, offset: 0, type: 'put' });
      expect(records.at(-1)).toMatchObject({ segment: SEGMENTS });
      const part = await runCommand(['dump', folder, '--from-sequence', '120', '--limit', '2']);
      const sequences = linesOf(part.stdout).map(
        (line) => (JSON.parse(line) as { sequence: string }).sequence,
      );
      expect(sequences).toEqual(['120', '121']);
      expect((await runCommand(['dump', folder, '--from', '3'])).code).toBe(64);
    });
  });

  it('dump tells of damage and goes on behind it', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      flipBitIn(segmentPath(folder, 2), 100 * 8);
      const { stdout, stderr, code } = await runCommand(['dump', folder]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/wal_00000002\.log': corrupt at offset .* segments follow/);
      expect(stderr).toMatch(/wal_00000003\.log': sequence \d+ follows \d+/);
      expect(stdout).toContain('"sequence":"200"');
    });
  });

  it('dump that a checkpoint overtakes says so', async () => {
    await inFolder(async (folder) => {
      const wal = await Wal.open(folder, { maxFileSize: 64 * 1024, sync: 'manual' });
      for (let index = 1; index <= 300; index++) await wal.put(`key${String(index)}`, LARGE);
      // It has to wait, for nobody reads on.
      const dump = start(COMMAND_PATH, ['dump', folder]);
      await once(dump.stdout, 'readable');
      await wal.truncateBefore(250n);
      const { code, stderr } = await finished(dump);
      expect(code).toBe(74);
      expect(stderr).toMatch(/a checkpoint removed sequences \d+ to \d+ before they were read/);
      await wal.close();
    });
  });

  it('what dump prints can be appended elsewhere', async () => {
    await inFolder(async (folder) => {
      await makeLog(join(folder, 'dir'), 3);
      const dumped = await runCommand(['dump', join(folder, 'dir')]);
      const { code } = await runCommand(['append', join(folder, 'log')], dumped.stdout);
      expect(code).toBe(0);
    });
  });
});

describe('repair', () => {
  it.each([
    [[], 54],
    [['--salvage'], 54 + 53 + 38],
  ])('%j cuts, keeps copies, and leaves a log that opens', async (options, atLeast) => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      flipBitIn(segmentPath(folder, 2), 100 * 8);
      const damaged = readFileSync(segmentPath(folder, 2));
      const plan = json(await runCommand(['repair', folder, ...options, '--dry-run', '--json']));
      const steps = plan['steps'] as { action: string; file: string; kept: string }[];
      const result = await runCommand(['repair', folder, ...options, '--json']);
      expect(result.code).toBe(0);
      const done = json(result);
      const kept = (done['kept'] as string[]).map((path) => path.slice(folder.length + 1));
      expect(kept.sort()).toEqual(steps.map((step) => step.kept).sort());
      const cut = steps.find(({ action }) => action === 'cut');
      const [, offset] = /discarded-(\d+)$/.exec(cut?.kept ?? '') ?? [];
      expect(readFileSync(join(folder, cut?.kept ?? ''))).toEqual(damaged.subarray(Number(offset)));
      expect(Number(done['records'])).toBeGreaterThanOrEqual(atLeast);
      expect((await runCommand(['inspect', folder])).code).toBe(0);
      await (await Wal.open(folder)).close();
    });
  });

  it('what a salvage lost is told by sequence from then on, and is no damage', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      const lines = linesOf((await runCommand(['dump', folder])).stdout);
      const places = lines.map((line) => JSON.parse(line) as { segment: number; offset: number });
      // The last record of a segment: it is all that a salvage loses.
      const lost = places.findLastIndex((place) => place.segment === 2) + 1;
      flipBitIn(segmentPath(folder, 2), 8 * ((places[lost - 1]?.offset ?? 0) + 30));
      const gap = `sequence ${String(lost + 1)} follows ${String(lost - 1)}`;
      const told = `1 entry, sequence ${String(lost)}`;
      const damaged = await runCommand(['dump', folder]);
      expect(damaged).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(gap) as unknown,
      });
      expect((await runCommand(['repair', folder, '--salvage'])).code).toBe(0);
      const [inspected, verified, json, dumped] = await Promise.all(
        [['inspect'], ['verify'], ['verify', '--json'], ['dump']].map(
          ([command = '', ...options]) => runCommand([command, folder, ...options]),
        ),
      );
      expect(inspected).toMatchObject({ code: 0, stderr: '' });
      expect(inspected?.stdout).toContain(`lost      ${told}\n`);
      expect(verified).toMatchObject({ code: 0, stderr: '' });
      expect(verified?.stdout).toContain(`clean end\nlost       ${told}\n`);
      expect(JSON.parse(json?.stdout ?? '')).toMatchObject({ damages: [], entriesLost: '1' });
      expect(dumped?.code).toBe(0);
      expect(dumped?.stderr).toMatch(new RegExp(`^uring-wal dump: note: .*: ${gap}\n$`));
    });
  });

  it('where only a file is missing, says that the loss is accepted, and accepts it', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      unlinkSync(segmentPath(folder, SEGMENTS));
      const { stdout } = await runCommand(['repair', folder, '--dry-run']);
      expect(linesOf(stdout)).toEqual([
        'found  wal_00000004.log: the file is missing',
        'would  accept the loss: there is nothing to cut',
      ]);
      const done = await runCommand(['repair', folder]);
      expect(done).toMatchObject({ code: 0, stderr: '' });
      expect(linesOf(done.stdout)[1]).toBe('accepted  the loss: there was nothing to cut');
      expect((await runCommand(['verify', folder])).code).toBe(0);
    });
  });

  it('of a file: what is cut is kept beside it', async () => {
    await inFolder(async (folder) => {
      const log = join(folder, 'log');
      const lines = Array.from({ length: 9 }, () => '{"key":"k","value":"v"}').join('\n');
      await runCommand(['append', log], lines);
      flipBitIn(log, 70 * 8);
      const damaged = readFileSync(log);
      const dryRun = await runCommand(['repair', log, '--dry-run']);
      expect(dryRun).toMatchObject({ code: 2 });
      expect(dryRun.stdout).toContain('kept in log.discarded-62');
      expect(readFileSync(log)).toEqual(damaged);
      const repaired = await runCommand(['repair', log]);
      expect(repaired.code).toBe(0);
      expect(readFileSync(`${log}.discarded-62`)).toEqual(damaged.subarray(62));
      expect((await runCommand(['verify', log])).code).toBe(0);
      expect((await runCommand(['repair', log])).stdout).toContain('nothing to repair');
      expect((await runCommand(['repair', log, '--salvage'])).code).toBe(64);
    });
  });

  it('keeps a copy of a torn tail as well, of a directory and of a file', async () => {
    await inFolder(async (folder) => {
      const directory = join(folder, 'log');
      await makeLog(directory);
      const log = join(folder, 'single');
      await runCommand(['append', log], '{"key":"k","value":"v"}\n');
      for (const [target, path] of [
        [directory, segmentPath(directory, SEGMENTS)],
        [log, log],
      ] as const) {
        const good = readFileSync(path);
        writeFileSync(path, 'half a record', { flag: 'a' });
        const copy = `${path}.discarded-${String(good.length)}`;
        const dryRun = await runCommand(['repair', target, '--dry-run']);
        expect(dryRun.stdout).toContain(`13 bytes, kept in ${basename(copy)}`);
        expect(existsSync(copy)).toBe(false);
        const repaired = json(await runCommand(['repair', target, '--json']));
        expect(repaired).toMatchObject({ kept: [copy], bytesDiscarded: 13 });
        expect(readFileSync(copy, 'utf8')).toBe('half a record');
        expect(readFileSync(path)).toEqual(good);
        expect((await runCommand(['repair', target])).stdout).toContain('nothing to repair');
        // No copy is overwritten.
        writeFileSync(path, 'other', { flag: 'a' });
        const again = json(await runCommand(['repair', target, '--json']));
        expect(again).toMatchObject({ kept: [`${copy}-1`] });
        expect(readFileSync(copy, 'utf8')).toBe('half a record');
      }
    });
  });

  it('creates nothing', async () => {
    await inFolder(async (folder) => {
      expect((await runCommand(['repair', join(folder, 'none')])).code).toBe(74);
      mkdirSync(join(folder, 'empty'));
      expect((await runCommand(['repair', join(folder, 'empty')])).code).toBe(66);
      expect(readdirSync(folder)).toEqual(['empty']);
      expect(readdirSync(join(folder, 'empty'))).toEqual([]);
    });
  });
});

describe('truncate', () => {
  it('--before removes whole segments, --after drops the end', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      const before = json(await runCommand(['truncate', folder, '--before', '120', '--json']));
      expect(before).toEqual({ removed: [1, 2], stopped: null });
      const after = json(await runCommand(['truncate', folder, '--after', '150', '--json']));
      expect(after).toEqual({ lastSequence: '150' });
      const dumped = linesOf((await runCommand(['dump', folder])).stdout);
      expect(dumped[0]).toContain('"segment":3');
      expect(dumped.at(-1)).toContain('"sequence":"150"');
      const beyond = await runCommand(['truncate', folder, '--after', '151']);
      expect(beyond.code).toBe(64);
      expect(beyond.stderr).toContain('the log ends at 150');
      const typo = await runCommand(['truncate', folder, '--before', '152']);
      expect(typo.code).toBe(64);
      expect(typo.stderr).toContain('sequence 152: the log ends at 150');
      expect(linesOf((await runCommand(['dump', folder])).stdout)).toEqual(dumped);
      const all = json(await runCommand(['truncate', folder, '--before', '151', '--json']));
      expect(all).toMatchObject({ stopped: null });
      const none = await runCommand(['truncate', folder, '--before', '0']);
      expect(none).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing removed') });
    });
  });

  it('of a damaged log: 2, and nothing is changed', async () => {
    await inFolder(async (folder) => {
      await makeLog(folder);
      unlinkSync(segmentPath(folder, 2));
      const names = readdirSync(folder);
      const { code, stderr } = await runCommand(['truncate', folder, '--before', '100']);
      expect(code).toBe(2);
      expect(stderr).toContain('ERR_WAL_CORRUPT');
      expect(readdirSync(folder)).toEqual(names);
    });
  });
});

describe('beside a live writer', () => {
  it('inspect and verify find nothing wrong, repair and truncate are refused', async () => {
    await inFolder(async (folder) => {
      const writer = start(DIRECTORY_WRITER_PATH, [folder, 'forever']);
      const end = finished(writer);
      await once(writer.stdout, 'data');
      for (let look = 0; look < 3; look++) {
        const inspected = await runCommand(['inspect', folder]);
        expect(inspected).toMatchObject({ code: 0, stderr: '' });
        expect(inspected.stdout).toContain(`lock      held by process ${String(writer.pid)}`);
        expect(await runCommand(['verify', folder])).toMatchObject({ code: 0, stderr: '' });
        expect((await runCommand(['dump', folder])).stderr).not.toContain('follows');
      }
      for (const args of [
        ['repair', folder],
        ['truncate', folder, '--before', '5'],
      ]) {
        const { code, stderr } = await runCommand(args);
        expect(code).toBe(74);
        expect(stderr).toContain('ERR_WAL_LOCKED');
      }
      const dryRun = await runCommand(['repair', folder, '--dry-run']);
      expect(dryRun.stdout).toContain('would be refused now');
      writer.stdin.end();
      expect((await end).code).toBe(0);
    });
  });
});
