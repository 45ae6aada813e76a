#!/usr/bin/env node
// The `uring-wal` command: which of its parts to run, and with what exit code to end.

import { readFileSync } from 'node:fs';
import { assertNever } from '../errors.js';
import { runAppend } from './append.js';
import { runBench } from './bench.js';
import { runDoctor } from './doctor.js';
import { runDump } from './dump.js';
import type { ExitCode } from './exit-codes.js';
import { EXIT } from './exit-codes.js';
import { runInspect } from './inspect.js';
import { runRepair } from './repair.js';
import type { Streams } from './streams.js';
import { runTail } from './tail.js';
import { print } from './told.js';
import { runTruncate } from './truncate.js';
import { runVerify } from './verify.js';
import type { Command } from './usage.js';
import { parseCommandLine, UsageError } from './usage.js';

async function main(args: readonly string[], streams: Streams): Promise<ExitCode> {
  let command: Command;
  try {
    command = parseCommandLine(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const more = error.topic === undefined ? '--help' : `help ${error.topic}`;
    streams.stderr.write(`uring-wal: ${error.message}\nTry: uring-wal ${more}\n`);
    return EXIT.USAGE;
  }
  switch (command.kind) {
    case 'help':
      return print(command.text, streams, 'uring-wal');
    case 'version':
      return print(`${packageVersion()}\n`, streams, 'uring-wal');
    case 'append':
      return runAppend(command, streams);
    case 'dump':
      return runDump(command, streams);
    case 'verify':
      return runVerify(command, streams);
    case 'tail':
      return runTail(command, streams);
    case 'inspect':
      return runInspect(command, streams);
    case 'repair':
      return runRepair(command, streams);
    case 'truncate':
      return runTruncate(command, streams);
    case 'doctor':
      return runDoctor(command, streams);
    case 'bench':
      return runBench(command, streams);
    default:
      return assertNever(command);
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

// Complaints that nobody can read are no reason to fail.
process.stderr.on('error', () => undefined);

try {
  process.exitCode = await main(process.argv.slice(2), process);
} catch (error) {
  const trace = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`uring-wal: a bug of ours, please report it: ${trace ?? ''}\n`);
  process.exitCode = EXIT.INTERNAL;
}
