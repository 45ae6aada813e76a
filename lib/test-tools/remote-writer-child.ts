// The process behind remote-writer.ts: holds writers and does what its parent says.

import { WalError } from '../errors.js';
import type { UringWalOptions } from '../options.js';
import { UringWalWriter } from '../writer.js';
import type { Reply, Request } from './remote-writer.js';
import { outcomesOf } from './outcomes.js';
import { openDescriptors } from './descriptors.js';
import { entryOf, samplePuts } from './records.js';

/** Who has no rights: `nobody` on most systems. */
const NOBODY = 65534;

let writer: UringWalWriter | undefined;

process.on('message', (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit());

async function answer(request: Request): Promise<Reply> {
  try {
    return { ok: true, value: await perform(request) };
  } catch (error) {
    return { ok: false, error: factsOf(error) };
  }
}

async function perform(request: Request): Promise<unknown> {
  switch (request.do) {
    case 'open':
      return open(request.path, request.options);
    case 'append': {
      const { first, count, valueBytes, sync } = request;
      const held = current();
      const appends = samplePuts(count, first, valueBytes).map((record) =>
        held.append(entryOf(record), { sync }),
      );
      const outcomes = await outcomesOf(appends);
      return outcomes.map((outcome) =>
        outcome.ok ? outcome : { ok: false, error: factsOf(outcome.error) },
      );
    }
    case 'flush':
      return current().flush();
    case 'close':
      return current().close();
    case 'stats':
      return current().stats();
    case 'dropRights':
      process.setgid?.(NOBODY);
      process.setuid?.(NOBODY);
      return undefined;
    case 'descriptors':
      return openDescriptors(request.directory);
  }
}

async function open(path: string, options: UringWalOptions): Promise<unknown> {
  writer = await UringWalWriter.open(path, options);
  const { driver, recovery } = writer;
  return { driver, recovery };
}

function current(): UringWalWriter {
  if (writer === undefined) throw new Error('no writer is open');
  return writer;
}

function factsOf(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message } = error;
  if (!(error instanceof WalError)) return { name, message };
  const { code, errno, offset, sequence, path } = error;
  return { name, message, code, errno, offset, sequence, path };
}

process.send?.({ ok: true, value: 'ready' } satisfies Reply);
