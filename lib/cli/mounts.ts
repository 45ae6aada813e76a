// What a mount was told about syncs: /proc/self/mountinfo, see proc_pid_mountinfo(5).

import { readFile, realpath } from 'node:fs/promises';
import { errnoOf } from '../errors.js';

/** Options of a mount under which a sync is no promise any more, and what to do about each. */
const FAITHLESS_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['volatile', 'mounted volatile: a sync does nothing here; use a volume'],
  ['fsync=volatile', 'mounted volatile: a sync does nothing here; use a volume'],
  ['nobarrier', 'mounted nobarrier: a sync leaves the write cache alone; mount it with barriers'],
  ['barrier=0', 'mounted nobarrier: a sync leaves the write cache alone; mount it with barriers'],
  [
    'barrier=none',
    'mounted nobarrier: a sync leaves the write cache alone; mount it with barriers',
  ],
]);

/** Why a sync at `path` is no promise, by the options of its mount, in words; or undefined. */
export async function lookUpFaithlessMount(path: string): Promise<string | undefined> {
  try {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    return faithlessMount(mounts, await realpath(path));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** The same of an absolute path without symbolic links; `mounts` is what mountinfo holds. */
export function faithlessMount(mounts: string, path: string): string | undefined {
  let best: { readonly point: string; readonly options: string } | undefined;
  for (const line of mounts.split('\n')) {
    const mount = parseMount(line);
    if (mount === undefined || !isBelow(path, mount.point)) continue;
    // Of two at one place the later one hides the earlier.
    if (best === undefined || mount.point.length >= best.point.length) best = mount;
  }
  for (const option of best?.options.split(',') ?? []) {
    const told = FAITHLESS_OPTIONS.get(option);
    if (told !== undefined) return told;
  }
  return undefined;
}

function parseMount(line: string): { point: string; options: string } | undefined {
  const [mount, superBlock] = line.split(' - ', 2);
  const point = mount?.split(' ')[4];
  const options = superBlock?.split(' ')[2];
  if (point === undefined || options === undefined) return undefined;
  return { point: unescape(point), options };
}

/** Blanks and backslashes stand there as octal numbers. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 8)),
  );
}

function isBelow(path: string, point: string): boolean {
  return path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`);
}
