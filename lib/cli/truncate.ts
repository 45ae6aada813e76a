// `uring-wal truncate`: forgets the front of a log (a checkpoint covers it) or its end (it was never
// committed).

import { Wal } from '../index.js';
import { segmentName } from '../segments.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import type { Streams } from './streams.js';
import { findDirectory } from './target.js';
import type { Told } from './told.js';
import { jsonLine, tell } from './told.js';
import type { Command } from './usage.js';

type TruncateCommand = Extract<Command, { kind: 'truncate' }>;

/** Runs the command; resolves to its exit code. */
export function runTruncate(command: TruncateCommand, streams: Streams): Promise<ExitCode> {
  return tell('truncate', streams, async () => {
    const wal = await Wal.open(await findDirectory(command.directory));
    try {
      return await truncate(wal, command);
    } finally {
      await wal.close();
    }
  });
}

async function truncate(wal: Wal, { side, sequence, json }: TruncateCommand): Promise<Told> {
  const code = EXIT.OK;
  if (side === 'after') {
    await wal.truncateAfter(sequence);
    const last = wal.writtenSequence;
    if (json) return { text: jsonLine({ lastSequence: last ?? null }), code };
    const end = last === undefined ? 'it is empty' : `it ends with sequence ${String(last)}`;
    return { text: `everything behind ${String(sequence)} is gone; ${end}\n`, code };
  }
  const { removed, stopped } = await wal.truncateBefore(sequence);
  if (json) return { text: jsonLine({ removed, stopped: stopped ?? null }), code };
  const what =
    removed.length === 0
      ? `nothing removed: no whole segment holds only sequences below ${String(sequence)}`
      : `removed ${removed.map(segmentName).join(', ')}`;
  return { text: `${what}\n`, code, complaint: stopped && `note: stopped early: ${stopped}` };
}
