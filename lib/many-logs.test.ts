// A hundred logs in one process share one ring, and so need no more locked memory than a few.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { requireUring, ringDescriptors } from './io/test-uring.js';
import { appendAll, expectLog, freshDirectory } from './test-tools/logs.js';
import { samplePuts } from './test-tools/records.js';
import { UringWalWriter } from './writer.js';

const LOGS = 100;
/** A batch of 64 KiB each, and as much again for what else a log may register. */
const PINNED_KIB_MAX = LOGS * 128;

/** Memory of this process that is locked or pinned, in KiB: what the kernel charges it for. */
function pinnedKib(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return ['VmLck', 'VmPin'].reduce((sum, name) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (found === undefined) throw new Error(`/proc/self/status has no ${name}`);
    return sum + Number(found);
  }, 0);
}

test('a hundred logs: one ring, little locked memory, and none is left', async (context) => {
  requireUring(context);
  const directory = freshDirectory();
  const [rings, pinned] = [ringDescriptors(), pinnedKib()];
  const paths = Array.from({ length: LOGS }, (_, index) => join(directory, String(index)));
  const writers = await Promise.all(
    paths.map((path) => UringWalWriter.open(path, { driver: 'uring' })),
  );
  expect(ringDescriptors() - rings).toBe(1);
  const idle = pinnedKib() - pinned;

  const records = samplePuts(50, 1, 1000);
  const work = writers.map((writer) => appendAll(writer, records, { sync: true }));
  const busy = pinnedKib() - pinned;
  await Promise.all(work);
  const after = pinnedKib() - pinned;
  console.log(`pinned by ${String(LOGS)} logs: ${JSON.stringify({ idle, busy, after })} KiB`);
  expect(Math.max(idle, busy, after)).toBeLessThanOrEqual(PINNED_KIB_MAX);
  expect(ringDescriptors() - rings).toBe(1);

  await Promise.all(writers.map((writer) => writer.close()));
  for (const path of paths) expectLog(path, records);
  expect(ringDescriptors() - rings).toBe(0);
});
