// npm run mutation: how many small changes to the library the tests notice, by Stryker.
//
//   npm run mutation                            every module below
//   npm run mutation -- --only tail,scan        some of them
//   npm run mutation -- --only tail:120-140     some lines of the built module
//   npm run mutation -- --jobs 2                so many at a time (default: one)
//   npm run mutation -- --planted               no mutants: each planted bug (planted-bugs.js)
//
// Stryker puts every mutant of a module into one build of it, turned on one at a time, and runs the
// tests that get there (tests.js beside this file), the quickest first, until one fails.
// ../mutation-survivors.md tells what is known of those that live.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { plantAll } from './planted.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** By the tests that they meet. */
const BYTES = ['record', 'checksum', 'entry', 'scan', 'window', 'tail', 'recovery', 'batch-value'];
const WRITER = [
  ...['batch', 'batch-memory', 'write-fully', 'write-lane', 'write-mode', 'ack-queue'],
  ...['settlement', 'watermarks', 'failure', 'zero-ahead', 'commit', 'sync-alone'],
  ...['sync-goal', 'waiters', 'appender', 'writer'],
];
const MODULES = [...BYTES, ...WRITER];
const FOLDER = join('dist', 'mutation');
const SCORE_MIN = 90;
const EXIT_USAGE = 64;

const options = parse(process.argv.slice(2));
mkdirSync(join(ROOT, FOLDER), { recursive: true });
if (options.planted) process.exitCode = (await plantAll(options.only)) ? 0 : 1;
else report(options.only.map((one) => ({ module: one, ...run(one) })));

/** Stryker over one module, so that a run that is cut short has told of those before. */
function run(module) {
  const [name, lines] = module.split(':');
  const file = join('dist', 'lib', `${name}.js`);
  if (!existsSync(join(ROOT, file))) usage(`no module '${name}'; there are: ${MODULES.join(', ')}`);
  const config = join(ROOT, FOLDER, `${name}.config.json`);
  const results = join(FOLDER, `${name}.json`);
  writeFileSync(config, JSON.stringify(configuration(name, lines, file, results)));
  rmSync(join(ROOT, results), { force: true });
  const command = [
    join('node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js'),
    'run',
    config,
  ];
  const { status } = spawnSync(process.execPath, command, {
    cwd: ROOT,
    env: { ...process.env, MUTATION_TESTS: BYTES.includes(name) ? 'bytes' : 'writer' },
    stdio: 'inherit',
  });
  if (!existsSync(join(ROOT, results)))
    return { problem: `Stryker ended with ${status}`, counts: {} };
  return { counts: countsOf(JSON.parse(readFileSync(join(ROOT, results), 'utf8'))) };
}

function configuration(name, lines, file, results) {
  return {
    mutate: [lines === undefined ? file : `${file}:${lines}`],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', './properties/mutation/left-alone.js'],
    ignorers: ['left-alone'],
    // What only words things.
    mutator: { excludedMutations: ['StringLiteral'] },
    vitest: { configFile: 'properties/mutation/vitest.config.js', related: false },
    coverageAnalysis: 'perTest',
    concurrency: options.jobs,
    // A busy machine is late as well: what takes this long does not end.
    timeoutMS: 10_000,
    timeoutFactor: 2,
    dryRunTimeoutMinutes: 20,
    tempDirName: join(FOLDER, 'sandbox'),
    ignorePatterns: ['bench', 'coverage', 'native/build/Release/obj.target', 'dist/mutation'],
    disableTypeChecks: false,
    reporters: ['clear-text', 'progress-append-only', 'json', 'html'],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    jsonReporter: { fileName: results },
    htmlReporter: { fileName: join(FOLDER, `${name}.html`) },
    allowConsoleColors: false,
    warnings: { slow: false },
  };
}

function countsOf({ files }) {
  const counts = {};
  for (const { mutants } of Object.values(files)) {
    for (const mutant of mutants) {
      const status = isUnloadable(mutant) ? 'Killed' : mutant.status;
      counts[status] = (counts[status] ?? 0) + 1;
    }
  }
  return counts;
}

/**
 * With this mutant a test file throws while it is loaded, which ends the run before its first test.
 * Stryker's runner looks at tests only, and says that the mutant survived.
 */
function isUnloadable({ status, static: isStatic, testsCompleted }) {
  return status === 'Survived' && isStatic === true && testsCompleted === 0;
}

/** What no test reaches counts as living. A run that does not come to its end has not passed. */
function report(found) {
  console.log(`\n${'module'.padEnd(14)} killed  out of time  lived  not reached   score`);
  const sum = { Killed: 0, Timeout: 0, Survived: 0, NoCoverage: 0 };
  for (const { module, counts, problem } of found) {
    for (const name of Object.keys(sum)) sum[name] += counts[name] ?? 0;
    console.log(problem === undefined ? row(module, counts) : `${module.padEnd(14)} ${problem}`);
  }
  console.log(row('all', sum));
  const isWhole = found.every(({ problem }) => problem === undefined);
  process.exitCode = isWhole && scoreOf(sum) >= SCORE_MIN ? 0 : 1;
}

function row(module, { Killed = 0, Timeout = 0, Survived = 0, NoCoverage = 0 }) {
  const score = scoreOf({ Killed, Timeout, Survived, NoCoverage }).toFixed(1);
  const figures = [
    [Killed, 6],
    [Timeout, 12],
    [Survived, 6],
    [NoCoverage, 12],
    [score, 7],
  ];
  return [module.padEnd(14), ...figures.map(([one, width]) => String(one).padStart(width))].join(
    ' ',
  );
}

function scoreOf({ Killed = 0, Timeout = 0, Survived = 0, NoCoverage = 0 }) {
  const found = Killed + Timeout;
  const all = found + Survived + NoCoverage;
  return all === 0 ? 0 : (100 * found) / all;
}

function parse(args) {
  const found = { only: [], jobs: 1, planted: false };
  for (let index = 0; index < args.length; index++) {
    if (args[index] === '--only') found.only = (args[(index += 1)] ?? '').split(',');
    else if (args[index] === '--jobs') found.jobs = Number(args[(index += 1)]);
    else if (args[index] === '--planted') found.planted = true;
    else usage(`unknown option '${args[index]}'`);
  }
  if (!Number.isSafeInteger(found.jobs) || found.jobs < 1) usage('--jobs: how many, from 1 on');
  if (found.only.length === 0) found.only = found.planted ? [''] : MODULES;
  return found;
}

function usage(problem) {
  console.error(problem);
  process.exit(EXIT_USAGE);
}
