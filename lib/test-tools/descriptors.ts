// What this process has open.

import { readdirSync, readlinkSync } from 'node:fs';

/** What the descriptors of this process stand for, as far as it lies under `directory`. */
export function openDescriptors(directory: string): string[] {
  const targets: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (target === directory || target.startsWith(`${directory}/`)) targets.push(target);
    } catch {
      // The descriptor that listed the directory is closed by now.
    }
  }
  return targets;
}
