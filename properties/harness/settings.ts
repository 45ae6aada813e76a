// How this run of the properties was asked for: by the environment, which properties/run.js sets
// from its options.

/** What holds for every property of a run. */
export interface Settings {
  /** Cases of every property; undefined: each one's own default. */
  readonly runs: number | undefined;
  /** Undefined: every property draws a fresh one. */
  readonly seed: number | undefined;
  /** Replays one case, or its shrinking, of the seed; as a failure prints it. */
  readonly path: string | undefined;
  /** This machine's part of the cases; `index` counts from 1. */
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  /** A property stops after this long, whatever is left of its cases. */
  readonly seconds: number | undefined;
}

/** Seeds of neighbouring shards lie this far apart (2^32 divided by the golden ratio). */
const SHARD_STRIDE = 0x9e3779b9;

export const settings: Settings = {
  runs: numberOf('PROPERTY_RUNS', 1),
  seed: numberOf('PROPERTY_SEED', -0x80000000),
  path: process.env['PROPERTY_PATH'],
  shard: shardOf(process.env['PROPERTY_SHARD']),
  seconds: numberOf('PROPERTY_SECONDS', 1),
};

/** The seed of a property in this run; a signed 32-bit number, as fast-check wants it. */
export function seedOf(fresh: () => number): number {
  const base = settings.seed ?? fresh();
  const shard = settings.shard?.index ?? 1;
  return settings.path === undefined ? (base + (shard - 1) * SHARD_STRIDE) | 0 : base | 0;
}

/** How many cases of a property run here. */
export function runsOf(byDefault: number): number {
  const all = settings.runs ?? byDefault;
  return Math.ceil(all / (settings.shard?.count ?? 1));
}

function numberOf(name: string, least: number): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new RangeError(`${name} is '${text}': an integer from ${least} on is allowed`);
  }
  return number;
}

function shardOf(text: string | undefined): Settings['shard'] {
  if (text === undefined || text === '') return undefined;
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || index < 1 || index > count) {
    throw new RangeError(`PROPERTY_SHARD is '${text}': 1/4 … 4/4 are the parts of four`);
  }
  return { index, count };
}
