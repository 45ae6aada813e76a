// What the tests of the package share: packing, installing into a fresh folder without a network,
// running Node there, and counting.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A folder that is removed when the process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'uring-wal-pack-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs npm and waits for it. */
export function runNpm(args, options) {
  return spawnSync(process.execPath, [npmScript(), ...args], options);
}

/** npm itself: the one that runs this, or the first on the path. */
function npmScript() {
  const running = process.env['npm_execpath'];
  if (running !== undefined) return running;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'npm')).find((path) => existsSync(path));
  if (found === undefined) throw new Error('no npm');
  return realpathSync(found);
}

/** The tarball that is named on the command line, or one made as whoever publishes would. */
export function tarballToTest() {
  const [named] = process.argv.slice(2).filter((arg) => arg.endsWith('.tgz'));
  return named === undefined ? pack() : resolve(named);
}

function pack() {
  const folder = temporaryFolder();
  const { status } = runNpm(['pack', '--loglevel=error', '--pack-destination', folder], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const [name] = readdirSync(folder);
  if (status !== 0 || name === undefined) throw new Error('npm pack failed');
  const tarball = join(folder, name);
  console.log(`${name}: ${statSync(tarball).size} bytes`);
  return tarball;
}

/** A project with the tarball installed: no network, and no compiler to be found. */
export function install(tarball) {
  const project = temporaryFolder();
  const bin = join(project, 'only-node');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const manifest = { name: 'fresh', version: '1.0.0', private: true, type: 'module' };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  const args = ['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', tarball];
  const { status, stderr } = runNpm(args, {
    cwd: project,
    encoding: 'utf8',
    env: {
      ...process.env,
      npm_config_cache: join(project, 'empty-cache'),
      PATH: bin,
    },
  });
  if (status !== 0) throw new Error(`npm install --offline failed: ${stderr}`);
  return project;
}

/** Runs Node in a project; returns what it printed, throws unless it exits with one of `codes`. */
export function runIn(project, args, options = {}) {
  const { node = [process.execPath], env = {}, input = '', codes = [0] } = options;
  const [program, ...before] = node;
  const run = spawnSync(program, [...before, ...args], {
    cwd: project,
    encoding: 'utf8',
    input,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    timeout: 120_000,
  });
  if (run.error !== undefined) throw run.error;
  if (codes.includes(run.status)) return run.stdout;
  const end = run.signal === null ? `exit code ${run.status}` : `signal ${run.signal}`;
  throw new Error(`${args.join(' ')}: ${end}\n${run.stdout}${run.stderr}`);
}

/** The examples of the README that use the package, in order. */
export function readmeExamples() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  return blocks.filter((code) => code.includes("from 'uring-wal"));
}

/** The files that a document in Markdown links to, relative to its own place. */
export function linksOf(markdown) {
  return [...markdown.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, link]) => link);
}

/** Every file below a folder, as paths relative to it. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Thrown by a test that cannot be run here, with the reason. */
export class Skip extends Error {}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

/** Runs the tests one after another; the last line counts them. */
export async function runTests(tests) {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      passed++;
      console.log(`PASS ${name}`);
    } catch (error) {
      if (error instanceof Skip) skipped++;
      else failed++;
      console.log(`${error instanceof Skip ? 'SKIPPED' : 'FAIL'} ${name}: ${error.message}`);
    }
  }
  process.exitCode = failed === 0 ? 0 : 1;
  const skips = skipped === 0 ? '' : `, ${skipped} skipped`;
  console.log(`${passed} passed, ${failed} failed${skips}`);
}
