// Standard input: nothing that was taken from the kernel is lost when a stop comes.

import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readChunks } from './input.js';

describe('readChunks', () => {
  it('gives all of the input', async () => {
    const stdin = new PassThrough();
    stdin.write('a');
    setImmediate(() => stdin.end('b'));
    let text = '';
    for await (const chunk of readChunks(stdin, new AbortController().signal)) {
      text += chunk.toString();
    }
    expect(text).toBe('ab');
  });

  it('gives what is buffered when a stop comes, then ends', async () => {
    const stdin = new PassThrough();
    const abort = new AbortController();
    const reading = readChunks(stdin, abort.signal);
    stdin.write('first ');
    const first = await reading.next();
    stdin.write('second ');
    stdin.write('third');
    abort.abort();
    const rest: Buffer[] = [];
    for await (const chunk of reading) rest.push(chunk);
    expect(Buffer.concat([first.value ?? Buffer.alloc(0), ...rest]).toString()).toBe(
      'first second third',
    );
    expect(stdin.destroyed).toBe(true);
  });

  it('ends at a stop while it waits', async () => {
    const abort = new AbortController();
    const reading = readChunks(new PassThrough(), abort.signal).next();
    abort.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
  });

  it('rejects with what reading failed with', async () => {
    const stdin = new PassThrough();
    const reading = readChunks(stdin, new AbortController().signal).next();
    stdin.destroy(new Error('EISDIR: test'));
    await expect(reading).rejects.toThrow('cannot read standard input: EISDIR: test');
  });
});
