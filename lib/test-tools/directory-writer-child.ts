// A writer for tests, as a process of its own. Arguments: directory, and `forever` or a list of
// commands. `forever` appends until standard input ends; otherwise each line of standard input is a
// command: `put N` appends N entries, `cut SEQ` drops what is behind SEQ. It answers with the last
// sequence.

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Wal } from '../index.js';

const [directory = '', mode = ''] = process.argv.slice(2);
// Small segments, so that there are many; not so small for a writer that is in a hurry.
const maxFileSize = mode === 'forever' ? 256 * 1024 : 4096;
const wal = await Wal.open(directory, { maxFileSize, preallocateBytes: 4096 });
const answer = (): void => {
  process.stdout.write(`${String(wal.writtenSequence ?? 0n)}\n`);
};

if (mode === 'forever') {
  let isDone = false;
  process.stdin.resume();
  const ended = once(process.stdin, 'end').then(() => {
    isDone = true;
  });
  await wal.put('first', 'value');
  answer();
  while (!isDone) {
    await wal.put('key', 'x'.repeat(100), { sync: false });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
} else {
  // No entry is the same as one that was cut off.
  let puts = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, number = '0'] = line.split(' ');
    if (command === 'cut') await wal.truncateAfter(BigInt(number));
    for (let left = command === 'put' ? Number(number) : 0; left > 0; left--) {
      puts += 1;
      await wal.put(`key${String(puts)}`, 'x'.repeat(40));
    }
    answer();
  }
}
await wal.close();
