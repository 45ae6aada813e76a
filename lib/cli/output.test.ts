// Output: order, back-pressure, and the difference between a closed pipe and a failure.

import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output } from './output.js';

/** A stream whose writes finish when the test says so. */
class SlowStream extends Writable {
  readonly taken: string[] = [];
  #finish: ((error?: Error) => void) | undefined;

  override _write(chunk: Buffer, _: string, callback: (error?: Error) => void): void {
    this.taken.push(chunk.toString());
    this.#finish = callback;
  }

  /** Finishes the write in flight. */
  release(error?: Error): void {
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.(error);
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: test`), { code });
}

async function tick(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Output', () => {
  it('writes what a tick gave at its end, in one piece', async () => {
    const stream = new SlowStream();
    const output = new Output(stream);
    output.write('a\n');
    output.write('b\n');
    expect(stream.taken).toEqual([]);
    await tick();
    expect(stream.taken).toEqual(['a\nb\n']);
    const done = output.finish();
    stream.release();
    expect(await done).toEqual({ kind: 'open' });
  });

  it('finishes only when everything is out', async () => {
    const stream = new SlowStream();
    const output = new Output(stream);
    let isDone = false;
    output.write('a');
    const done = output.finish().then(() => (isDone = true));
    await tick();
    expect(isDone).toBe(false);
    stream.release();
    await done;
    expect(stream.taken).toEqual(['a']);
  });

  it('asks to wait while the stream holds too much, and wakes when it has room', async () => {
    const stream = new SlowStream();
    const output = new Output(stream);
    expect(output.backlogged).toBe(false);
    await output.drained();
    output.write('x'.repeat(2 * 1024 * 1024));
    expect(output.backlogged).toBe(true);
    let isDrained = false;
    const drained = output.drained().then(() => (isDrained = true));
    await tick();
    expect(isDrained).toBe(false);
    stream.release();
    await drained;
  });

  it.each([
    ['EPIPE', 'closed'],
    ['ENOSPC', 'failed'],
  ])('tells %s as %s, once, and drops the rest', async (code, kind) => {
    const stream = new SlowStream();
    let stops = 0;
    const output = new Output(stream, () => (stops += 1));
    output.write('x'.repeat(2 * 1024 * 1024));
    const drained = output.drained();
    stream.release(errno(code));
    await drained;
    await tick();
    expect(output.state.kind).toBe(kind);
    expect(stops).toBe(1);
    output.write('lost');
    expect((await output.finish()).kind).toBe(kind);
    expect(stream.taken).toHaveLength(1);
  });
});
