// The command line of `npm run bench`. Anything not understood exits with 64 (EX_USAGE), said.

import { parseArgs } from 'node:util';
import { CATALOGUE } from './contenders/catalogue.js';
import { DATA_DIRECTORY } from './paths.js';
import { WORKLOADS } from './workloads.js';

export interface BenchOptions {
  /** Measure, run Benchmark.js, count system calls, watch memory, or only chart an earlier result. */
  readonly mode: 'measure' | 'micro' | 'counts' | 'soak' | 'wal' | 'from';
  readonly tier: 'quick' | 'default' | 'all';
  /** Names of workloads; empty means those of the tier. */
  readonly workloads: readonly string[];
  /** Ids of contenders; empty means all. */
  readonly contenders: readonly string[];
  readonly rounds: number;
  /** Of workloads that open a log: fewer by default, since each needs a new process. */
  readonly recoverRounds: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  readonly directory: string;
  readonly jsonFile: string | undefined;
  readonly chartFile: string | undefined;
  readonly fromFile: string | undefined;
  readonly profileDirectory: string | undefined;
  readonly install: boolean;
  /** Length of a soak. */
  readonly minutes: number;
  /** Make this run the figures that README.md shows. */
  readonly save: boolean;
}

/** A command line that cannot be obeyed. */
export class UsageError extends Error {}

const ROUNDS = { quick: 5, default: 9, all: 9 } as const;
const RECOVER_ROUNDS = 5;
const MEASURE_MS = { quick: 60, default: 80, all: 200 } as const;
const ROUNDS_MAX = 1000;
const MEASURE_MS_MAX = 60_000;
/**
 * Until the code is compiled: what is measured is how a process runs, not how it starts. With 200 ms
 * the rate of 64 callers doubled from the first round to the tenth; with 1000 ms it did not rise.
 */
const WARMUP_MS = { quick: 400, default: 800, all: 1000 } as const;
const SOAK_MINUTES = 10;
const SOAK_MINUTES_MAX = 10_000;

export const HELP = `Measures uring-wal against its peers, interleaved, each contender in a process of its own.

Usage: npm run bench -- [options] [workload ...]
       npm run bench -- micro           single steps by Benchmark.js: encode, decode, CRC, one append
       npm run bench -- counts          system calls and bytes per append, by strace
       npm run bench -- soak            memory over ten minutes of appends: its slope, flat or not
       npm run bench -- wal             the segmented log: opening a large one, and rotation
       npm run bench -- --from FILE     table and chart of an earlier result, nothing measured

Without names the default workloads run, for three minutes: databases and those who block only
with 64 callers. Those named run with every contender. A name may be a group: durable,
written, disk, replay, recover.

Options:
  --quick            ours, the yardsticks and the floor only, 5 rounds: 30 seconds
  --all              every workload with every contender, longer slices
  --rounds N         rounds; every row tells the median of them, 1 to ${String(ROUNDS_MAX)}
                     (default ${String(ROUNDS.default)}; ${String(RECOVER_ROUNDS)} of opening a log)
  --measure MS       length of a round's slice in ms (default ${String(MEASURE_MS.default)})
  --only ID[,ID...]  only these contenders
  --dir DIRECTORY    where the logs are written (default: bench/.data; not a tmpfs)
  --json FILE        write everything measured as JSON
  --chart FILE       write a chart, .svg or .html
  --save             make this run README.md's figures: bench/results/latest.{json,svg} and the
                     block between the markers in README.md
  --cpu-prof DIR     write V8 CPU profiles of ours
  --minutes N        length of a soak (default ${String(SOAK_MINUTES)})
  --no-install       do not install the peers, even if they are missing
  --list             names of workloads and contenders
  --help             this text

Exit codes: 0 measured (whatever the figures), 64 usage, 1 anything else.
`;

const GROUPS = ['durable', 'written', 'disk', 'replay', 'recover'];

export function parseOptions(argumentList: string[]): BenchOptions | 'help' | 'list' {
  const { values, positionals } = parse(argumentList);
  if (values.help === true) return 'help';
  if (values.list === true) return 'list';
  if (values.quick === true && values.all === true) {
    throw new UsageError('--quick and --all exclude each other');
  }
  const mode = modeOf(positionals, values.from);
  const tier = values.quick === true ? 'quick' : values.all === true ? 'all' : 'default';
  const measureMs = integer('--measure', values.measure, MEASURE_MS[tier], MEASURE_MS_MAX);
  const { chart } = values;
  if (chart !== undefined && !/\.(svg|html)$/.test(chart)) {
    throw new UsageError(`--chart writes .svg or .html, not ${chart}`);
  }
  return {
    mode,
    tier,
    workloads: mode === 'measure' ? positionals.flatMap(expandWorkload) : [],
    contenders: contenderIds(values.only),
    rounds: integer('--rounds', values.rounds, ROUNDS[tier], ROUNDS_MAX),
    recoverRounds: integer('--rounds', values.rounds, RECOVER_ROUNDS, ROUNDS_MAX),
    measureMs,
    warmupMs: WARMUP_MS[tier],
    directory: values.dir ?? DATA_DIRECTORY,
    jsonFile: values.json,
    chartFile: chart,
    fromFile: values.from,
    profileDirectory: values['cpu-prof'],
    install: values['no-install'] !== true,
    minutes: integer('--minutes', values.minutes, SOAK_MINUTES, SOAK_MINUTES_MAX),
    save: values.save === true,
  };
}

function parse(argumentList: string[]) {
  try {
    return parseArgs({
      args: argumentList,
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        all: { type: 'boolean' },
        rounds: { type: 'string' },
        measure: { type: 'string' },
        only: { type: 'string' },
        dir: { type: 'string' },
        json: { type: 'string' },
        chart: { type: 'string' },
        from: { type: 'string' },
        'cpu-prof': { type: 'string' },
        minutes: { type: 'string' },
        'no-install': { type: 'boolean' },
        save: { type: 'boolean' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function modeOf(positionals: string[], from: string | undefined): BenchOptions['mode'] {
  if (from !== undefined) {
    if (positionals.length > 0) throw new UsageError('--from measures nothing: name no workload');
    return 'from';
  }
  for (const mode of ['micro', 'counts', 'soak', 'wal'] as const) {
    if (!positionals.includes(mode)) continue;
    if (positionals.length > 1) throw new UsageError(`${mode} runs alone`);
    return mode;
  }
  return 'measure';
}

function expandWorkload(name: string): string[] {
  const names = WORKLOADS.map((workload) => workload.name);
  if (names.includes(name)) return [name];
  if (GROUPS.includes(name)) return names.filter((one) => one.startsWith(name));
  throw new UsageError(`no workload is called '${name}'; there are ${names.join(', ')}`);
}

function contenderIds(only: string | undefined): string[] {
  if (only === undefined) return [];
  const ids = CATALOGUE.map((entry) => entry.id);
  const chosen = only.split(',');
  for (const id of chosen) {
    if (!ids.includes(id)) {
      throw new UsageError(`no contender is called '${id}'; there are ${ids.join(', ')}`);
    }
  }
  return chosen;
}

function integer(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`${name} takes a whole number from 1 to ${String(max)}, not '${text}'`);
}
