// npm run mutation: how many small changes to the library the tests notice.
//
//   npm run mutation                        every module below
//   npm run mutation -- --only tail,scan    some of them
//   npm run mutation -- --sample 10         one mutant in ten, evenly
//   npm run mutation -- --jobs 2            so many at a time (default: one per core)
//
// Each mutant is put into a copy of the built library; then the simulator's worlds, the unit tests
// and the properties run over it, the fastest first, until one fails. What is left alive is listed
// with its line; properties/mutation-survivors.md tells what is known of each. Stryker is not used: the
// tests here start processes that import the library by path, and need the mutant there as well.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { applied, mutantsOf } from './mutants.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODULES = [
  ...['record', 'checksum', 'scan', 'window', 'tail', 'recovery', 'batch', 'commit', 'writer'],
  ...['appender', 'write-lane', 'write-fully', 'settlement', 'watermarks', 'zero-ahead', 'failure'],
];
const STAGE_MS_MAX = 300_000;
const VITEST = 'node_modules/vitest/vitest.mjs';
const SCORE_MIN = 90;
/** A stage did not end in its time, twice: counted apart. */
const LATE = 'out of time';
/** The normal distribution's quantile for an interval of 95 %. */
const Z = 1.96;
const OUTPUT_CHARACTERS = 6000;
/** Every mutant meets the same cases. */
const SEED = '1';

/** The tests of a mutant, fastest first: a command's arguments, and what is in its environment. */
const STAGES = [
  { name: 'worlds', args: ['properties/mutation/world-killer.js', '400'], env: {} },
  {
    name: 'worlds without the addon',
    args: ['properties/mutation/world-killer.js', '100'],
    env: {},
    withoutAddon: true,
  },
  {
    name: 'properties of bytes',
    files: inFolder('properties', [
      ...['round-trip', 'offsets', 'bit-flips', 'nested', 'crash-is'],
      ...['arbitrary', 'native', 'damage'],
    ]),
    env: { PROPERTY_RUNS: '150' },
  },
  {
    name: 'unit tests',
    files: inFolder('lib', [
      ...['golden', 'recovery.test', 'recovery-damage', 'reader', 'writer.test'],
      ...['writer-failure', 'counts'],
    ]),
    env: {},
  },
  {
    name: 'more worlds, and the kernel',
    files: [
      ...inFolder('properties', ['kernel-log', 'replay']),
      ...inFolder('lib', ['writer-full', 'writer-open', 'writer-driver']),
    ],
    env: {},
  },
  {
    name: 'properties of bytes, at length',
    files: inFolder('properties', [
      ...['round-trip', 'offsets', 'bit-', 'nested', 'crash', 'arbitrary'],
      ...['native', 'damage', 'segmented'],
    ]),
    env: {},
  },
  { name: 'many worlds', args: ['properties/mutation/world-killer.js', '4000'], env: {} },
];

function inFolder(folder, names) {
  return names.map((name) => `dist/${folder}/${name}`);
}

function commandOf({ args, files }) {
  if (files === undefined) return args;
  return [VITEST, 'run', '--bail', '1', '--maxWorkers', '1', '--reporter', 'dot', ...files];
}

const options = parse(process.argv.slice(2));
const scratch = mkdtempSync(join(tmpdir(), 'uring-wal-mutation-'));
// Some tests start processes of other users.
chmodSync(scratch, 0o755);
try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  const work = options.only.flatMap((name) => {
    const text = readFileSync(join(ROOT, 'dist', 'lib', `${name}.js`), 'utf8');
    return mutantsOf(text).map((mutant) => ({ name, text, mutant }));
  });
  const chosen = work.filter((_one, index) => index % options.sample === 0);
  const folders = Array.from({ length: options.jobs }, (_one, index) => prepare(index));
  const problem = await unmutated(folders[0]);
  if (problem !== undefined) {
    console.log(`without any mutant, '${problem}' fails already`);
    process.exitCode = 1;
    return;
  }
  console.log(`${chosen.length} mutants of ${work.length}`);
  const results = [];
  let next = 0;
  const worker = async (folder) => {
    while (next < chosen.length) {
      const one = chosen[next++];
      const killer = await test(folder, one);
      results.push({ ...one, killer });
      if (killer === undefined) console.log(`SURVIVED ${describe(one)}`);
      if (results.length % 25 === 0) console.log(`${results.length} of ${chosen.length} done`);
    }
  };
  await Promise.all(folders.map(worker));
  report(results);
}

/** A folder that looks like the project, with a built library of its own. */
function prepare(index) {
  const folder = join(scratch, String(index));
  mkdirSync(join(folder, 'properties', 'regressions'), { recursive: true });
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  for (const name of ['package.json', 'vitest.config.js']) {
    cpSync(join(ROOT, name), join(folder, name));
  }
  for (const name of ['node_modules', 'native', 'lib', '.ci', 'sim']) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
  for (const name of ['tools', 'mutation']) {
    cpSync(join(ROOT, 'properties', name), join(folder, 'properties', name), { recursive: true });
  }
  return folder;
}

/**
 * Test files that fail without a mutant can tell nothing: they are left out, aloud. Returns the
 * name of a stage that fails all the same.
 */
async function unmutated(folder) {
  const path = join(scratch, 'log');
  const log = openSync(path, 'w');
  try {
    for (const stage of STAGES) {
      if (!(await fails(folder, stage, log))) continue;
      console.log(readFileSync(path, 'utf8').slice(-OUTPUT_CHARACTERS));
      if (stage.files === undefined) return stage.name;
      const failing = [];
      for (const file of stage.files) {
        if (await fails(folder, { ...stage, files: [file] }, log)) failing.push(file);
      }
      if (failing.length === 0) return stage.name;
      console.log(`left out, since they fail without a mutant: ${failing.join(', ')}`);
      stage.files = stage.files.filter((file) => !failing.includes(file));
    }
    return undefined;
  } finally {
    closeSync(log);
  }
}

/** The name of the stage that killed the mutant, or `LATE`; undefined: it lives. */
async function test(folder, { name, text, mutant }) {
  const file = join(folder, 'dist', 'lib', `${name}.js`);
  writeFileSync(file, applied(text, mutant));
  try {
    for (const stage of STAGES) {
      let outcome = await fails(folder, stage);
      // A busy machine is late as well: only what is late twice has hung.
      if (outcome === LATE) outcome = await fails(folder, stage);
      if (outcome === LATE) return LATE;
      if (outcome) return stage.name;
    }
    return undefined;
  } finally {
    writeFileSync(file, text);
    clear(join(folder, 'properties', 'regressions'));
  }
}

function clear(folder) {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) rmSync(join(folder, name));
}

/** Runs a stage: true, false, or `LATE`. */
function fails(folder, { env, withoutAddon, ...stage }, log) {
  const addon = join(folder, 'native');
  if (withoutAddon === true) rmSync(addon);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, commandOf(stage), {
      cwd: folder,
      env: { ...process.env, CI: 'true', PROPERTY_SEED: SEED, ...env },
      stdio: ['ignore', log ?? 'ignore', log ?? 'ignore'],
      detached: true,
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      stop(child.pid);
    }, STAGE_MS_MAX);
    child.once('exit', (code) => {
      clearTimeout(timer);
      stop(child.pid);
      if (withoutAddon === true) symlinkSync(join(ROOT, 'native'), addon);
      resolve(isLate ? LATE : code !== 0);
    });
  });
}

/** Ends what a stage has started: its process group. */
function stop(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function describe({ name, text, mutant }) {
  const { start, end, replacement, line } = mutant;
  const lineText = text.split('\n')[line - 1]?.trim() ?? '';
  const what = text.slice(start, end).replaceAll(/\s+/g, ' ').slice(0, 60);
  return `lib/${name}.js:${line}: \`${what}\` → \`${replacement.slice(0, 60)}\` in \`${lineText}\``;
}

function report(results) {
  console.log('');
  for (const name of options.only) {
    const own = results.filter((one) => one.name === name);
    const killed = own.filter(isKilled).length;
    console.log(`${name.padEnd(12)} ${killed} of ${own.length} killed (${percent(killed, own)} %)`);
  }
  for (const stage of STAGES) {
    const count = results.filter(({ killer }) => killer === stage.name).length;
    console.log(`by ${stage.name}: ${count}`);
  }
  const late = results.filter(({ killer }) => killer === LATE);
  console.log(`out of time twice, and no kill by that alone: ${late.length}`);
  for (const one of late) console.log(`OUT OF TIME ${describe(one)}`);
  const killed = results.filter(isKilled).length;
  const [low, high] = interval(killed, results.length);
  console.log(
    `score: ${percent(killed, results)} % (${killed} of ${results.length}); ` +
      `of all mutants, with 95 % confidence, between ${low} and ${high} %`,
  );
  process.exitCode = (100 * killed) / results.length >= SCORE_MIN ? 0 : 1;
}

function isKilled({ killer }) {
  return killer !== undefined && killer !== LATE;
}

/** Wilson's interval for the share of all of which this is a sample, in percent. */
function interval(part, whole) {
  if (whole === 0) return ['0', '100'];
  const share = part / whole;
  const middle = share + (Z * Z) / (2 * whole);
  const margin = Z * Math.sqrt((share * (1 - share)) / whole + (Z * Z) / (4 * whole * whole));
  const scale = 100 / (1 + (Z * Z) / whole);
  return [middle - margin, middle + margin].map((bound) => (scale * bound).toFixed(1));
}

function percent(part, whole) {
  return whole.length === 0 ? '-' : ((100 * part) / whole.length).toFixed(1);
}

function parse(args) {
  const found = { only: MODULES, sample: 1, jobs: availableParallelism() };
  for (let index = 0; index < args.length; index += 2) {
    const value = args[index + 1] ?? '';
    if (args[index] === '--only') found.only = value.split(',');
    else if (args[index] === '--sample') found.sample = Number(value);
    else if (args[index] === '--jobs') found.jobs = Number(value);
    else throw new Error(`unknown option '${args[index]}'`);
  }
  return found;
}
