// The doctor's look at the machine: kernel, io_uring, limits.

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errnoOf } from '../errors.js';
import { addonProblem } from '../io/addon.js';
import { createUringDriver } from '../io/uring.js';
import { KERNEL_NEEDED } from '../io/uring-reason.js';
import { describeError } from './report.js';
import type { Finding } from './doctor.js';

/** Buffers are registered with the ring up to about this, for a process without rights; bytes. */
const MEMLOCK_BYTES_ENOUGH = 8 * 1024 * 1024;
const SECCOMP_ADVICE =
  'in a container, allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp ' +
  'profile (docker run --security-opt seccomp=PROFILE.json)';

const MEMLOCK_ADVICE =
  'raise the limit of locked memory (ulimit -l, LimitMEMLOCK=, docker run --ulimit memlock=67108864)';

/** All findings about the machine. */
export function checkMachine(): Finding[] {
  const uring = uringProblem();
  return [
    checkKernel(),
    addonFinding(addonProblem()),
    checkUring(uring, readOrUndefined('/proc/sys/kernel/io_uring_disabled')),
    checkMemlock(readOrUndefined('/proc/self/limits'), process.getuid?.() === 0),
    checkDriver(uring),
  ];
}

function checkKernel(): Finding {
  const found = `${process.platform} ${release()}, Node.js ${process.versions.node}`;
  return kernelFinding(process.platform, release(), found);
}

/** Judges a kernel by its name and release. */
export function kernelFinding(platform: string, version: string, found: string): Finding {
  const name = 'kernel';
  if (platform !== 'linux') {
    const advice = 'io_uring is Linux only; the thread pool does the work';
    return { name, verdict: 'note', found, advice };
  }
  const numbers = (text: string): number[] => text.split('.').map((part) => parseInt(part, 10));
  const [major = 0, minor = 0] = numbers(version);
  const [neededMajor = 0, neededMinor = 0] = numbers(KERNEL_NEEDED);
  const isNew = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  if (isNew) return { name, verdict: 'ok', found };
  const advice = `io_uring needs Linux ${KERNEL_NEEDED} or later; the thread pool does the work`;
  return { name, verdict: 'note', found, advice };
}

/** Judges the addon; `problem` is why it is not there. */
export function addonFinding(problem: string | undefined): Finding {
  const name = 'addon';
  if (problem === undefined) return { name, verdict: 'ok', found: 'loaded' };
  return { name, verdict: 'note', found: problem, advice: addonAdvice(problem) };
}

function addonAdvice(problem: string): string {
  if (problem.includes('loading addons is disabled')) {
    return 'start node without --no-addons (look into NODE_OPTIONS, too), or do without io_uring';
  }
  if (problem.includes('is Linux only')) return 'none is needed: the thread pool does the work';
  if (/Cannot find a binary .*-[a-z]+$/.test(problem)) {
    return 'the package brings none for this system: the thread pool does the work';
  }
  if (problem.includes('failed to map segment')) {
    return 'keep node_modules on a file system that is not mounted noexec, or do without io_uring';
  }
  return 'install the package again, or run npm run build:native where it is built';
}

/** Why a ring cannot be had, or undefined. */
function uringProblem(): string | undefined {
  try {
    void createUringDriver().close();
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

/** Judges io_uring by what setting a ring up says, and by the sysctl. */
export function checkUring(problem: string | undefined, disabled: string | undefined): Finding {
  const name = 'io_uring';
  const isTold = disabled === undefined || problem?.includes('io_uring_disabled =') === true;
  const setting = isTold ? '' : ` (kernel.io_uring_disabled = ${disabled.trim()})`;
  if (problem === undefined) return { name, verdict: 'ok', found: `allowed${setting}` };
  // The finding on the addon has said why, and what to do.
  if (problem.includes('the native addon is not there')) {
    return { name, verdict: 'note', found: `not tried without the addon${setting}` };
  }
  const found = `${problem}${setting}`;
  return { name, verdict: 'note', found, advice: uringAdvice(problem) };
}

function uringAdvice(problem: string): string {
  if (problem.includes('io_uring_disabled = 2')) return 'sysctl kernel.io_uring_disabled=0';
  if (problem.includes('io_uring_disabled = 1')) {
    return `join kernel.io_uring_group, or sysctl kernel.io_uring_disabled=0; ${SECCOMP_ADVICE}`;
  }
  if (problem.includes('seccomp')) return SECCOMP_ADVICE;
  if (problem.includes('RLIMIT_MEMLOCK')) return MEMLOCK_ADVICE;
  return 'the thread pool does the same work, a little slower';
}

/** Judges the limit of locked memory; `limits` is what /proc/self/limits holds. */
export function checkMemlock(limits: string | undefined, isRoot: boolean): Finding {
  const name = 'memlock';
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits ?? '')?.[1];
  if (soft === undefined) return { name, verdict: 'note', found: 'the limit is not known' };
  const found = soft === 'unlimited' ? soft : `${Number(soft).toLocaleString('en')} bytes`;
  const isEnough = soft === 'unlimited' || Number(soft) >= MEMLOCK_BYTES_ENOUGH || isRoot;
  if (isEnough) return { name, verdict: 'ok', found };
  const advice =
    'with little, write buffers are not registered, and each write pins its pages: ' +
    MEMLOCK_ADVICE;
  return { name, verdict: 'note', found, advice };
}

function checkDriver(problem: string | undefined): Finding {
  const name = 'driver';
  if (problem === undefined) {
    return { name, verdict: 'ok', found: "uring: driver 'auto' takes it where it can be had" };
  }
  const found = "threadpool: driver 'auto' takes it, since io_uring cannot be had";
  return { name, verdict: 'note', found, advice: 'same bytes, same guarantees, fewer appends/s' };
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
