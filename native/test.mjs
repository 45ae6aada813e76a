// npm run test:native: the native code under AddressSanitizer and UndefinedBehaviorSanitizer. First
// its unit tests, which need no Node.js, then the driver's tests with an addon built that way. The
// last line counts the tests. `--terminations N` terminates N workers at work instead of a few.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { includeDirectories } from './headers.mjs';

const native = dirname(fileURLToPath(import.meta.url));
const root = dirname(native);
const output = join(native, 'build', 'sanitize');
const compiler = process.env.CXX ?? 'g++';

const FLAGS = [
  ...['-std=c++20', '-O1', '-g', '-fPIC', '-fno-exceptions', '-fno-omit-frame-pointer'],
  ...['-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'],
  '-fno-sanitize-recover=undefined',
];
const ADDON_FLAGS = ['-DNAPI_VERSION=9', '-DNAPI_DISABLE_CPP_EXCEPTIONS'];

/** Each test program with the sources it covers. */
const PROGRAMS = {
  bytes_test: ['crc32.cc', 'records.cc'],
  ring_test: ['ring.cc', 'ring_setup.cc', 'memory.cc'],
};

/** Tests of the built TypeScript that work the addon. */
const DRIVER_TESTS = [
  ...['addon', 'uring', 'uring-kernel', 'uring-life', 'uring-limits', 'uring-ring'].map(
    (name) => `dist/lib/io/${name}.test.js`,
  ),
  'dist/lib/terminate.test.js',
  'dist/lib/writer-exit.test.js',
];

/** A library of the compiler, to be loaded before node, which was built without. */
function sanitizerLibrary(name) {
  const found = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = found.stdout?.trim() ?? '';
  return existsSync(path) ? path : undefined;
}

/** How many workers to terminate, checked; undefined: as many as the test does by itself. */
function readTerminations() {
  const { values } = parseArgs({ options: { terminations: { type: 'string' } } });
  const { terminations } = values;
  if (terminations === undefined || /^[1-9]\d{0,5}$/.test(terminations)) return terminations;
  throw new RangeError(`--terminations must be 1 … 999999, is '${terminations}'`);
}

const terminations = readTerminations();

function compile(args) {
  const { status, error } = spawnSync(compiler, [...FLAGS, ...args], { stdio: 'inherit' });
  if (error !== undefined) console.error(`${compiler}: ${error.message}`);
  return status === 0;
}

/** Runs the unit tests; adds up the lines PASS, FAIL and SKIP. */
function runPrograms(tally) {
  for (const [name, sources] of Object.entries(PROGRAMS)) {
    console.log(`\n-- ${name}`);
    const program = join(output, name);
    const inputs = [`test/${name}.cc`, ...sources].map((source) => join(native, source));
    if (!compile([...inputs, '-o', program])) {
      tally.failed += 1;
      continue;
    }
    const run = spawnSync(program, { encoding: 'utf8', timeout: 120_000 });
    console.log(run.stdout + run.stderr);
    const count = (word) => run.stdout.match(new RegExp(`^${word} `, 'gm'))?.length ?? 0;
    tally.passed += count('PASS');
    tally.skipped += count('SKIP');
    // A crash fails, also when no test did.
    tally.failed += Math.max(count('FAIL'), run.status === 0 ? 0 : 1);
  }
}

function buildAddon() {
  const sources = readdirSync(native).filter((name) => name.endsWith('.cc'));
  const require = createRequire(import.meta.url);
  const include = [...includeDirectories(), require('node-addon-api').include_dir];
  return compile([
    ...ADDON_FLAGS,
    ...['-DNODE_GYP_MODULE_NAME=uring_wal', '-shared'],
    ...include.flatMap((path) => ['-isystem', path]),
    ...sources.map((name) => join(native, name)),
    ...['-o', join(output, 'uring_wal.node')],
  ]);
}

/** The environment in which every node, children and workers included, takes the other addon. */
function sanitizedEnvironment(libraries, tallyFile) {
  const redirect = join(native, 'test-tools', 'redirect-addon.cjs');
  return {
    ...process.env,
    LD_PRELOAD: libraries.join(' '),
    NODE_OPTIONS: `--require=${redirect}`,
    URING_WAL_TEST_ADDON: join(output, 'uring_wal.node'),
    // Node.js itself leaks at exit; what this library leaks, its tests measure.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:disable_coredump=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    TALLY_FILE: tallyFile,
    ...(terminations === undefined ? {} : { URING_WAL_TERMINATIONS: terminations }),
  };
}

function runDriverTests(tally) {
  console.log('\n-- the addon and the driver');
  const libraries = ['libasan.so', 'libubsan.so', 'libstdc++.so'].map(sanitizerLibrary);
  if (libraries.includes(undefined) || !buildAddon()) {
    tally.failed += 1;
    return;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'uring-wal-native-'));
  try {
    const file = join(scratch, 'tally.json');
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const { status } = spawnSync(process.execPath, [vitest, 'run', ...DRIVER_TESTS], {
      cwd: root,
      stdio: 'inherit',
      env: sanitizedEnvironment(libraries, file),
    });
    addVitest(tally, file, status);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function addVitest(tally, file, status) {
  const counts = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { passed: 0, failed: 0, skipped: [] };
  if (counts.passed + counts.failed === 0) counts.failed = 1;
  tally.passed += counts.passed;
  tally.failed += Math.max(counts.failed, status === 0 ? 0 : 1);
  tally.skipped += counts.skipped.length;
}

function main() {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  if (process.platform === 'linux') {
    mkdirSync(output, { recursive: true });
    runPrograms(tally);
    runDriverTests(tally);
  } else {
    console.log(`${basename(import.meta.url)}: the native code is for Linux; skipped`);
    tally.skipped += 1;
  }
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
  console.log(`${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed === 0 ? 0 : 1;
}

process.exitCode = main();
