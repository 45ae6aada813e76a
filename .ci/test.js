// npm test: builds, runs the tests, reports coverage, and closes on a line that counts:
// `N passed, N failed`, or `N passed, N failed, N skipped`. The last line is true whatever happened:
// a build, a threshold or a run that went wrong counts as one failure each, named above it.
//
//   npm test                           everything, with coverage
//   npm test -- lib/record.test.ts     the test files whose path contains this; no coverage
//   npm test -- --project unit -t trim any option of `vitest run`; no coverage

import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAddon, buildTypeScript, runNode } from './build.js';
import { reportCoverage } from './coverage.js';

/** See statfs(2). */
const TMPFS_MAGIC = 0x01021994;
/** Kept across boots, so on a disk by custom: see file-hierarchy(7). */
const DISK_DIRECTORY = '/var/tmp';

const scratch = mkdtempSync(join(tmpdir(), 'uring-wal-test-'));
try {
  main(process.argv.slice(2));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function main(args) {
  const whole = args.length === 0;
  const problems = [buildAddon(), buildTypeScript()];
  const tally = runTests(args, whole);
  problems.push(tally.problem);
  if (whole) problems.push(reportCoverage(join(scratch, 'coverage')), unexplained(tally));
  close(
    tally,
    problems.filter((problem) => problem !== undefined),
  );
}

function runTests(args, whole) {
  const file = join(scratch, 'tally.json');
  const coverage = whole ? { NODE_V8_COVERAGE: join(scratch, 'coverage') } : {};
  const status = runNode('node_modules/vitest/vitest.mjs', ['run', ...args.map(toBuilt)], {
    TALLY_FILE: file,
    ...coverage,
    ...temporaryOnDisk(),
  });
  const tally = readTally(file);
  if (tally.passed + tally.failed === 0) tally.problem = 'no test ran';
  else if (status !== 0 && tally.failed === 0) tally.problem = `vitest exited with ${status}`;
  // A name filter skips without reasons what it leaves out.
  if (!whole) tally.skipped = tally.skipped.filter(({ reason }) => reason !== null);
  return tally;
}

/** A tmpfs has no disk for O_DIRECT to go to, and much of what is tested is about that way. */
function temporaryOnDisk() {
  if (process.env.TMPDIR !== undefined || !isTmpfs(tmpdir())) return {};
  if (isTmpfs(DISK_DIRECTORY) !== false) return {};
  console.log(`${tmpdir()} is a tmpfs: the tests keep their files in ${DISK_DIRECTORY}`);
  return { TMPDIR: DISK_DIRECTORY };
}

function isTmpfs(path) {
  try {
    return statfsSync(path).type === TMPFS_MAGIC;
  } catch {
    return undefined;
  }
}

function readTally(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: [] };
  }
}

/** Tests are named by their sources and run from what was built of them. */
function toBuilt(arg) {
  return arg.startsWith('-') ? arg : arg.replace(/^\.\//, '').replace(/\.ts$/, '.js');
}

function unexplained({ skipped }) {
  const count = skipped.filter(({ reason }) => reason === null).length;
  return count === 0 ? undefined : `${count} skipped without a reason (give one: ctx.skip('…'))`;
}

function close({ passed, failed, skipped }, problems) {
  console.log('');
  for (const { file, name, reason } of skipped) {
    const source = file.replace(/^dist\/(.*)\.js$/, '$1.ts');
    console.log(`SKIPPED ${source} > ${name}: ${reason ?? 'NO REASON GIVEN'}`);
  }
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  const failures = failed + problems.length;
  const skips = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  process.exitCode = failures === 0 ? 0 : 1;
  console.log(`${passed} passed, ${failures} failed${skips}`);
}
