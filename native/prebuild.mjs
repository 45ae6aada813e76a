// npm run prebuilds: the binaries that the package ships, in native/prebuilds/<target>/: Node-API, one
// for every Node.js from 20 on, needing the C library alone and no young one. A target whose
// compiler is not here is skipped, aloud; with --all that is a failure.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { includeDirectories } from './headers.mjs';
import { loadWithMusl } from './prebuild/musl-load.mjs';
import { TARGETS, whyUnbuildable } from './prebuild/targets.mjs';
import { inspectBinary } from './prebuild/verify.mjs';

const native = dirname(fileURLToPath(import.meta.url));
const output = join(native, 'prebuilds');
const addonApi = createRequire(import.meta.url)('node-addon-api');

const FLAGS = [
  ...['-std=c++20', '-O2', '-fPIC', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
  ...['-fno-asynchronous-unwind-tables', '-fno-threadsafe-statics', '-Wall', '-Wextra', '-Werror'],
  ...[`-ffile-prefix-map=${native}=native`, '-DNAPI_VERSION=9'],
  ...['-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=uring_wal'],
  ...['-shared', '-Wl,-s', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now', '-Wl,--build-id=none'],
  `-Wl,--version-script=${join(native, 'prebuild', 'exports.map')}`,
];

/** The end of every shipped binary, behind what ELF needs: these bytes, then the crc of the rest. */
const SEAL = 'uring-wal sealed';

const filesOf = (folder, pattern) =>
  readdirSync(join(native, folder), { recursive: true })
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(native, folder, name));

const sources = () => filesOf('.', /^[^/]+\.cc$/).concat(join(native, 'prebuild', 'runtime.cc'));

/** Changes whenever the result of a build could. */
function fingerprint({ name, compiler }) {
  const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout;
  const hash = createHash('sha256').update(`${name}\n${version}\n${addonApi.version}\n`);
  const read = [...filesOf('.', /^[^/]+\.(cc|h)$/), ...filesOf('prebuild', /\.(cc|h|map|mjs)$/)];
  for (const file of [...read, fileURLToPath(import.meta.url)]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/** So that a damaged file is told before the dynamic linker stumbles over it. */
function seal(file) {
  const bytes = readFileSync(file);
  const crc = Buffer.alloc(4);
  const sealed = Buffer.concat([bytes, Buffer.from(SEAL, 'latin1')]);
  crc.writeUInt32LE(crc32(sealed));
  writeFileSync(file, Buffer.concat([sealed, crc]));
}

function compile(target, file, scratch) {
  const include = [...includeDirectories(), addonApi.include_dir.replaceAll('"', '')];
  const { status } = spawnSync(
    target.compiler,
    [
      ...FLAGS,
      ...target.flags(target.compiler, scratch),
      ...include.flatMap((path) => ['-isystem', path]),
      ...sources(),
      ...['-o', file, '-lgcc', '-lc'],
    ],
    { stdio: 'inherit' },
  );
  return status === 0 ? [] : ['it does not compile'];
}

/** Builds into a scratch folder; only what passed every check comes to its place. */
function build(target) {
  const scratch = mkdtempSync(join(tmpdir(), 'uring-wal-prebuild-'));
  try {
    const file = join(scratch, 'uring_wal.node');
    const problems = compile(target, file, scratch);
    if (problems.length > 0) return { problems };
    const found = inspectBinary(file, target.libc);
    problems.push(...found.problems);
    if (target.libc === 'musl') {
      const problem = loadWithMusl(file, found.imports, scratch);
      if (problem !== undefined) problems.push(problem);
    }
    if (problems.length > 0) return { problems };
    seal(file);
    mkdirSync(join(output, target.name), { recursive: true });
    writeFileSync(placeOf(target), readFileSync(file), { mode: 0o755 });
    writeFileSync(stampOf(target), `${fingerprint(target)}\n${found.glibc ?? ''}`);
    return { problems };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const placeOf = ({ name }) => join(output, name, 'uring_wal.node');
const stampOf = ({ name }) => join(native, 'build', `prebuilt-${name}`);

function isFresh(target) {
  if (!existsSync(placeOf(target)) || !existsSync(stampOf(target))) return false;
  return readFileSync(stampOf(target), 'utf8').split('\n')[0] === fingerprint(target);
}

function describe(target) {
  const glibc = readFileSync(stampOf(target), 'utf8').split('\n')[1];
  const needs = glibc === '' ? 'musl' : `glibc ${glibc}`;
  return `${target.name}: ${statSync(placeOf(target)).size} bytes, needs ${needs}`;
}

function main() {
  const all = process.argv.includes('--all');
  mkdirSync(join(native, 'build'), { recursive: true });
  let failed = false;
  for (const target of TARGETS) {
    const reason = whyUnbuildable(target);
    if (reason !== undefined) {
      // What an older build left would be shipped with other sources.
      rmSync(join(output, target.name), { recursive: true, force: true });
      console.log(`${all ? 'FAILED' : 'SKIPPED'}: ${target.name}: ${reason}`);
      failed ||= all;
      continue;
    }
    const { problems } = isFresh(target) ? { problems: [] } : build(target);
    for (const problem of problems) console.log(`FAILED: ${target.name}: ${problem}`);
    if (problems.length === 0) console.log(describe(target));
    failed ||= problems.length > 0;
  }
  return failed ? 1 : 0;
}

process.exitCode = main();
