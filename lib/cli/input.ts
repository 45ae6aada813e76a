// Standard input as chunks, until it ends or a stop is asked for. What had been taken from the
// kernel by then is still handed out: those bytes exist nowhere else.

import type { Readable } from 'node:stream';

/** Chunks of `stdin`; destroys it at the end. Rejects with what reading fails with. */
export async function* readChunks(
  stdin: Readable,
  stop: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  let ended = false;
  let failure: Error | undefined;
  let wake = (): void => undefined;
  const onEnd = (): void => {
    ended = true;
    wake();
  };
  const onReadable = (): void => {
    wake();
  };
  stdin.on('end', onEnd);
  stdin.on('close', onEnd);
  stdin.on('readable', onReadable);
  stdin.on('error', (error) => {
    failure = error;
    wake();
  });
  stop.addEventListener('abort', onReadable);
  try {
    while (!stop.aborted) {
      const chunk = take(stdin);
      if (chunk !== undefined) {
        yield chunk;
        continue;
      }
      if (failure !== undefined) {
        throw new Error(`cannot read standard input: ${failure.message}`, { cause: failure });
      }
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    yield* takeAll(stdin);
  } finally {
    stop.removeEventListener('abort', onReadable);
    stdin.destroy();
  }
}

function take(stdin: Readable): Buffer | undefined {
  const chunk: unknown = stdin.read();
  return Buffer.isBuffer(chunk) ? chunk : undefined;
}

function takeAll(stdin: Readable): Buffer[] {
  const chunks: Buffer[] = [];
  for (let chunk = take(stdin); chunk !== undefined; chunk = take(stdin)) chunks.push(chunk);
  return chunks;
}
