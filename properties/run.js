// npm run properties: the properties, with options of their own, a figure per level at the end.
//
//   npm run properties                                     every property, its default number of cases
//   npm run properties -- --runs 100000                    so many cases of every property
//   npm run properties -- --shard 2/8 --seconds 600        an eighth of the cases, ten minutes a property at most
//   npm run properties -- -t 'round-trip:' --seed 7 --path 12:3    a failure once more, as it was told
//   npm run properties -- properties/round-trip.test.ts    files by their names, and whatever vitest takes

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OPTIONS = {
  '--runs': 'PROPERTY_RUNS',
  '--seed': 'PROPERTY_SEED',
  '--path': 'PROPERTY_PATH',
  '--shard': 'PROPERTY_SHARD',
  '--seconds': 'PROPERTY_SECONDS',
};
const SEED_END = 0x7fffffff;
const COUNT = /^\d+ passed, \d+ failed/;

/** What sysexits.h calls a wrong use of a command. */
const EXIT_USAGE = 64;
const PATTERNS = {
  '--runs': [/^[1-9]\d{0,14}$/, 'how many cases, from 1 on'],
  '--seed': [/^-?\d{1,10}$/, 'a number of 32 bits'],
  '--path': [/^\d+(:\d+)*$/, 'as a failure tells it, like 12:3'],
  '--shard': [/^[1-9]\d*\/[1-9]\d*$/, 'like 2/8, the second of eight'],
  '--seconds': [/^[1-9]\d{0,8}$/, 'how many seconds, from 1 on'],
};

const { environment, rest, problem } = parse(process.argv.slice(2));
if (problem !== undefined) {
  console.error(problem);
  process.exit(EXIT_USAGE);
}
const seed = environment.PROPERTY_SEED ?? process.env.PROPERTY_SEED ?? String(randomInt(SEED_END));
const shard = environment.PROPERTY_SHARD ?? process.env.PROPERTY_SHARD ?? '1/1';
console.log(`seed ${seed}, shard ${shard}`);

const scratch = mkdtempSync(join(tmpdir(), 'uring-wal-properties-'));
try {
  await run();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Shows the tests' output as it comes; only the closing count waits for the table. */
async function run() {
  const statistics = join(scratch, 'statistics.ndjson');
  const command = [join(ROOT, '.ci', 'test.js'), '--project', 'properties', ...rest];
  const started = Date.now();
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: { ...process.env, ...environment, PROPERTY_SEED: seed, PROPERTY_STATISTICS: statistics },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  let count = '';
  for await (const line of createInterface({ input: child.stdout })) {
    if (count !== '') console.log(count);
    count = COUNT.test(line) ? line : '';
    if (count === '') console.log(line);
  }
  const status = await ended;
  report(statistics, Date.now() - started);
  console.log(count === '' ? '0 passed, 1 failed' : count);
  process.exitCode = status ?? 1;
}

/** A table: cases and cases per second by level. */
function report(file, ms) {
  if (!existsSync(file)) return;
  const levels = new Map();
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    const { level, cases, ms: took, reached } = JSON.parse(line);
    const sum = levels.get(level) ?? { properties: 0, cases: 0, ms: 0, states: 0 };
    sum.properties += 1;
    sum.cases += cases;
    sum.ms += took;
    sum.states += Object.values(reached).filter((times) => times > 0).length;
    levels.set(level, sum);
  }
  console.log('level        properties     cases   cases/s   states reached');
  for (const [level, sum] of levels) {
    const rate = Math.round((sum.cases * 1000) / Math.max(sum.ms, 1));
    const figures = [sum.properties, sum.cases, rate, sum.states];
    const [properties, cases, perSecond, states] = figures.map(String);
    console.log(
      `${level.padEnd(12)} ${properties.padStart(10)} ${cases.padStart(9)} ` +
        `${perSecond.padStart(9)} ${states.padStart(16)}`,
    );
  }
  console.log(`${String(Math.round(ms / 1000))} s in all`);
}

/** Takes our own options out; `--runs=9` and `--runs 9` are the same. */
function parse(args) {
  const found = {};
  const others = [];
  for (let index = 0; index < args.length; index++) {
    const [name, inline] = args[index].split('=', 2);
    const variable = OPTIONS[name];
    if (variable === undefined) {
      others.push(args[index]);
      continue;
    }
    const value = inline ?? args[(index += 1)] ?? '';
    const [pattern, meaning] = PATTERNS[name];
    const [part, parts] = value.split('/').map(Number);
    if (!pattern.test(value) || (name === '--shard' && part > parts)) {
      return { problem: `${name} '${value}': ${meaning}` };
    }
    found[variable] = value;
  }
  return { environment: found, rest: others };
}
