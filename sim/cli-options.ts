// The options of `npm run sim`, checked; bad ones are told in a sentence.

import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from './faults.js';
import { PROFILES, type Profile } from './profile.js';
import { type WorldToken, decodeToken } from './token.js';

export const HELP = `npm run sim -- [options]

Runs simulated worlds through the production writer, reader and recovery, and checks every promise.
Ends with a line of counts: a campaign, a replay and an exhaustive run count as one each.

  --seconds N       run for N seconds (default 10, where --worlds is not given)
  --worlds N        run N worlds
  --seed N          first seed (default: a fresh one, which is printed)
  --jobs N          threads (default: all cores)
  --faults LIST     only these faults, comma-separated; "none" for none
  --profile P       only this file system: ${PROFILES.join(', ')}
  --twice N         percent of the worlds that are run twice and compared (default 5)
  --replay TOKEN    run one world again and show what happened
  --wal             worlds of the segmented log instead of the single-file writer's
  --exhaustive      every crash point and every subset of unsynced sectors of tiny workloads
  --report FILE     write an HTML report
  --json            print the result as JSON
  --help            this text

Faults: ${FAULT_NAMES.join(', ')}

Exit codes: 0 all promises held; 1 one was broken; 2 a fault or an invariant was never exercised;
64 bad options.`;

/** What was asked for. */
export interface CliOptions {
  readonly help: boolean;
  readonly json: boolean;
  readonly exhaustive: boolean;
  readonly wal: boolean;
  readonly report: string | undefined;
  readonly replay: WorldToken | undefined;
  readonly replayText: string;
  readonly seed: number | undefined;
  readonly worlds: number | undefined;
  readonly seconds: number | undefined;
  readonly jobs: number | undefined;
  readonly twice: number;
  readonly faults: readonly FaultName[] | undefined;
  readonly profile: Profile | undefined;
}

/** Bad options: the message says what was wrong and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): CliOptions {
  const { values } = parse(args);
  if (values.wal === true && values.exhaustive === true) {
    throw new UsageError('--wal and --exhaustive exclude each other');
  }
  return {
    help: values.help === true,
    json: values.json === true,
    exhaustive: values.exhaustive === true,
    wal: values.wal === true,
    report: values.report,
    replay: values.replay === undefined ? undefined : token(values.replay),
    replayText: values.replay ?? '',
    seed: number('seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    worlds: number('worlds', values.worlds, 1, 1e12),
    seconds: number('seconds', values.seconds, 0.1, 1e7, false),
    jobs: number('jobs', values.jobs, 1, 1024),
    twice: number('twice', values.twice, 0, 100, false) ?? 5,
    faults: faults(values.faults),
    profile: profile(values.profile),
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
      json: { type: 'boolean' },
      exhaustive: { type: 'boolean' },
      wal: { type: 'boolean' },
      report: { type: 'string' },
      replay: { type: 'string' },
      seed: { type: 'string' },
      worlds: { type: 'string' },
      seconds: { type: 'string' },
      jobs: { type: 'string' },
      twice: { type: 'string' },
      faults: { type: 'string' },
      profile: { type: 'string' },
    },
  });
}

function number(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
  whole = true,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const isFit = text.trim() !== '' && value >= min && value <= max;
  if (isFit && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`--${name} is '${text}': ${kind}, ${String(min)} or more, is allowed`);
}

function faults(text: string | undefined): readonly FaultName[] | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return [];
  return text.split(',').map((part) => {
    const name = FAULT_NAMES.find((known) => known === part.trim());
    if (name !== undefined) return name;
    throw new UsageError(`there is no fault '${part}'; there are: ${FAULT_NAMES.join(', ')}`);
  });
}

function profile(text: string | undefined): Profile | undefined {
  if (text === undefined) return undefined;
  const found = PROFILES.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`there is no profile '${text}'; there are: ${PROFILES.join(', ')}`);
}

function token(text: string): WorldToken {
  try {
    return decodeToken(text);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
