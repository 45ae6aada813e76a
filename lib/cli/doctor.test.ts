// `uring-wal doctor` and `uring-wal bench`: the judgements one by one, and the commands as children.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMAND_PATH, finished, inFolder, runCommand, start } from '../fixtures/command.js';
import { mountSmall, mountVolatile } from '../test-tools/file-systems.js';
import { withoutIoUring } from '../test-tools/launchers.js';
import type { Finding } from './doctor.js';
import {
  fileSystemFinding,
  latencyFinding,
  spaceFinding,
  writeCacheFinding,
} from './doctor-directory.js';
import { addonFinding, checkMemlock, checkUring, kernelFinding } from './doctor-machine.js';
import { deviceNumbers, fileSystemOf, lookUpWriteCache } from './file-system.js';

interface Report {
  readonly isUsable: boolean;
  readonly findings: readonly Finding[];
}

function findingOf(report: string, name: string): Finding | undefined {
  return (JSON.parse(report) as Report).findings.find((each) => each.name === name);
}

/** Resolves when something is made in a directory. */
function changeOf(directory: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(directory, () => {
      watcher.close();
      resolve();
    });
  });
}

describe('the doctor judges', () => {
  it.each([
    ['linux', '6.1.0', 'ok'],
    ['linux', '5.6.0-generic', 'ok'],
    ['linux', '5.5.19', 'note'],
    ['linux', '4.18.0', 'note'],
    ['darwin', '23.1.0', 'note'],
  ])('kernel %s %s: %s', (platform, version, verdict) => {
    expect(kernelFinding(platform, version, '')).toMatchObject({ verdict });
  });

  it.each([
    [undefined, 'ok', undefined],
    ['kernel.io_uring_disabled = 2 forbids it', 'note', /^sysctl/],
    ['a seccomp filter forbids it, or kernel.io_uring_disabled = 1 does', 'note', /group.*seccomp/],
    ["a seccomp filter forbids it, as Docker's default profile does", 'note', /--security-opt/],
    ['no memory for a ring; raise RLIMIT_MEMLOCK', 'note', /^raise the limit .*ulimit -l/],
    ['the kernel has none', 'note', /thread pool/],
    ['ERR_WAL_DRIVER: the native addon is not there: reasons', 'note', undefined],
  ])('io_uring: %s', (problem, verdict, advice) => {
    const finding = checkUring(problem, '0\n');
    expect(finding.verdict).toBe(verdict);
    expect(finding.found.match(/io_uring_disabled =/g)).toHaveLength(1);
    if (advice === undefined) expect(finding.advice).toBeUndefined();
    else expect(finding.advice).toMatch(advice);
  });

  it.each([
    [undefined, 'ok', undefined],
    ['Cannot load native addon because loading addons is disabled.', 'note', /--no-addons/],
    ['io_uring is Linux only; this is darwin', 'note', /thread pool/],
    ['Cannot find a binary for linux-riscv64-glibc', 'note', /thread pool/],
    ['Cannot find a binary for linux-x64-musl, though the package brings one', 'note', /again/],
    ['uring_wal.node: failed to map segment from shared object', 'note', /noexec/],
    ["'uring_wal.node' is not whole", 'note', /install the package again/],
  ])('addon: %s', (problem, verdict, advice) => {
    const finding = addonFinding(problem);
    expect(finding.verdict).toBe(verdict);
    if (advice === undefined) expect(finding.advice).toBeUndefined();
    else expect(finding.advice).toMatch(advice);
  });

  it.each([
    ['Max locked memory         65536                65536                bytes', false, 'note'],
    ['Max locked memory         65536                65536                bytes', true, 'ok'],
    ['Max locked memory         8388608              8388608              bytes', false, 'ok'],
    ['Max locked memory         unlimited            unlimited            bytes', false, 'ok'],
    [undefined, false, 'note'],
  ])('memlock %s, root %s: %s', (limits, isRoot, verdict) => {
    expect(checkMemlock(limits, isRoot).verdict).toBe(verdict);
  });

  it.each([
    [0xef53, 'ext4', 'ok'],
    [0x58465342, 'xfs', 'ok'],
    [-0x6edc97c2, 'btrfs', 'ok'],
    [0x01021994, 'tmpfs', 'problem'],
    [0x794c7630, 'overlayfs', 'note'],
    [0x6969, 'nfs', 'problem'],
    [-0xacb2be, 'cifs', 'problem'],
    [0x01021997, '9p', 'problem'],
    [0x65735546, 'fuse', 'note'],
    [0x1234, '0x1234', 'note'],
  ])('file system %i: %s is %s', (magic, name, verdict) => {
    const finding = fileSystemFinding(fileSystemOf(magic));
    expect(finding).toMatchObject({ found: name, verdict });
    expect(finding.advice === undefined).toBe(verdict === 'ok');
  });

  it.each([
    [0.005, 'note'],
    [0.3, 'ok'],
    [19, 'ok'],
    [21, 'note'],
  ])('a durable append of %f ms: %s', (p50Ms, verdict) => {
    expect(latencyFinding('sync', p50Ms, p50Ms * 2).verdict).toBe(verdict);
  });

  it('room and write cache', () => {
    expect(spaceFinding(1e12).verdict).toBe('ok');
    expect(spaceFinding(1e6)).toMatchObject({ verdict: 'note', found: '1 MB' });
    expect(writeCacheFinding(undefined).verdict).toBe('note');
    expect(writeCacheFinding({ device: 'sda', cache: 'write back' }).found).toContain('flushes');
  });

  it('finds the disk of a partition by its device number', async () => {
    expect(deviceNumbers(0x801n)).toBe('8:1');
    expect(deviceNumbers(0x1000_0120_03f5n)).toBe('4099:4853');
    await inFolder(async (folder) => {
      const disk = join(folder, 'devices', 'sdx');
      mkdirSync(join(disk, 'sdx1'), { recursive: true });
      mkdirSync(join(disk, 'queue'));
      writeFileSync(join(disk, 'queue', 'write_cache'), 'write through\n');
      mkdirSync(join(folder, 'dev', 'block'), { recursive: true });
      const { dev } = statSync(folder, { bigint: true });
      symlinkSync(join(disk, 'sdx1'), join(folder, 'dev', 'block', deviceNumbers(dev)));
      expect(await lookUpWriteCache(folder, folder)).toEqual({
        device: 'sdx',
        cache: 'write through',
      });
      expect(await lookUpWriteCache(folder, join(folder, 'nothing'))).toBeUndefined();
    });
  });
});

describe('uring-wal doctor', () => {
  it('reports on a directory, and leaves nothing behind', async () => {
    await inFolder(async (folder) => {
      const { code, stdout, stderr } = await runCommand(['doctor', folder, '--json']);
      expect(stderr).toBe('');
      const report = JSON.parse(stdout) as Report;
      expect(code).toBe(report.isUsable ? 0 : 1);
      expect(report.findings.map(({ name }) => name)).toEqual([
        ...['kernel', 'addon', 'io_uring', 'memlock', 'driver'],
        ...['file system', 'free space', 'write cache', 'O_DIRECT'],
        ...['sync, uring', 'sync, threadpool'],
      ]);
      expect(findingOf(stdout, 'sync, threadpool')?.found).toMatch(/\d µs \(p50\), .*\(p99\)/);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('says as text what to do', async () => {
    await inFolder(async (folder) => {
      const { stdout } = await runCommand(['doctor', folder]);
      expect(stdout).toMatch(/^ok {7}kernel {12}linux/m);
    });
  });

  it('a directory that is not there is a problem', async () => {
    await inFolder(async (folder) => {
      const { code, stdout } = await runCommand(['doctor', join(folder, 'none')]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^problem {2}directory +.*ENOENT/m);
    });
  });

  it('so is a file, of which nothing else is told', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'file');
      writeFileSync(file, '');
      const { code, stdout } = await runCommand(['doctor', file]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^problem {2}directory +it is a file; a directory is wanted: /m);
      expect(stdout).not.toContain('free space');
    });
  });

  it('Ctrl-C ends it with 130, and cleans up', async () => {
    await inFolder(async (folder) => {
      // It is quick: on some tries the signal comes too late.
      let code: number | null = null;
      for (let tries = 0; code !== 130 && tries < 50; tries++) {
        const change = changeOf(folder);
        const child = start(COMMAND_PATH, ['doctor', folder]);
        const end = finished(child);
        await change;
        child.kill('SIGINT');
        ({ code } = await end);
        expect(readdirSync(folder)).toEqual([]);
      }
      expect(code).toBe(130);
    });
  });

  it('so is one that nobody may write in', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can start a child as another user');
    await inFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const { code, stdout } = await runCommand(['doctor', folder], '', { uid: 65534 });
      expect(code).toBe(1);
      expect(stdout).toMatch(/^problem {2}directory +this user may not write there: .*EACCES/m);
    });
  });

  it('so is memory that looks like a disk', async (context) => {
    const directory = mountSmall(context, 'tmpfs', 16 * 1024 * 1024);
    const { code, stdout } = await runCommand(['doctor', directory, '--json']);
    expect(code).toBe(1);
    expect(findingOf(stdout, 'file system')).toMatchObject({ verdict: 'problem', found: 'tmpfs' });
    expect(findingOf(stdout, 'free space')).toMatchObject({ verdict: 'note' });
  });

  it('so is an overlayfs that ignores syncs', async (context) => {
    const directory = mountVolatile(context);
    const { code, stdout } = await runCommand(['doctor', directory, '--json']);
    expect(code).toBe(1);
    expect(findingOf(stdout, 'file system')).toEqual({
      name: 'file system',
      verdict: 'problem',
      found: 'overlayfs',
      advice: 'mounted volatile: a sync does nothing here; use a volume',
    });
  });

  it('says once that addons are forbidden, and by what', async () => {
    await inFolder((folder) => {
      const command = ['--no-addons', COMMAND_PATH, 'doctor', folder, '--json'];
      const { stdout } = spawnSync(process.execPath, command, { encoding: 'utf8' });
      expect(findingOf(stdout, 'addon')).toMatchObject({ verdict: 'note' });
      expect(findingOf(stdout, 'addon')?.advice).toContain('--no-addons');
      expect(findingOf(stdout, 'io_uring')?.found).toContain('not tried without the addon');
      expect(stdout.match(/loading addons is disabled/g)).toHaveLength(1);
    });
  });

  it('where io_uring is forbidden, the thread pool is taken, and it says why', async () => {
    await inFolder((folder) => {
      const [program, ...args] = withoutIoUring('EPERM');
      const command = [...args, process.execPath, COMMAND_PATH, 'doctor', folder, '--json'];
      const { status, stdout } = spawnSync(program, command, { encoding: 'utf8' });
      expect(status).toBe((JSON.parse(stdout) as Report).isUsable ? 0 : 1);
      expect(findingOf(stdout, 'io_uring')).toMatchObject({
        verdict: 'note',
        found: expect.stringContaining('EPERM'),
      });
      expect(findingOf(stdout, 'driver')?.found).toContain('threadpool');
      expect(findingOf(stdout, 'sync, uring')?.found).toContain('not measured');
    });
  });
});

describe('uring-wal bench', () => {
  it('measures, and leaves nothing behind', async () => {
    await inFolder(async (folder) => {
      const args = ['bench', folder, '--seconds', '0.05', '--json'];
      const { code, stdout, stderr } = await runCommand(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { rows } = JSON.parse(stdout) as { rows: { name: string; records: number }[] };
      expect(rows.map(({ name }) => name)).toEqual([
        ...['durable, 1 caller', 'durable, 64 callers', 'durable, 1024 callers'],
        ...['written, 1024 callers', 'replay'],
      ]);
      for (const { records } of rows) expect(records).toBeGreaterThan(0);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('prints a table', async () => {
    await inFolder(async (folder) => {
      const { stdout } = await runCommand(['bench', folder, '--seconds', '0.05']);
      expect(stdout).toMatch(/^ +driver +records\/s +MB\/s +p50 µs/m);
      expect(stdout).toMatch(/^replay +(uring|threadpool) +[\d,]+ +[\d.]+ +- +- +-$/m);
    });
  });

  it('Ctrl-C ends it with 130, and cleans up', async () => {
    await inFolder(async (folder) => {
      const change = changeOf(folder);
      const child = start(COMMAND_PATH, ['bench', folder, '--seconds', '60']);
      const end = finished(child);
      await change;
      child.kill('SIGINT');
      expect((await end).code).toBe(130);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('a directory that is not there: 74', async () => {
    const { code, stderr } = await runCommand(['bench', '/nonexistent']);
    expect(code).toBe(74);
    expect(stderr).toContain('ENOENT');
  });

  it('a disk that is nearly full: no figures, 74', async (context) => {
    const directory = mountSmall(context, 'tmpfs', 2 * 1024 * 1024);
    const { code, stdout, stderr } = await runCommand(['bench', directory, '--seconds', '0.05']);
    expect({ code, stdout }).toEqual({ code: 74, stdout: '' });
    expect(stderr).toMatch(/there is too little room to measure in: '.*' \(ENOSPC\)/);
  });
});
