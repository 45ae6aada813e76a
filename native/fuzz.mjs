// npm run fuzz: coverage-guided fuzzing (libFuzzer, with AddressSanitizer and UBSan) of the native
// code that reads bytes nobody vouches for, each result compared with a slow reference. Needs clang
// and its runtime (Debian: clang, libclang-rt-14-dev); without them it is skipped, aloud.
//
//   npm run fuzz                      10 million executions in all
//   npm run fuzz -- --runs 500000     fewer, or more
//   npm run fuzz -- --keep            afterwards the smallest corpus of the same coverage is kept
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const native = dirname(fileURLToPath(import.meta.url));
const output = join(native, 'build', 'fuzz');
const compiler = process.env.CLANGXX ?? 'clang++';

const FLAGS = [
  ...['-std=c++20', '-O2', '-g', '-fno-exceptions', '-Wall', '-Wextra', '-Werror'],
  ...['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=undefined'],
];

/** Each fuzzer: the sources it covers, and its part of the executions. */
const FUZZERS = {
  records: { sources: ['records.cc', 'crc32.cc'], share: 0.8 },
  crc32: { sources: ['crc32.cc'], share: 0.2 },
};

/** Beyond the sizes at which the native code changes its ways: 8, 32, 64 and 1024 bytes. */
const INPUT_BYTES_MAX = 1500;
const RUNS_DEFAULT = 10_000_000;

/** Why there is no fuzzing here, or undefined. */
function whyNot() {
  const { error, stdout } = spawnSync(compiler, ['--print-file-name=libclang_rt.fuzzer-x86_64.a'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return `no ${compiler}: ${error.message}`;
  const runtime = stdout.trim();
  // The name alone comes back when there is no such file; other processors name it differently.
  const missing = process.arch === 'x64' && !existsSync(runtime);
  return missing ? `${compiler} has no libFuzzer (Debian: libclang-rt-14-dev)` : undefined;
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit', cwd: output });
  if (error !== undefined) console.error(`${program}: ${error.message}`);
  return status === 0;
}

function fuzz(name, runs, { keep, seed }) {
  const { sources } = FUZZERS[name];
  const program = join(output, name);
  const inputs = [join('fuzz', `${name}_fuzz.cc`), ...sources].map((file) => join(native, file));
  if (!run(compiler, [...FLAGS, ...inputs, '-o', program])) return false;
  const kept = join(native, 'fuzz', 'corpus', name);
  mkdirSync(kept, { recursive: true });
  const corpus = mkdtempSync(join(tmpdir(), `uring-wal-fuzz-${name}-`));
  try {
    const limits = [`-runs=${runs}`, `-max_len=${INPUT_BYTES_MAX}`, '-len_control=100'];
    const quiet = ['-verbosity=0', '-print_final_stats=1', `-artifact_prefix=${name}-`];
    if (!run(program, [...limits, ...quiet, `-seed=${seed}`, corpus, kept])) return false;
    return keep ? minimize(program, kept, corpus) : true;
  } finally {
    rmSync(corpus, { recursive: true, force: true });
  }
}

/** Leaves in `kept` the fewest inputs that reach what `corpus` and `kept` reach. */
function minimize(program, kept, corpus) {
  const fewest = mkdtempSync(join(tmpdir(), 'uring-wal-fuzz-merge-'));
  try {
    const merged = run(program, ['-merge=1', '-verbosity=0', fewest, kept, corpus]);
    if (!merged) return false;
    rmSync(kept, { recursive: true });
    cpSync(fewest, kept, { recursive: true });
    console.log(`${readdirSync(kept).length} inputs kept in ${kept}`);
    return true;
  } finally {
    rmSync(fewest, { recursive: true, force: true });
  }
}

function main() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: String(RUNS_DEFAULT) },
      seed: { type: 'string', default: '1' },
      keep: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isSafeInteger(runs) || runs < 1) throw new RangeError(`--runs ${values.runs}`);
  const reason = whyNot();
  if (reason !== undefined) {
    console.log(`SKIPPED: no fuzzing: ${reason}\n0 passed, 0 failed, 1 skipped`);
    return 0;
  }
  mkdirSync(output, { recursive: true });
  let [passed, failed] = [0, 0];
  for (const [name, { share }] of Object.entries(FUZZERS)) {
    const part = Math.ceil(runs * share);
    console.log(`\n-- ${name}: ${part} executions`);
    if (fuzz(name, part, values)) passed++;
    else {
      failed++;
      console.log(`FAILED: ${name}; the input is kept in ${output}`);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main();
