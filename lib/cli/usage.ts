// The command line: arguments to a command. Everything wrong with them is a UsageError with a
// sentence that says what is allowed.

import { parseArgs } from 'node:util';
import { APPEND_HELP, DUMP_HELP, GENERAL_HELP, VERIFY_HELP } from './help.js';
import { didYouMean } from './suggest.js';

/** The drivers that can be asked for. */
export const DRIVERS = ['auto', 'uring', 'threadpool'] as const;

/** What the user wants. Offsets are in bytes. */
export type Command =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'append';
      readonly log: string;
      readonly sync: boolean;
      readonly direct: boolean;
      readonly driver: (typeof DRIVERS)[number];
    }
  | {
      readonly kind: 'dump';
      readonly log: string;
      readonly from: number;
      /** How many records at most. */
      readonly limit: number;
    }
  | { readonly kind: 'verify'; readonly log: string; readonly json: boolean };

/** The command line is wrong; `topic` is the command whose help fits. */
export class UsageError extends Error {
  readonly topic: string | undefined;
  constructor(message: string, topic?: string) {
    super(message);
    this.topic = topic;
  }
}

type OptionTable = Readonly<Record<string, { readonly type: 'boolean' | 'string' }>>;
type Values = Readonly<Record<string, string | boolean | undefined>>;

interface CommandShape {
  readonly help: string;
  readonly options: OptionTable;
}

const COMMANDS: ReadonlyMap<string, CommandShape> = new Map<string, CommandShape>([
  [
    'append',
    {
      help: APPEND_HELP,
      options: {
        sync: { type: 'boolean' },
        direct: { type: 'boolean' },
        driver: { type: 'string' },
      },
    },
  ],
  ['dump', { help: DUMP_HELP, options: { from: { type: 'string' }, limit: { type: 'string' } } }],
  ['verify', { help: VERIFY_HELP, options: { json: { type: 'boolean' } } }],
]);
const COMMAND_NAMES = [...COMMANDS.keys(), 'help'];

/** Arguments, without node and script, to a command. Throws UsageError. */
export function parseCommandLine(args: readonly string[]): Command {
  const [name, ...rest] = args;
  if (name === undefined) throw new UsageError('a command is missing: append, dump or verify');
  if (name === '--help' || name === '-h') return { kind: 'help', text: GENERAL_HELP };
  if (name === '--version' || name === '-V') return { kind: 'version' };
  if (name === 'help') return help(rest);
  const command = COMMANDS.get(name);
  if (command === undefined) throw unknownCommand(name);
  const { values, positionals } = readOptions(name, command.options, rest);
  if (values['help'] === true) return { kind: 'help', text: command.help };
  const [log, extra] = positionals;
  if (log === undefined || log === '') throw new UsageError('LOG, a file name, is missing', name);
  if (extra !== undefined) throw new UsageError(`one LOG is enough, also got '${extra}'`, name);
  return toCommand(name, log, values);
}

function toCommand(name: string, log: string, values: Values): Command {
  if (name === 'dump') {
    const from = toCount(values['from'], '--from', 'a byte offset', name) ?? 0;
    const limit = toCount(values['limit'], '--limit', 'a number of records', name) ?? Infinity;
    return { kind: 'dump', log, from, limit };
  }
  if (name === 'verify') return { kind: 'verify', log, json: values['json'] === true };
  const driver = toDriver(values['driver'] ?? 'auto', name);
  const [sync, direct] = [values['sync'] === true, values['direct'] === true];
  return { kind: 'append', log, sync, direct, driver };
}

function help(topics: readonly string[]): Command {
  const [topic, extra] = topics;
  if (topic === undefined || topic === '--help') return { kind: 'help', text: GENERAL_HELP };
  if (extra !== undefined) throw new UsageError('help explains one command at a time');
  if (topic === 'help') return { kind: 'help', text: GENERAL_HELP };
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
  const known: OptionTable = { ...table, help: { type: 'boolean' } };
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...known, help: { type: 'boolean', short: 'h' } },
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

function toCount(
  value: string | boolean | undefined,
  option: string,
  what: string,
  topic: string,
): number | undefined {
  if (value === undefined) return undefined;
  const count = /^[0-9]+$/.test(String(value)) ? Number(value) : NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new UsageError(`${option} must be ${what}, 0 or more, not '${String(value)}'`, topic);
}

function toDriver(value: string | boolean, topic: string): (typeof DRIVERS)[number] {
  for (const driver of DRIVERS) if (driver === value) return driver;
  const near = didYouMean(String(value), DRIVERS);
  const allowed = DRIVERS.join(', ');
  throw new UsageError(`unknown driver '${String(value)}'${near}: ${allowed} are allowed`, topic);
}
