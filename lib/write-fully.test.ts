// A write to its last byte: what each outcome of a single write leads to, over a file that answers
// as the test says.

import { describe, expect, test } from 'vitest';

import type { IoFile, IoMemory } from './io/driver.js';
import { IoError } from './io/driver.js';
import { isWriteHalf } from './sync-alone.js';
import { rejectionOf } from './test-tools/outcomes.js';
import { isInterruption, RESUBMITS_MAX, writeFully, writeJob } from './write-fully.js';

type Answer = number | 'all' | IoError;

const MEMORY: IoMemory = { bytes: new Uint8Array(100_000), release: () => undefined };

/** Answers each write with the next answer, then with all of it; notes what it is asked. */
class AnsweringFile {
  readonly path = '/log';
  readonly asked: string[] = [];
  readonly direct: { blockBytes: number } | undefined;
  syncError: IoError | undefined;
  readonly #answers: Answer[];

  constructor(answers: readonly Answer[], blockBytes?: number) {
    this.#answers = [...answers];
    this.direct = blockBytes === undefined ? undefined : { blockBytes };
  }

  write(
    _memory: IoMemory,
    start: number,
    length: number,
    position: number,
    { dsync = false } = {},
  ): Promise<number> {
    this.asked.push(`${String(start)}+${String(length)}@${String(position)}${dsync ? ' d' : ''}`);
    const answer = this.#answers.shift() ?? 'all';
    if (answer instanceof IoError) return Promise.reject(answer);
    return Promise.resolve(answer === 'all' ? length : answer);
  }

  sync(): Promise<void> {
    this.asked.push('sync');
    return this.syncError === undefined ? Promise.resolve() : Promise.reject(this.syncError);
  }
}

function fileOf(answers: readonly Answer[], blockBytes?: number): AnsweringFile & IoFile {
  return new AnsweringFile(answers, blockBytes) as unknown as AnsweringFile & IoFile;
}

function failed(code: string, writeHalf = false): IoError {
  return new IoError(code, 'write', '/log', { writeHalf });
}

describe('what a write leads to', () => {
  const cases: [string, readonly Answer[], readonly string[]][] = [
    ['all at once', ['all'], ['7+3000@1024']],
    ['short at a sector', [512], ['7+3000@1024', '519+2488@1536']],
    [
      'short inside a sector: that one first, synced',
      [100],
      ['7+3000@1024', '107+412@1124', 'sync', '519+2488@1536'],
    ],
    [
      'short again inside the same sector',
      [100, 12],
      ['7+3000@1024', '107+412@1124', '119+400@1136', 'sync', '519+2488@1536'],
    ],
    ['short inside the last sector', [2990], ['7+3000@1024', '2997+10@4014', 'sync']],
    ['interrupted', [failed('EINTR'), failed('EAGAIN')], new Array<string>(3).fill('7+3000@1024')],
  ];

  test.each(cases)('%s', async (_, answers, asked) => {
    const file = fileOf(answers);
    const job = writeJob(MEMORY, 7, 3000, 1024);
    await writeFully(file, job);
    expect(file.asked).toEqual(asked);
    expect(job).toMatchObject({ done: 3000, syncFailed: false, dsync: false });
    expect(job.resubmits).toBe(answers.filter((answer) => answer !== 'all').length);
  });

  test('nothing to write asks for nothing', async () => {
    const file = fileOf([]);
    await writeFully(file, writeJob(MEMORY, 0, 0, 0));
    expect(file.asked).toEqual([]);
  });

  test('zero bytes are an error of the write half', async () => {
    const job = writeJob(MEMORY, 0, 3000, 0);
    const error = await rejectionOf(writeFully(fileOf([512, 0]), job));
    expect(error).toMatchObject({ code: 'EIO', writeHalf: true });
    expect(error).toMatchObject({ message: expect.stringContaining('zero bytes') });
    expect(job.done).toBe(512);
  });

  test('any other error ends it, with what is done on record', async () => {
    const job = writeJob(MEMORY, 0, 3000, 0);
    const error = failed('ENOSPC');
    expect(await rejectionOf(writeFully(fileOf([1024, error]), job))).toBe(error);
    expect(job).toMatchObject({ done: 1024, syncFailed: false });
  });

  test('a failed sync between two parts is told as such', async () => {
    const file = fileOf([100]);
    file.syncError = failed('EIO');
    const job = writeJob(MEMORY, 0, 3000, 0);
    expect(await rejectionOf(writeFully(file, job))).toBe(file.syncError);
    expect(job).toMatchObject({ done: 512, syncFailed: true });
  });
});

describe('interruptions', () => {
  const times = (count: number): IoError[] => Array.from({ length: count }, () => failed('EINTR'));

  test('are borne so many times in a row, and no more', async () => {
    await writeFully(fileOf(times(RESUBMITS_MAX)), writeJob(MEMORY, 0, 1000, 0));
    const job = writeJob(MEMORY, 0, 1000, 0);
    const error = await rejectionOf(writeFully(fileOf(times(RESUBMITS_MAX + 1)), job));
    expect(error).toMatchObject({ code: 'EINTR' });
    expect(job.resubmits).toBe(RESUBMITS_MAX);
  });

  test('are counted anew after progress', async () => {
    const answers = [...times(RESUBMITS_MAX), 512, ...times(RESUBMITS_MAX)];
    await writeFully(fileOf(answers), writeJob(MEMORY, 0, 3000, 0));
  });

  test('of a dsync write may have been its sync: only a proven write half is repeated', async () => {
    const job = writeJob(MEMORY, 0, 1000, 0, true);
    expect(await rejectionOf(writeFully(fileOf([failed('EINTR')]), job))).toMatchObject({
      code: 'EINTR',
    });
    const file = fileOf([failed('EINTR', true)]);
    await writeFully(file, writeJob(MEMORY, 0, 1000, 0, true));
    expect(file.asked).toEqual(['0+1000@0 d', '0+1000@0 d']);
  });
});

describe('O_DIRECT', () => {
  test('goes on at a whole block', async () => {
    const file = fileOf([5000], 4096);
    const job = writeJob(MEMORY, 0, 12_288, 8192);
    await writeFully(file, job);
    expect(file.asked).toEqual(['0+12288@8192', '4096+8192@12288']);
    expect(job.done).toBe(12_288);
  });

  test('less than a block, again and again, ends in an error', async () => {
    const file = fileOf(new Array<number>(100).fill(100), 4096);
    const error = await rejectionOf(writeFully(file, writeJob(MEMORY, 0, 12_288, 0)));
    expect(error).toMatchObject({ code: 'EIO', writeHalf: true });
    expect(error).toMatchObject({ message: expect.stringContaining('less than 4096 bytes') });
    expect(file.asked).toHaveLength(RESUBMITS_MAX + 1);
  });
});

test('which errors mean that nothing happened, and which prove the write half', () => {
  expect(['EINTR', 'EAGAIN', 'EIO'].map((code) => isInterruption(failed(code)))).toEqual([
    ...[true, true, false],
  ]);
  expect([failed('EIO', true), failed('EIO'), new Error('EIO')].map(isWriteHalf)).toEqual([
    ...[true, false, false],
  ]);
});
