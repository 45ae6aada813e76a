// The simulator is worth what its disk is worth: the same script of raw driver operations, on the
// simulated driver and on a real one, tells the same and leaves the same bytes. Where the kernel
// cuts a write short (a file size limit, a full file system), the simulator is asked whether it can
// do just that: its faults are choices, and one of them must lead there.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, expect } from 'vitest';

import type { IoDriver } from '../lib/io/driver.js';
import { selectDriver } from '../lib/io/select.js';
import { Choices, LANES } from '../sim/choices.js';
import { SimDriver } from '../sim/driver.js';
import { SimEnvironment } from '../sim/environment.js';
import { pump } from '../sim/pump.js';
import { inDirectory, KERNEL_DRIVERS, refusal } from './harness/kernel.js';
import type { KernelDriver } from './harness/kernel.js';
import { property } from './harness/property.js';
import { onSectors, scripts, type ScriptStep } from './script-steps.js';
import { type BeforeStep, type Outcome, runScript } from './scripts.js';

const SECTOR_BYTES = 512;
const DIRECTORY = '/kernel';
const EXTENT = LANES.indexOf('extent');
const ORDER = LANES.indexOf('order');

/** Scripts, a file opened past the page cache or through it, and an order of completions. */
const cases = fc.record(
  { script: scripts, direct: fc.boolean(), order: fc.array(fc.nat(7), { maxLength: 60 }) },
  { noNullPrototype: true },
);

interface Case {
  readonly script: readonly ScriptStep[];
  readonly direct: boolean;
  readonly order: readonly number[];
}

const NOT_WHEN_FULL = ['together', 'reopen', 'remove'];
/** More than any of the small file systems holds. */
const TOO_MUCH_BYTES = 2 * 1024 * 1024;
const DONE = ['write', 'read', 'truncate', 'allocate', 'sync', 'together', 'reopen', 'remove'];

for (const name of KERNEL_DRIVERS) {
  property({
    name: `simulator-equals-${name}`,
    says: `a script of driver operations tells the same on the simulator and over ${name}`,
    level: 'kernel',
    cases,
    runs: 250,
    reach: [
      ...DONE,
      'direct',
      'buffered',
      'unlinked sync',
      'EEXIST',
      'EBADF',
      'EINVAL',
      'ENOENT',
      'overtaking in the simulator',
    ],
    skip: async () => (await refusal(name)) ?? (await otherUnit(name)),
    check: ({ script, direct, order }, mark) =>
      withKernel(name, undefined, async (driver, directory) => {
        // How often depends on the disk: told in the figures, not demanded.
        const onOvertaking = (): void => mark('overtaking on the kernel');
        const kernel = await runScript(driver, directory, script, { direct, onOvertaking });
        const simulated = await simulate({ script, direct, order }, undefined, undefined, () =>
          mark('overtaking in the simulator'),
        );
        markSteps(script, kernel, direct, mark);
        expect(simulated).toEqual(kernel);
      }),
  });

  property({
    name: `simulator-equals-${name}-under-a-limit`,
    says: `short writes and EFBIG over ${name}, by a file size limit, are choices of the simulator`,
    level: 'kernel',
    cases: fc.tuple(cases, fc.integer({ min: 1, max: 60 })),
    runs: 100,
    reach: ['short', 'EFBIG'],
    skip: async () => (await refusal(name)) ?? (await otherUnit(name)) ?? cannotLimit(),
    check: ([one, sectors], mark) =>
      withKernel(name, undefined, async (driver, directory) => {
        const limit = sectors * SECTOR_BYTES;
        const script = onSectors(one.script).filter((step) => staysWithin(step, limit));
        const before: BeforeStep = (_step, index) => {
          if (index === 0) limitFileSize(limit);
        };
        let kernel: Outcome;
        try {
          kernel = await runScript(driver, directory, script, { direct: one.direct, before });
        } finally {
          limitFileSize('unlimited');
        }
        markShort(script, kernel, mark);
        expect(await simulate({ ...one, script }, kernel, 'EFBIG')).toEqual(kernel);
      }),
  });

  for (const kind of ['tmpfs', 'ext4'] as const) {
    property({
      name: `simulator-equals-${name}-on-a-full-${kind}`,
      says: `short writes and ENOSPC over ${name}, on a full ${kind}, are choices of the simulator`,
      level: 'kernel',
      cases,
      runs: 100,
      reach: ['ENOSPC', 'ENOSPC of an allocation'],
      skip: async () => (await refusal(name)) ?? mountSmall(kind),
      check: (one, mark) =>
        withKernel(name, mounts.get(kind)?.point, async (driver, directory) => {
          // Of several at once, whatever fits.
          const script = one.script
            .filter(({ do: what }) => !NOT_WHEN_FULL.includes(what))
            .map((step) => (step.do === 'read' ? { ...step, past: false } : step))
            .map((step) => (step.do === 'allocate' ? { ...step, length: TOO_MUCH_BYTES } : step));
          fillUp(kind);
          const kernel = await runScript(driver, directory, script, { direct: false, dense: true });
          markShort(script, kernel, mark);
          expect(await simulate({ ...one, script, direct: false }, kernel, 'ENOSPC')).toEqual(
            kernel,
          );
        }),
    });
  }
}

/** Runs a script on the simulator; where the kernel fell short, the world is short of space. */
async function simulate(
  one: Case,
  kernel?: Outcome,
  errno = 'ENOSPC',
  onOvertaking: () => void = () => undefined,
): Promise<Outcome> {
  const lists: number[][] = LANES.map(() => []);
  lists[ORDER]?.push(...one.order);
  const extents = lists[EXTENT] ?? [];
  const fileSystem = { profile: 'ext4', direct: true, honoursDsync: true } as const;
  const environment = new SimEnvironment(Choices.fromLists(lists), fileSystem, new Set());
  const driver = new SimDriver(environment);
  pump(driver);
  await driver.makeDirectory(DIRECTORY);
  const before: BeforeStep = (step, index, { size, isDirect }) => {
    environment.shortage = undefined;
    const told = kernel?.told[index];
    if (step.do === 'allocate' && told === errno) {
      environment.shortage = { errno, untilStep: Number.POSITIVE_INFINITY };
    }
    if (step.do !== 'write' || step.position + step.length <= size) return;
    const isShort = typeof told === 'number' && told < step.length;
    if (!isShort && told !== errno) return;
    environment.shortage = { errno, untilStep: Number.POSITIVE_INFINITY };
    const unit = isDirect ? SECTOR_BYTES : 1;
    if (step.length > unit) extents.push(typeof told === 'number' ? told / unit : 0);
    // Whether a failed dsync write can prove that it was the write half: drawn as well.
    if (told === errno && step.dsync) extents.push(0);
  };
  const dense = errno === 'ENOSPC' && kernel !== undefined;
  const options = { direct: one.direct, dense, before, onOvertaking };
  const outcome = await runScript(driver, DIRECTORY, one.script, options);
  await driver.close();
  return outcome;
}

/** Why scripts that go past the page cache cannot be compared in this directory, or undefined. */
async function otherUnit(name: KernelDriver): Promise<string | undefined> {
  let unit: number | undefined;
  await withKernel(name, undefined, async (driver, directory) => {
    const options = { access: 'write', create: 'exclusive', direct: false, mode: 0o600 } as const;
    const file = await driver.open(join(directory, 'file'), options);
    unit = file.pastCache?.unit;
    await file.close();
  });
  if (unit === SECTOR_BYTES) return undefined;
  const here = unit === undefined ? 'nothing' : `${String(unit)} bytes at a time`;
  return `past the page cache ${tmpdir()} moves ${here}, and the simulated disk ${SECTOR_BYTES}`;
}

/** Gives a real driver and an empty directory. */
async function withKernel(
  name: KernelDriver,
  under: string | undefined,
  use: (driver: IoDriver, directory: string) => Promise<void>,
): Promise<void> {
  const run = async (directory: string): Promise<void> => {
    const { driver } = selectDriver(name, { ringSize: 8 });
    try {
      await use(driver, directory);
    } finally {
      await driver.close();
    }
  };
  if (under === undefined) {
    await inDirectory(run);
    return;
  }
  const directory = mkdtempSync(join(under, 'script-'));
  try {
    await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function markSteps(
  script: readonly ScriptStep[],
  outcome: Outcome,
  direct: boolean,
  mark: (state: string) => void,
): void {
  mark(direct ? 'direct' : 'buffered');
  script.forEach((step, index) => {
    const told = outcome.told[index];
    if (typeof told === 'string' && /^E[A-Z]+$|^misuse$/.test(told)) mark(told);
    else if (told !== 'no file') mark(step.do);
    if (step.do === 'remove' && String(told) === 'done,4096,done') mark('unlinked sync');
  });
}

function markShort(
  script: readonly ScriptStep[],
  outcome: Outcome,
  mark: (state: string) => void,
): void {
  script.forEach((step, index) => {
    const told = outcome.told[index];
    if (told === 'EFBIG' || told === 'ENOSPC') mark(told);
    if (told === 'ENOSPC' && step.do === 'allocate') mark('ENOSPC of an allocation');
    if (step.do === 'write' && typeof told === 'number' && told < step.length) mark('short');
  });
}

/** Only writes meet the limit here: the simulator has no such limit on sizes and allocations. */
function staysWithin(step: ScriptStep, limit: number): boolean {
  switch (step.do) {
    case 'truncate':
      return step.size <= limit;
    case 'allocate':
      return step.position + step.length <= limit;
    case 'together':
      return step.blocks.every((block) => (block + 1) * 4096 <= limit);
    case 'remove':
      return false;
    default:
      return true;
  }
}

function limitFileSize(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${String(bytes)}:`]);
}

function cannotLimit(): string | undefined {
  try {
    limitFileSize('unlimited');
    return undefined;
  } catch (error) {
    return `file sizes cannot be limited here: ${firstLine(error)}`;
  }
}

const TMPFS_BYTES = 64 * 1024;
const EXT4_BYTES = 1024 * 1024;
/** What is left on a full file system. */
const ROOM_BYTES = 10_000;
const mounts = new Map<'tmpfs' | 'ext4', { directory: string; point: string }>();

/** Mounts a small file system once; returns why that cannot be done here. */
function mountSmall(kind: 'tmpfs' | 'ext4'): string | undefined {
  if (mounts.has(kind)) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'uring-wal-'));
  const point = join(directory, 'mounted');
  mkdirSync(point);
  try {
    if (kind === 'tmpfs') {
      run('mount', ['-t', 'tmpfs', '-o', `size=${String(TMPFS_BYTES)}`, 'tmpfs', point]);
    } else {
      const image = join(directory, 'image');
      writeFileSync(image, '');
      truncateSync(image, EXT4_BYTES);
      run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
      run('mount', ['-o', 'loop', image, point]);
    }
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    return `cannot mount a small ${kind} here: ${firstLine(error)}`;
  }
  mounts.set(kind, { directory, point });
  return undefined;
}

/** Leaves room for a few blocks only. */
function fillUp(kind: 'tmpfs' | 'ext4'): void {
  const point = mounts.get(kind)?.point ?? '';
  const free = Number(run('stat', ['-f', '-c', '%a', point])) * blockBytes(point);
  const ballast = join(point, 'ballast');
  rmSync(ballast, { force: true });
  writeFileSync(ballast, Buffer.alloc(Math.max(0, free - ROOM_BYTES), 1));
}

function blockBytes(point: string): number {
  return Number(run('stat', ['-f', '-c', '%S', point]));
}

afterAll(() => {
  for (const { directory, point } of mounts.values()) {
    run('umount', ['-l', point]);
    rmSync(directory, { recursive: true, force: true });
  }
});

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { stdio: 'pipe' }).toString();
}

function firstLine(error: unknown): string {
  return String(error).split('\n')[0] ?? '';
}
