// Small file systems of their own, for tests that fill one or make it read-only. They need the
// right to mount; without it the test is skipped with the reason.

import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

import type { TestContext } from 'vitest';
import { onTestFinished } from 'vitest';

import { freshDirectory } from './logs.js';

export const SMALL_FILE_SYSTEMS = ['tmpfs', 'ext4'] as const;

export type SmallFileSystem = (typeof SMALL_FILE_SYSTEMS)[number];

/** Mounts an empty one of about `bytes`; returns where. Unmounted with the test. */
export function mountSmall(context: TestContext, kind: SmallFileSystem, bytes: number): string {
  const directory = freshDirectory();
  const point = join(directory, 'mounted');
  mkdirSync(point);
  try {
    if (kind === 'tmpfs') {
      run('mount', ['-t', 'tmpfs', '-o', `size=${String(bytes)},mode=755`, 'tmpfs', point]);
    } else {
      const image = join(directory, 'image');
      const fd = openSync(image, 'w');
      ftruncateSync(fd, bytes);
      closeSync(fd);
      run('mkfs.ext4', ['-q', '-m', '0', image]);
      run('mount', ['-o', 'loop', image, point]);
    }
  } catch (error) {
    context.skip(`cannot mount a small ${kind} here: ${String(error).split('\n')[0] ?? ''}`);
  }
  onTestFinished(() => {
    // Lazily, so that a test that failed with open files does not leave the mount behind.
    run('umount', ['-l', point]);
  });
  return point;
}

/** Mounts an overlayfs that ignores syncs; returns where. Unmounted with the test. */
export function mountVolatile(context: TestContext): string {
  const below = mountSmall(context, 'tmpfs', 16 * 1024 * 1024);
  const [lower, upper, work, point] = ['lower', 'upper', 'work', 'mounted'].map((name) => {
    mkdirSync(join(below, name));
    return join(below, name);
  }) as [string, string, string, string];
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},volatile`;
  try {
    run('mount', ['-t', 'overlay', '-o', options, 'overlay', point]);
  } catch (error) {
    context.skip(`cannot mount an overlayfs here: ${String(error).split('\n')[0] ?? ''}`);
  }
  onTestFinished(() => {
    run('umount', ['-l', point]);
  });
  return point;
}

/** Makes a file system that {@link mountSmall} mounted read-only. */
export function makeReadOnly(point: string): void {
  run('mount', ['-o', 'remount,ro', point]);
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}
