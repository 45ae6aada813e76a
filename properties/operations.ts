// What callers do with a log, as plain data that fast-check can shrink, and how it is done to a
// real writer while a model listens to what the callers are told.

import fc from 'fast-check';

import type { PlainRecord } from '../lib/fixtures/independent.js';
import type { AppendOptions, UringWalOptions, UringWalWriter } from '../lib/index.js';
import { patterned } from './arbitraries.js';
import { entryOf } from './harness/bytes.js';
import type { Mark } from './harness/property.js';
import type { Model, ModelEntry } from './model.js';

/** One step of the callers. */
export type Operation =
  | {
      readonly do: 'append';
      readonly count: number;
      readonly bytes: number;
      readonly sync: boolean;
    }
  | { readonly do: 'delete'; readonly sync: boolean }
  | { readonly do: 'flush' }
  /** An append that is given up at once: it has an effect only if it was admitted already. */
  | { readonly do: 'abort'; readonly bytes: number }
  /** Waits until everything has settled. */
  | { readonly do: 'settle' }
  | { readonly do: 'close' };

/** Makes a record of exactly one block, so that several writes can be in flight. */
const BLOCK_VALUE_BYTES = 4096 - 29 - 4;

const sizes = fc.oneof(
  // Records of one length: what an old one leaves behind then fits behind a new one.
  { weight: 8, arbitrary: fc.constantFrom(0, 10, BLOCK_VALUE_BYTES, BLOCK_VALUE_BYTES) },
  { weight: 3, arbitrary: fc.nat(80) },
  { weight: 3, arbitrary: fc.nat(1500) },
  { weight: 1, arbitrary: fc.nat(20_000) },
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record(
      {
        do: fc.constant('append' as const),
        count: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 12 })),
        bytes: sizes,
        sync: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { do: fc.constant('delete' as const), sync: fc.boolean() },
      { noNullPrototype: true },
    ),
  },
  { weight: 2, arbitrary: fc.constant<Operation>({ do: 'flush' }) },
  {
    weight: 2,
    arbitrary: fc.record(
      { do: fc.constant('abort' as const), bytes: sizes },
      { noNullPrototype: true },
    ),
  },
  { weight: 3, arbitrary: fc.constant<Operation>({ do: 'settle' }) },
  { weight: 1, arbitrary: fc.constant<Operation>({ do: 'close' }) },
);

export const operations: fc.Arbitrary<Operation[]> = fc.array(operation, { maxLength: 14 });

/** Options of a writer: small limits far more often than large ones, so that each is hit. */
export const writerOptions: fc.Arbitrary<UringWalOptions> = fc.record(
  {
    ringSize: fc.constantFrom(128, 1, 2, 8),
    batchSize: fc.constantFrom(65_536, 1, 300, 4096),
    directIo: fc.boolean(),
    channelCapacity: fc.constantFrom(1024, 1, 3, 16),
    queueBytesMax: fc.constantFrom(1 << 25, 1, 500, 5000),
    waitersMax: fc.constantFrom(1 << 16, 0, 2),
    preallocateBytes: fc.constantFrom(0, 4096, 65_536, 1 << 20),
    sync: fc.boolean(),
  },
  { noNullPrototype: true },
);

/** Callers of one writer: what they asked for, and what is still open. */
export class Callers {
  readonly #writer: UringWalWriter;
  readonly #model: Model;
  readonly #mark: Mark;
  readonly #open = new Set<Promise<void>>();
  /** What callers were told that they should not have been; checked by whoever runs them. */
  readonly problems: unknown[] = [];
  /** Whether anything but a refusal has failed. */
  hasFailed = false;
  /** Whether an operation may fail, for a world with faults. */
  readonly #mayFail: boolean;

  constructor(writer: UringWalWriter, model: Model, mark: Mark, mayFail = false) {
    this.#writer = writer;
    this.#model = model;
    this.#mark = mark;
    this.#mayFail = mayFail;
  }

  /** How many promises are open. */
  get open(): number {
    return this.#open.size;
  }

  /** Starts an operation; its promises settle later. */
  start(operation: Exclude<Operation, { do: 'settle' }>): void {
    switch (operation.do) {
      case 'append':
        for (let count = 0; count < operation.count; count++) {
          this.#append(nextPut(this.#model, operation.bytes), { sync: operation.sync });
        }
        return;
      case 'delete':
        this.#append(nextDelete(this.#model), { sync: operation.sync });
        return;
      case 'flush':
        this.#flush();
        return;
      case 'abort': {
        const controller = new AbortController();
        this.#append(nextPut(this.#model, operation.bytes), { signal: controller.signal });
        controller.abort(Object.assign(new Error('given up'), { code: 'ABORT_ERR' }));
        return;
      }
      case 'close':
        if (this.#open.size > 0) this.#mark('close with open appends');
        this.close();
        return;
    }
  }

  close(): void {
    this.#track(this.#writer.close().catch((error: unknown) => this.#failed(error)));
  }

  async settle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  #append(record: PlainRecord, options: AppendOptions): void {
    const entry = this.#model.submit(record);
    const durable = options.sync ?? this.#writer.options.sync;
    this.#track(
      this.#writer.append(entryOf(record), options).then(
        (told) => {
          this.#mark(durable ? 'durable' : 'written');
          this.#model.acknowledge(entry, told, durable);
        },
        (error: unknown) => this.#rejected(entry, error),
      ),
    );
  }

  #flush(): void {
    const count = this.#model.entries.length;
    if (this.#open.size > 0) this.#mark('flush with open appends');
    if (this.#writer.stats().waiting > 0) this.#mark('flush with waiting appends');
    this.#track(
      this.#writer.flush().then(
        () => this.#model.flushed(count),
        (error: unknown) => this.#failed(error),
      ),
    );
  }

  #rejected(entry: ModelEntry, error: unknown): void {
    const code = (error as { code?: unknown }).code;
    const isRefused = ['ERR_WAL_QUEUE_FULL', 'ERR_WAL_CLOSED', 'ABORT_ERR'].includes(String(code));
    entry.state = isRefused ? 'refused' : 'rejected';
    this.#mark(isRefused ? `refused: ${String(code)}` : 'rejected');
    if (!isRefused) this.#failed(error);
  }

  /** An operation failed: a finding, where nothing may fail. */
  #failed(error: unknown): void {
    const code = (error as { code?: unknown }).code;
    if (code !== 'ERR_WAL_CLOSED') this.hasFailed = true;
    if (!this.#mayFail && code !== 'ERR_WAL_CLOSED') throw error;
  }

  /** Nothing that goes wrong here is lost, and nothing of it stops the others. */
  #track(promise: Promise<void>): void {
    const settled: Promise<void> = promise
      .catch((problem: unknown) => void this.problems.push(problem))
      .finally(() => this.#open.delete(settled));
    this.#open.add(settled);
  }
}

function nextPut(model: Model, bytes: number): PlainRecord {
  const sequence = BigInt(model.entries.length + 1);
  const key = Buffer.from(String(sequence).padStart(4, '0'));
  return { sequence, type: 'put', key, value: patterned(bytes, model.entries.length) };
}

function nextDelete(model: Model): PlainRecord {
  const sequence = BigInt(model.entries.length + 1);
  return { sequence, type: 'delete', key: Buffer.from(String(sequence)), value: Buffer.alloc(0) };
}
