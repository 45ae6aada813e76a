// `uring-wal doctor`: what this machine and this directory give a log, and what to do about it.

import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { checkDirectory } from './doctor-directory.js';
import { checkMachine } from './doctor-machine.js';
import type { Streams } from './streams.js';
import type { Told } from './told.js';
import { jsonLine, tellUntilSignal } from './told.js';
import type { Command } from './usage.js';

type DoctorCommand = Extract<Command, { kind: 'doctor' }>;

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly verdict: 'ok' | 'note' | 'problem';
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Runs the command; resolves to its exit code. */
export function runDoctor(command: DoctorCommand, streams: Streams): Promise<ExitCode> {
  return tellUntilSignal('doctor', streams, (signal) => look(command, signal));
}

async function look({ directory, json }: DoctorCommand, signal: AbortSignal): Promise<Told> {
  const findings = [...checkMachine(), ...(await checkDirectory(directory, signal))];
  const isUsable = findings.every(({ verdict }) => verdict !== 'problem');
  const code = isUsable ? EXIT.OK : EXIT.FAILED;
  if (json) return { text: jsonLine({ directory, isUsable, findings }), code };
  return { text: findings.map(describe).join(''), code };
}

const VERDICT_COLUMNS = 9;
const NAME_COLUMNS = 18;

function describe({ name, verdict, found, advice }: Finding): string {
  const line = `${verdict.padEnd(VERDICT_COLUMNS)}${name.padEnd(NAME_COLUMNS)}${found}\n`;
  const indent = ' '.repeat(VERDICT_COLUMNS + NAME_COLUMNS);
  return advice === undefined ? line : `${line}${indent}→ ${advice}\n`;
}
