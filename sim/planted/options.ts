// The options of `npm run sim:planted`, checked; bad ones are told in a sentence.

import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { UsageError } from '../cli-options.js';

export const HELP = `npm run sim:planted -- [options]

Plants each known bug in a copy of the library and lets the simulator hunt for it; then blinds the
simulator in known ways, and shows that it no longer sees. Ends with a line of counts.

  --seconds N    processor time for each bug, in seconds (default 10)
  --third K      every third bug only: 0, 1 or 2
  --only NAME    this bug only
  --wal          only the bugs of the segmented log
  --seed N       first seed (default: a fresh one, which is printed)
  --jobs N       processes at a time (default: all cores)
  --report FILE  with --only: writes the HTML report of the shrunk case
  --list         print the names and what each breaks
  --help         this text

Exit codes: 0 each was caught, and each blinding was noticed; 1 one was not, or the text it changes
is gone; 64 bad options.`;

export interface PlantedOptions {
  readonly help: boolean;
  readonly list: boolean;
  readonly wal: boolean;
  readonly seconds: number;
  readonly third: number | undefined;
  readonly only: string | undefined;
  readonly seed: number;
  readonly jobs: number;
  readonly report: string | undefined;
}

/** @throws UsageError */
export function parsePlantedOptions(args: readonly string[]): PlantedOptions {
  const { values } = parse(args);
  if (values.report !== undefined && values.only === undefined) {
    throw new UsageError('--report needs --only: a report shows one case');
  }
  return {
    help: values.help === true,
    list: values.list === true,
    wal: values.wal === true,
    seconds: number('seconds', values.seconds, 1, 1e6) ?? 10,
    third: number('third', values.third, 0, 2),
    only: values.only,
    seed: number('seed', values.seed, 0, Number.MAX_SAFE_INTEGER) ?? randomInt(2 ** 40),
    jobs: number('jobs', values.jobs, 1, 1024) ?? availableParallelism(),
    report: values.report,
  };
}

function parse(args: readonly string[]): ReturnType<typeof rawParse> {
  try {
    return rawParse(args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function rawParse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: false,
    options: {
      help: { type: 'boolean', short: 'h' },
      list: { type: 'boolean' },
      wal: { type: 'boolean' },
      seconds: { type: 'string' },
      third: { type: 'string' },
      only: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      report: { type: 'string' },
    },
  });
}

function number(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  const allowed = `a whole number from ${String(min)} to ${String(max)}`;
  throw new UsageError(`--${name} is '${text}': ${allowed} is allowed`);
}
