// Notices when the log that is followed was cut behind what was printed already: after a failed
// write, or by truncateAfter. Then other records may stand there, at other offsets.

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WalRecord } from '../index.js';
import { segmentName } from '../segments.js';
import type { Start, Walk } from './walk.js';
import { segmentNumbers } from './walk.js';

/** So many of the last records are remembered, to find the last one that still stands. */
const REMEMBERED_MAX = 1024;
const CRC_BYTES = 4;

interface Remembered {
  readonly segment: number;
  readonly end: number;
  readonly crc: number;
}

/** Remembers the records printed last, by their checksums. */
export class TailGuard {
  #records: Remembered[] = [];

  /** A record that was read. */
  note(segment: number | undefined, { offset, length, crc }: WalRecord): void {
    this.#records.push({ segment: segment ?? 0, end: offset + length, crc });
    if (this.#records.length < 2 * REMEMBERED_MAX) return;
    this.#records = this.#records.slice(-REMEMBERED_MAX);
  }

  /**
   * Where to go on, when what was read last stands there no more; undefined when it does, or when a
   * checkpoint removed it: what is open can be read to its end all the same.
   */
  async check({ path, segment }: Walk): Promise<Start | undefined> {
    const last = this.#records.at(-1);
    if (path === undefined || last === undefined) return undefined;
    const isFile = segment === undefined;
    const first = isFile ? 0 : ((await segmentNumbers(dirname(path)))[0] ?? 0);
    if (last.segment < first) return undefined;
    const numbers = [...new Set(this.#records.map((record) => record.segment))].reverse();
    for (const number of numbers.filter((each) => each >= first)) {
      const end = await this.#lastStanding(
        isFile ? path : join(dirname(path), segmentName(number)),
        this.#records.filter((record) => record.segment === number),
      );
      if (end === undefined) continue;
      return number === last.segment && end === last.end
        ? undefined
        : { segment: number, offset: end };
    }
    return { segment: first, offset: 0 };
  }

  /** The walk went back to `start`: what stood behind it is gone. */
  forgetBehind({ segment, offset }: Start): void {
    this.#records = this.#records.filter((record) => {
      return record.segment < segment || (record.segment === segment && record.end <= offset);
    });
  }

  /** End of the last of the records that still stands in its file. */
  async #lastStanding(path: string, records: Remembered[]): Promise<number | undefined> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch {
      return undefined;
    }
    try {
      for (const record of records.reverse()) if (await stands(file, record)) return record.end;
      return undefined;
    } finally {
      await file.close();
    }
  }
}

async function stands(file: FileHandle, record: Remembered): Promise<boolean> {
  const bytes = Buffer.alloc(CRC_BYTES);
  const { bytesRead } = await file.read(bytes, 0, CRC_BYTES, record.end - CRC_BYTES);
  return bytesRead === CRC_BYTES && bytes.readUInt32LE(0) === record.crc;
}
