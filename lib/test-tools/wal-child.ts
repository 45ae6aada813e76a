// Keeps a log busy until it is killed: many callers append entries and atomic batches, one of them
// checkpoints. Each acknowledgement is on its way through the pipe before the next line runs.

import { writeSync } from 'node:fs';

import type { WalOptions } from '../wal-options.js';
import { Wal } from '../wal.js';
import { BATCH_ENTRIES, walKillEntry } from './wal-kills.js';

const STDOUT = 1;
/** Every so many entries one caller checkpoints, and keeps this many of the last. */
const [CHECKPOINT_EVERY, KEPT] = [60, 150n];

const [directory = '', options = '{}', callers = '1', checkpoints = 'true'] = process.argv.slice(2);

function tell(line: string): void {
  writeSync(STDOUT, `${line}\n`);
}

async function caller(wal: Wal, number: number): Promise<void> {
  for (let count = 0; ; count++) {
    const id = `${String(number)}.${String(count)}`;
    const isBatch = count % 5 === 4;
    const entries = Array.from({ length: BATCH_ENTRIES }, (_, index) => walKillEntry(id, index));
    const { sequence } = isBatch
      ? await wal.appendBatch(entries)
      : await wal.append(walKillEntry(id, -1));
    tell(`${String(sequence)} ${id} ${isBatch ? 'batch' : 'single'}`);
    const isDue = checkpoints === 'true' && number === 0 && count % CHECKPOINT_EVERY === 0;
    if (isDue && sequence > KEPT) {
      tell(`checkpoint ${String(sequence - KEPT)}`);
      await wal.truncateBefore(sequence - KEPT);
    }
  }
}

const wal = await Wal.open(directory, JSON.parse(options) as WalOptions);
tell(`open ${String(wal.writtenSequence ?? 0n)}`);
const running = Array.from({ length: Number(callers) }, (_, number) => caller(wal, number));
await Promise.all(running);
