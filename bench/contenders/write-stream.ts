// node:fs createWriteStream: what most applications append with. Its callback says that the bytes
// were handed to the kernel.

import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { AppendLog, Contender, OpenContext } from '../contender.js';
import { framed } from './framing.js';

export function writeStream(): Contender {
  return {
    openLog: async (task, context) => {
      if (task.durability === 'durable') throw new Error('createWriteStream has no sync');
      return open(context);
    },
  };
}

async function open(context: OpenContext): Promise<AppendLog> {
  const stream = fs.createWriteStream(join(context.directory, 'stream.log'));
  await once(stream, 'ready');
  return {
    append: (sequence, key, value) =>
      new Promise<void>((resolve, reject) => {
        stream.write(framed(sequence, key, value), (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    flush: () => {
      const fd = (stream as unknown as { fd: number }).fd;
      fs.fdatasyncSync(fd);
      return Promise.resolve();
    },
    close: async () => {
      stream.end();
      await once(stream, 'close');
    },
  };
}
