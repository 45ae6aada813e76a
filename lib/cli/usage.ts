// The command line: arguments to a command. Everything wrong with them is a UsageError with a
// sentence that says what is allowed.

import { parseArgs } from 'node:util';
import * as helps from './help.js';
import type { DriverName, OptionTable, Values } from './option-values.js';
import { toCount, toDriver, toSeconds, toSequence, UsageError } from './option-values.js';
import { didYouMean } from './suggest.js';

export { DRIVERS, UsageError } from './option-values.js';

/** What the user wants. Offsets are in bytes. */
export type Command =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'append';
      readonly log: string;
      readonly sync: boolean;
      readonly direct: boolean;
      readonly driver: DriverName;
    }
  | {
      readonly kind: 'dump';
      readonly log: string;
      /** Of a file; undefined when it was not given. */
      readonly from: number | undefined;
      readonly fromSequence: bigint | undefined;
      /** How many records at most. */
      readonly limit: number;
    }
  | { readonly kind: 'verify'; readonly log: string; readonly json: boolean }
  | {
      readonly kind: 'tail';
      readonly log: string;
      readonly follow: boolean;
      /** How many of the last records. */
      readonly count: number;
      readonly json: boolean;
    }
  | { readonly kind: 'inspect'; readonly directory: string; readonly json: boolean }
  | {
      readonly kind: 'repair';
      readonly target: string;
      readonly dryRun: boolean;
      readonly salvage: boolean;
      readonly json: boolean;
    }
  | {
      readonly kind: 'truncate';
      readonly directory: string;
      readonly side: 'before' | 'after';
      readonly sequence: bigint;
      readonly json: boolean;
    }
  | { readonly kind: 'doctor'; readonly directory: string; readonly json: boolean }
  | {
      readonly kind: 'bench';
      readonly directory: string;
      /** For each measurement. */
      readonly seconds: number;
      readonly json: boolean;
    };

interface CommandShape {
  readonly help: string;
  /** What must be named, and how that is called. */
  readonly operand: string;
  /** What is taken when it is not named. */
  readonly fallback?: string;
  readonly options: OptionTable;
  readonly build: (operand: string, values: Values) => Command;
}

const TAIL_COUNT = 10;
const TAIL_COUNT_MAX = 1_000_000;
const BENCH_SECONDS = 2;
const BENCH_SECONDS_MAX = 3600;

const FLAG = { type: 'boolean' } as const;
const VALUE = { type: 'string' } as const;

const COMMANDS: ReadonlyMap<string, CommandShape> = new Map<string, CommandShape>([
  [
    'append',
    {
      help: helps.APPEND_HELP,
      operand: 'LOG, a file name,',
      options: { sync: FLAG, direct: FLAG, driver: VALUE },
      build: (log, values) => {
        const [sync, direct] = [values['sync'] === true, values['direct'] === true];
        return { kind: 'append', log, sync, direct, driver: toDriver(values['driver'], 'append') };
      },
    },
  ],
  [
    'dump',
    {
      help: helps.DUMP_HELP,
      operand: 'LOG, a file or directory,',
      options: { from: VALUE, 'from-sequence': VALUE, limit: VALUE, json: FLAG },
      build: buildDump,
    },
  ],
  [
    'verify',
    {
      help: helps.VERIFY_HELP,
      operand: 'LOG, a file or directory,',
      options: { json: FLAG },
      build: (log, values) => ({ kind: 'verify', log, json: values['json'] === true }),
    },
  ],
  [
    'tail',
    {
      help: helps.TAIL_HELP,
      operand: 'LOG, a file or directory,',
      options: {
        follow: { ...FLAG, short: 'f' },
        lines: { ...VALUE, short: 'n' },
        json: FLAG,
      },
      build: buildTail,
    },
  ],
  [
    'inspect',
    {
      help: helps.INSPECT_HELP,
      operand: 'DIR, a directory,',
      options: { json: FLAG },
      build: (directory, values) => ({ kind: 'inspect', directory, json: values['json'] === true }),
    },
  ],
  [
    'repair',
    {
      help: helps.REPAIR_HELP,
      operand: 'LOG, a file or directory,',
      options: { 'dry-run': FLAG, salvage: FLAG, json: FLAG },
      build: (target, values) => ({
        kind: 'repair',
        target,
        dryRun: values['dry-run'] === true,
        salvage: values['salvage'] === true,
        json: values['json'] === true,
      }),
    },
  ],
  [
    'truncate',
    {
      help: helps.TRUNCATE_HELP,
      operand: 'DIR, a directory,',
      options: { before: VALUE, after: VALUE, json: FLAG },
      build: buildTruncate,
    },
  ],
  [
    'doctor',
    {
      help: helps.DOCTOR_HELP,
      operand: 'DIR, a directory,',
      fallback: '.',
      options: { json: FLAG },
      build: (directory, values) => ({ kind: 'doctor', directory, json: values['json'] === true }),
    },
  ],
  [
    'bench',
    {
      help: helps.BENCH_HELP,
      operand: 'DIR, a directory,',
      options: { seconds: VALUE, json: FLAG },
      build: (directory, values) => ({
        kind: 'bench',
        directory,
        seconds:
          toSeconds(values['seconds'], '--seconds', BENCH_SECONDS_MAX, 'bench') ?? BENCH_SECONDS,
        json: values['json'] === true,
      }),
    },
  ],
]);
const COMMAND_NAMES = [...COMMANDS.keys(), 'help'];

/** Arguments, without node and script, to a command. Throws UsageError. */
export function parseCommandLine(args: readonly string[]): Command {
  const [name, ...rest] = args;
  if (name === undefined) {
    throw new UsageError(`a command is missing: ${[...COMMANDS.keys()].join(', ')}`);
  }
  if (name === '--help' || name === '-h') return { kind: 'help', text: helps.GENERAL_HELP };
  if (name === '--version' || name === '-V') return { kind: 'version' };
  if (name === 'help') return help(rest);
  const command = COMMANDS.get(name);
  if (command === undefined) throw unknownCommand(name);
  const { values, positionals } = readOptions(name, command.options, rest);
  if (values['help'] === true) return { kind: 'help', text: command.help };
  const [operand = command.fallback, extra] = positionals;
  if (operand === undefined || operand === '') {
    throw new UsageError(`${command.operand} is missing`, name);
  }
  if (extra !== undefined) {
    const what = command.operand.split(',', 1)[0] ?? '';
    throw new UsageError(`one ${what} is enough, also got '${extra}'`, name);
  }
  return command.build(operand, values);
}

function buildDump(log: string, values: Values): Command {
  const from = toCount(values['from'], '--from', 'a byte offset', 'dump');
  const fromSequence = toSequence(values['from-sequence'], '--from-sequence', 'dump');
  if (from !== undefined && fromSequence !== undefined) {
    throw new UsageError('one of --from and --from-sequence is enough', 'dump');
  }
  const limit = toCount(values['limit'], '--limit', 'a number of records', 'dump') ?? Infinity;
  return { kind: 'dump', log, from, fromSequence, limit };
}

function buildTail(log: string, values: Values): Command {
  const count = toCount(values['lines'], '-n', 'a number of records', 'tail') ?? TAIL_COUNT;
  if (count > TAIL_COUNT_MAX) {
    throw new UsageError(`-n must be at most ${String(TAIL_COUNT_MAX)}: use dump`, 'tail');
  }
  const [follow, json] = [values['follow'] === true, values['json'] === true];
  return { kind: 'tail', log, follow, count, json };
}

function buildTruncate(directory: string, values: Values): Command {
  const before = toSequence(values['before'], '--before', 'truncate');
  const after = toSequence(values['after'], '--after', 'truncate');
  const json = values['json'] === true;
  if (before !== undefined && after === undefined) {
    return { kind: 'truncate', directory, side: 'before', sequence: before, json };
  }
  if (after !== undefined && before === undefined) {
    return { kind: 'truncate', directory, side: 'after', sequence: after, json };
  }
  throw new UsageError('one of --before SEQ and --after SEQ is needed', 'truncate');
}

function help(topics: readonly string[]): Command {
  const [topic, extra] = topics;
  if (topic === undefined || topic === '--help') return { kind: 'help', text: helps.GENERAL_HELP };
  if (extra !== undefined) throw new UsageError('help explains one command at a time');
  if (topic === 'help') return { kind: 'help', text: helps.GENERAL_HELP };
  const command = COMMANDS.get(topic);
  if (command === undefined) throw unknownCommand(topic);
  return { kind: 'help', text: command.help };
}

function unknownCommand(name: string): UsageError {
  const what = name.startsWith('-') ? 'option' : 'command';
  return new UsageError(`unknown ${what} '${name}'${didYouMean(name, COMMAND_NAMES)}`);
}

function readOptions(
  name: string,
  table: OptionTable,
  args: readonly string[],
): { values: Values; positionals: string[] } {
  const known: OptionTable = { ...table, help: { type: 'boolean', short: 'h' } };
  const { tokens } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, string | boolean> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (option === undefined) {
      const near = didYouMean(
        token.rawName,
        Object.keys(known).map((word) => `--${word}`),
      );
      throw new UsageError(`unknown option '${token.rawName}'${near}`, name);
    }
    if (option.type === 'string' && (token.value === undefined || token.value === '')) {
      throw new UsageError(`option '${token.rawName}' needs a value`, name);
    }
    if (option.type === 'boolean' && token.value !== undefined) {
      throw new UsageError(`option '${token.rawName}' takes no value`, name);
    }
    values[token.name] = token.value ?? true;
  }
  return { values, positionals };
}
