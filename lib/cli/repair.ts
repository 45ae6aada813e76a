// `uring-wal repair`: cuts what is damaged off a log, or sets it aside, and keeps copies. All of it
// is what opening the log with `recovery: 'trim'` or `'salvage'` does; a dry run only looks.

import { UringWalWriter, Wal, WalReader } from '../index.js';
import type { WalEnd } from '../index.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { exitCodeOfLook, describeDamages } from './inspect.js';
import type { LockState } from './lock-state.js';
import { describeLock, readLockState } from './lock-state.js';
import { describeEnd, exitCodeOf } from './log-end.js';
import { lookAt } from './look.js';
import { keepTornTails } from './repair-keep.js';
import type { RepairMode, RepairStep } from './repair-plan.js';
import { describeStep, planDirectory, planFile } from './repair-plan.js';
import type { Streams } from './streams.js';
import { findTarget } from './target.js';
import { countText } from './text-table.js';
import type { Told } from './told.js';
import { jsonLine, tell } from './told.js';
import type { Command } from './usage.js';

/** What is missing is missing: from then on the log is sound without it. */
const WOULD_ACCEPT = 'would  accept the loss: there is nothing to cut';

type RepairCommand = Extract<Command, { kind: 'repair' }>;

/** Runs the command; resolves to its exit code. */
export function runRepair(command: RepairCommand, streams: Streams): Promise<ExitCode> {
  return tell('repair', streams, async () => {
    const target = await findTarget(command.target);
    if (target.kind === 'file' && command.salvage) {
      throw new RangeError(
        '--salvage is for directories: behind the damage a file has no segments',
      );
    }
    const lock = await readLockState(target);
    if (command.dryRun) {
      if (target.kind === 'file') return tellPlanOfFile(target.path, lock, command.json);
      return tellPlanOfDirectory(target.path, lock, command);
    }
    return target.kind === 'file'
      ? repairFile(target.path, lock, command.json)
      : repairDirectory(target.path, lock, modeOf(command), command.json);
  });
}

function modeOf({ salvage }: RepairCommand): RepairMode {
  return salvage ? 'salvage' : 'trim';
}

async function tellPlanOfFile(path: string, lock: LockState, json: boolean): Promise<Told> {
  const end = await endOf(path);
  const found = end.kind === 'clean' ? [] : [describeEnd(end)];
  return tellPlan(planFile(path, end).steps, found, lock, exitCodeOf(end), json);
}

async function endOf(path: string): Promise<WalEnd> {
  const reader = await WalReader.open(path);
  try {
    const chunks = reader.chunks();
    while ((await chunks.next()).done !== true);
    if (reader.end === undefined) throw new Error('the reader stopped without a reason');
    return reader.end;
  } finally {
    await reader.close();
  }
}

async function tellPlanOfDirectory(
  path: string,
  lock: LockState,
  command: RepairCommand,
): Promise<Told> {
  const look = await lookAt(path);
  const { steps } = planDirectory(look, modeOf(command));
  return tellPlan(steps, describeDamages(look), lock, exitCodeOfLook(look), command.json);
}

function tellPlan(
  steps: readonly RepairStep[],
  found: readonly string[],
  lock: LockState,
  code: ExitCode,
  json: boolean,
): Told {
  if (json) return { text: jsonLine({ dryRun: true, found, steps, lock }), code };
  const lines = [
    ...found.map((each) => `found  ${each}`),
    ...steps.map((step) => `would  ${describeStep(step)}`),
    ...(steps.length > 0 ? [] : [found.length === 0 ? 'nothing to repair' : WOULD_ACCEPT]),
    ...(lock.kind === 'held' ? [`would be refused now: the log is ${describeLock(lock)}`] : []),
  ];
  return { text: `${lines.join('\n')}\n`, code };
}

async function repairFile(path: string, lock: LockState, json: boolean): Promise<Told> {
  // Of a log that is in use nothing is cut: opening it is refused.
  const copies = lock.kind === 'held' ? [] : planFile(path, await endOf(path)).tornTails;
  const kept = await keepTornTails(copies);
  const writer = await UringWalWriter.open(path, { recovery: 'trim' });
  const { end, records, bytes, trimmedBytes, quarantine } = writer.recovery;
  await writer.close();
  if (quarantine !== undefined) kept.push(quarantine);
  const reason = end.kind === 'clean' ? undefined : describeEnd(end);
  const discarded = end.kind === 'clean' ? 0 : trimmedBytes;
  return tellDone({ records: BigInt(records), bytes, discarded, reason, kept }, json);
}

async function repairDirectory(
  path: string,
  lock: LockState,
  recovery: RepairMode,
  json: boolean,
): Promise<Told> {
  const copies = lock.kind === 'held' ? [] : planDirectory(await lookAt(path), recovery).tornTails;
  const copied = await keepTornTails(copies);
  const wal = await Wal.open(path, { recovery, verifyAll: true });
  const { entriesRecovered, bytesRecovered, bytesDiscarded, quarantined, reason } = wal.recovery;
  await wal.close();
  const [records, bytes, discarded] = [entriesRecovered, bytesRecovered, bytesDiscarded];
  const kept = [...copied, ...quarantined];
  return tellDone({ records, bytes, discarded, reason, kept }, json);
}

interface Done {
  readonly records: bigint;
  readonly bytes: number;
  readonly discarded: number;
  readonly reason: string | undefined;
  readonly kept: readonly string[];
}

function tellDone({ records, bytes, discarded, reason, kept }: Done, json: boolean): Told {
  const code = EXIT.OK;
  if (json) {
    const facts = { dryRun: false, reason: reason ?? null, bytesDiscarded: discarded, kept };
    return { text: jsonLine({ ...facts, records: Number(records), bytes }), code };
  }
  const isAccepted = reason !== undefined && discarded === 0 && kept.length === 0;
  const lines = [
    ...(reason === undefined ? ['nothing to repair'] : [`found     ${reason}`]),
    ...(discarded === 0 ? [] : [`cut       ${countText(discarded)} bytes`]),
    ...(isAccepted ? ['accepted  the loss: there was nothing to cut'] : []),
    ...kept.map((file) => `kept      ${file}`),
    `the log   ${countText(records)} records, ${countText(bytes)} bytes`,
  ];
  return { text: `${lines.join('\n')}\n`, code };
}
