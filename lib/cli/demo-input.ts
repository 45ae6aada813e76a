// The demo's records: the lines of a real file, over and over. Record n is a function of n alone,
// so that whoever checks a log knows what must stand in it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';

/** Key and value of one record. */
export interface DemoRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** More of a file is not read, in bytes. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Longer lines become several records, in bytes. */
const VALUE_BYTES_MAX = 4096;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The input file cannot serve; the message says why. */
export class DemoInputError extends Error {}

/** The records of one file. */
export class DemoInput {
  /** The file's name, without folders. */
  readonly name: string;
  /** Bytes that were read: all of the file, or its first part. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  readonly #records: DemoRecord[] = [];

  private constructor(name: string, bytes: Buffer, isWhole: boolean) {
    this.name = name;
    this.bytes = bytes;
    this.isWhole = isWhole;
    let lineNumber = 0;
    for (let start = 0; start < bytes.length;) {
      const feed = bytes.indexOf(LINE_FEED, start);
      const end = feed === -1 ? bytes.length : feed;
      lineNumber += 1;
      this.#addLine(bytes.subarray(start, end), lineNumber);
      start = end + 1;
    }
  }

  /** Reads a file; `name` is what its records are called by. Throws DemoInputError. */
  static read(path: string, name = basename(path)): DemoInput {
    const { bytes, isWhole } = readStart(path);
    const input = new DemoInput(name, bytes, isWhole);
    if (input.count > 0) return input;
    throw new DemoInputError(`'${path}' holds no line of text: there is nothing to append`);
  }

  /** How many different records there are. */
  get count(): number {
    return this.#records.length;
  }

  /** What the record with this sequence, 1 or more, must hold. */
  record(sequence: number): DemoRecord {
    const record = this.#records[(sequence - 1) % this.#records.length];
    if (record === undefined) throw new RangeError(`no record ${String(sequence)}`);
    return record;
  }

  #addLine(line: Buffer, lineNumber: number): void {
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    for (let start = 0, part = 1; start < end; start += VALUE_BYTES_MAX, part += 1) {
      const suffix = part === 1 ? '' : `.${String(part)}`;
      this.#records.push({
        key: Buffer.from(`${this.name}:${String(lineNumber)}${suffix}`),
        value: line.subarray(start, Math.min(end, start + VALUE_BYTES_MAX)),
      });
    }
  }
}

function readStart(path: string): { bytes: Buffer; isWhole: boolean } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new DemoInputError(`'${path}' is no file`);
    const bytes = Buffer.alloc(Math.min(stats.size, INPUT_BYTES_MAX));
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(descriptor, bytes, filled, bytes.length - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return { bytes: bytes.subarray(0, filled), isWhole: stats.size <= INPUT_BYTES_MAX };
  } catch (error) {
    if (error instanceof DemoInputError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new DemoInputError(`cannot read the input: ${why}`, { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
