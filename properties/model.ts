// What the callers of a log were told: a plain list of entries, each with its state. It shares no
// code with the library; bytes and checksums come from the independent format.

import type { PlacedRecord, PlainRecord } from '../lib/fixtures/independent.js';
import { independentEncode, independentLine } from '../lib/fixtures/independent.js';

/**
 * - `pending`: its promise is open, or its process died before it settled.
 * - `written`, `durable`: acknowledged as such.
 * - `rejected`: may survive until an open leaves it out.
 * - `refused`: never taken (the log was closed, the caller gave up): it is nowhere.
 * - `gone`: an open left it out; it never comes back.
 */
export type EntryState = 'pending' | 'written' | 'durable' | 'rejected' | 'refused' | 'gone';

export interface ModelEntry {
  readonly record: PlainRecord;
  /** Its bytes on disk. */
  readonly bytes: Buffer;
  state: EntryState;
  /** Where it was acknowledged to stand, in bytes. */
  offset: number | undefined;
}

/** What happened between two looks at the log. */
export type Ending = 'closed' | 'killed' | 'power lost';

export class Model {
  readonly entries: ModelEntry[] = [];

  submit(record: PlainRecord): ModelEntry {
    const bytes = independentEncode(record);
    const entry: ModelEntry = { record, bytes, state: 'pending', offset: undefined };
    this.entries.push(entry);
    return entry;
  }

  /** An append resolved. Throws unless what it told is that entry, right behind the one before it. */
  acknowledge(
    entry: ModelEntry,
    told: { readonly sequence: bigint; readonly offset: number; readonly length: number },
    durable: boolean,
  ): void {
    const expected = { sequence: entry.record.sequence, length: entry.bytes.length };
    if (told.sequence !== expected.sequence || told.length !== expected.length) {
      throw new Error(`acknowledged as another: ${show(told)} for ${show(expected)}`);
    }
    const start = this.#bytesBefore(entry);
    if (told.offset !== start) {
      throw new Error(`acknowledged at ${told.offset}, but the records before it end at ${start}`);
    }
    entry.offset = told.offset;
    if (entry.state !== 'durable') entry.state = durable ? 'durable' : 'written';
  }

  /** Where an entry belongs: behind all that was taken before it. */
  #bytesBefore(entry: ModelEntry): number {
    let offset = 0;
    for (const before of this.entries) {
      if (before === entry) break;
      if (before.state === 'pending' || isKept(before)) offset += before.bytes.length;
    }
    return offset;
  }

  /**
   * A flush resolved that was called when `count` entries had been submitted: all of them have
   * settled, those that waited for room included.
   */
  flushed(count: number): void {
    for (const entry of this.entries.slice(0, count)) {
      if (entry.state === 'pending') {
        throw new Error(
          `a flush resolved before an append that it follows: ${entry.record.sequence}`,
        );
      }
      if (entry.state === 'written') entry.state = 'durable';
    }
  }

  /** The bytes of a log that was closed: everything acknowledged, and nothing else. */
  closedBytes(): Buffer {
    return Buffer.concat(this.entries.filter(isKept).map(({ bytes }) => bytes));
  }

  /**
   * Checks what a replay found after an ending: in order, to the byte, nothing invented, nothing
   * back from the dead, and nothing missing that this ending may not take. Then the log is what
   * was found.
   */
  replayed(found: readonly PlacedRecord[], ending: Ending): void {
    let at = 0;
    let offset = 0;
    for (const record of found) {
      const next = this.entries.findIndex((entry, index) => index >= at && isSame(entry, record));
      const entry = this.entries[next];
      if (entry === undefined) throw new Error(`nobody submitted, or not here: ${show(record)}`);
      if (entry.state === 'gone') throw new Error(`left out before, and back: ${show(record)}`);
      if (entry.state === 'refused') throw new Error(`was refused, and is there: ${show(record)}`);
      if (record.offset !== offset) throw new Error(`not behind the one before: ${show(record)}`);
      if (entry.offset !== undefined && entry.offset !== offset) {
        throw new Error(`acknowledged at ${entry.offset}: ${show(record)}`);
      }
      this.#leaveOut(at, next, 'power lost', true);
      offset += record.length;
      entry.offset = record.offset;
      entry.state = 'durable';
      at = next + 1;
    }
    this.#leaveOut(at, this.entries.length, ending, false);
  }

  /** Entries that a replay skipped, or that would stand behind its end. */
  #leaveOut(from: number, to: number, ending: Ending, followed: boolean): void {
    for (const entry of this.entries.slice(from, to)) {
      const isLost =
        entry.state === 'durable' ||
        (entry.state === 'written' && (followed || ending !== 'power lost'));
      if (isLost) {
        const { sequence } = entry.record;
        throw new Error(`${entry.state}, and missing after '${ending}': sequence ${sequence}`);
      }
      if (entry.state !== 'refused') entry.state = 'gone';
    }
  }
}

function isKept(entry: ModelEntry): boolean {
  return entry.state === 'written' || entry.state === 'durable';
}

function isSame(entry: ModelEntry, found: PlacedRecord): boolean {
  return entry.bytes.equals(independentEncode(found)) && crcOf(entry.bytes) === found.crc;
}

function crcOf(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - 4);
}

function show(value: object): string {
  if ('key' in value) return independentLine(value as PlacedRecord).slice(0, 200);
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'bigint' ? String(field) : field,
  );
}
