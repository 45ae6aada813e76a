// The demo's judge: replays a log and compares it with what was acknowledged.

import type { WalEnd, WalRecord } from '../index.js';
import { WalReader } from '../index.js';
import type { AckLedger } from './demo-acks.js';
import type { DemoInput } from './demo-input.js';

/** What a replay showed. */
export interface DemoCheck {
  /** Records in the log. */
  readonly records: number;
  /** Records that no acknowledgement was seen of: in flight at a kill, and landed. */
  readonly unacknowledged: number;
  /** Acknowledged records that the log does not hold. */
  readonly missing: number;
  /** Records that are not what was appended, or not where they were acknowledged to be. */
  readonly differing: number;
  /** The first thing that is wrong, in words. */
  readonly firstProblem: string | undefined;
  readonly end: WalEnd;
}

/** Whether nothing that was acknowledged was lost, and nothing is there that was never appended. */
export function passes(check: DemoCheck): boolean {
  return check.firstProblem === undefined;
}

/**
 * Replays the log at `path` from its first byte. `ending` is how its last writer ended: after a
 * close nothing may stand behind the last record, after a kill a tail may.
 */
export async function checkLog(
  path: string,
  ledger: AckLedger,
  input: DemoInput,
  ending: 'kill' | 'close',
): Promise<DemoCheck> {
  const reader = await WalReader.open(path);
  let records = 0;
  let found = 0;
  let differing = 0;
  let firstProblem: string | undefined;
  try {
    for await (const chunk of reader.chunks()) {
      for (const record of chunk) {
        records += 1;
        const problem = problemOf(record, records, ledger, input);
        if (problem !== undefined) {
          differing += 1;
          firstProblem ??= problem;
        }
        if (ledger.has(records)) found += 1;
      }
    }
    const { end } = reader;
    if (end === undefined) throw new Error('the reader stopped without a reason');
    const missing = ledger.count - found;
    if (missing > 0) firstProblem ??= `the log ends before record ${String(ledger.last)}`;
    if (ledger.firstRepeated !== undefined) {
      firstProblem ??= `record ${String(ledger.firstRepeated)} was lost, and acknowledged again`;
    }
    firstProblem ??= tailProblem(end, ending);
    return { records, unacknowledged: records - found, missing, differing, firstProblem, end };
  } finally {
    await reader.close();
  }
}

function tailProblem(end: WalEnd, ending: 'kill' | 'close'): string | undefined {
  if (end.kind === 'corrupt') return `the log is corrupt at ${String(end.offset)}: ${end.reason}`;
  const left = end.size - end.offset;
  if (ending === 'kill' || left === 0) return undefined;
  return `the log was closed, but ${String(left)} bytes stand behind its last record`;
}

/** Record `index`, from 1 on, must be the one with that sequence; undefined when all is right. */
function problemOf(
  record: WalRecord,
  index: number,
  ledger: AckLedger,
  input: DemoInput,
): string | undefined {
  const { offset, length } = record;
  const which = `record ${String(index)} at offset ${String(offset)}`;
  if (record.sequence !== BigInt(index)) {
    return `${which} has sequence ${String(record.sequence)}`;
  }
  if (ledger.has(index) && !ledger.matches(index, offset, length)) {
    return `${which} was acknowledged to stand elsewhere`;
  }
  const { key, value } = input.record(index);
  if (record.type !== 'put') return `${which} is no put`;
  if (Buffer.compare(record.key, key) !== 0) return `${which} has another key`;
  if (Buffer.compare(record.value, value) !== 0) return `${which} has another value`;
  return undefined;
}
