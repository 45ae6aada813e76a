// `npm run bench -- micro`: single steps by Benchmark.js, to see where the time of an append goes.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { crc32 as crc32Zlib } from 'node:zlib';
import { crc32, crc32Portable } from '../lib/checksum.js';
import { WalEntry } from '../lib/entry.js';
import { UringWalWriter } from '../lib/index.js';
import {
  encodeUnsealed,
  scanRecords,
  sealRecords,
  TABLE_HEADER,
  TABLE_STRIDE,
} from '../lib/record.js';
import { loadPeer } from './contenders/packages.js';
import { quantity, significant } from './format.js';
import { payload } from './log-file.js';
import { DATA_DIRECTORY } from './paths.js';
import { encodePut, recordBytes } from './record.js';

/** The part of Benchmark.js that is used. */
interface Deferred {
  resolve(): void;
}

/** A step that ends when it says so. */
interface DeferredStep {
  readonly defer: true;
  readonly fn: (deferred: Deferred) => void;
}

interface BenchmarkResult {
  readonly name: string;
  readonly hz: number;
  readonly error?: Error;
  readonly stats: { readonly rme: number; readonly sample: readonly number[] };
}

interface Suite {
  add(name: string, step: (() => void) | DeferredStep): Suite;
  on(event: 'cycle', listener: (event: { target: BenchmarkResult }) => void): Suite;
  on(event: 'complete', listener: () => void): Suite;
  run(options: { async: true }): Suite;
}

const SHAPE = { keyBytes: 16, valueBytes: 100 };
const BATCH_RECORDS = 1000;
const PAGE_BYTES = 4096;

/** Steps over one record or one buffer: name and what is done. */
function steps(): [string, () => void][] {
  const { key, value } = payload(SHAPE);
  const length = recordBytes(SHAPE.keyBytes, SHAPE.valueBytes);
  const bytes = new Uint8Array(BATCH_RECORDS * length);
  const view = new DataView(bytes.buffer);
  const entry = WalEntry.put(1n, key, value);
  const encoded = entry.encode();
  const page = new Uint8Array(PAGE_BYTES).fill(7);
  const table = new Uint32Array(TABLE_HEADER + TABLE_STRIDE * BATCH_RECORDS);
  const fillBatch = (): void => {
    for (let at = 0; at < bytes.length;) at += encodeUnsealed(bytes, view, at, entry);
  };
  fillBatch();
  sealRecords(bytes, 0, bytes.length);
  let sequence = 1n;
  return [
    ['WalEntry.put', () => void WalEntry.put(sequence++, key, value)],
    ['encode one record, new array', () => void entry.encode()],
    ['encode one record in place, no crc', () => void encodeUnsealed(bytes, view, 0, entry)],
    ['encode one record by hand, JS crc', () => void encodePut(bytes, view, 0, 1, key, value)],
    [`encode ${String(BATCH_RECORDS)} records in place, no crc`, fillBatch],
    [
      `crc of ${String(BATCH_RECORDS)} records`,
      () => {
        sealRecords(bytes, 0, bytes.length);
      },
    ],
    ['decode one record', () => void WalEntry.decode(encoded)],
    [
      `check ${String(BATCH_RECORDS)} records`,
      () => void scanRecords(bytes, 0, bytes.length, table),
    ],
    ['crc32 of 100 B', () => void crc32(value)],
    ['crc32 of 100 B, portable', () => void crc32Portable(value, 0, value.length, 0)],
    ['crc32 of 100 B, zlib', () => void crc32Zlib(value)],
    ['crc32 of 4 KiB', () => void crc32(page)],
    ['crc32 of 4 KiB, portable', () => void crc32Portable(page, 0, page.length, 0)],
    ['crc32 of 4 KiB, zlib', () => void crc32Zlib(page)],
  ];
}

function report({ name, hz, error, stats }: BenchmarkResult): void {
  const figures = `${quantity(hz)}/s`.padStart(12) + `${significant(1e9 / hz)} ns`.padStart(14);
  const trust = `±${significant(stats.rme)} % (${String(stats.sample.length)} runs)`;
  const line = error === undefined ? `${figures}  ${trust}` : `FAILED: ${error.message}`;
  process.stdout.write(`${name.padEnd(40)}${line}\n`);
}

export async function runMicro(): Promise<void> {
  const { Suite } = loadPeer<{ Suite: new () => Suite }>('benchmark');
  fs.mkdirSync(DATA_DIRECTORY, { recursive: true });
  const directory = fs.mkdtempSync(join(DATA_DIRECTORY, 'micro-'));
  const writer = await UringWalWriter.open(join(directory, 'micro.wal'));
  const { key, value } = payload(SHAPE);
  let sequence = 1;
  const append = (sync: boolean) => (deferred: Deferred) => {
    writer.append(WalEntry.put(sequence++, key, value), { sync }).then(
      () => {
        deferred.resolve();
      },
      (error: unknown) => {
        throw error;
      },
    );
  };
  const suite = new Suite();
  for (const [name, step] of steps()) suite.add(name, step);
  suite.add('one append, written', { defer: true, fn: append(false) });
  suite.add('one append, durable', { defer: true, fn: append(true) });
  try {
    await new Promise<void>((resolve) => {
      suite
        .on('cycle', (event) => {
          report(event.target);
        })
        .on('complete', resolve);
      suite.run({ async: true });
    });
    await writer.close();
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}
