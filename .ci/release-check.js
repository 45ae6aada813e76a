// npm run release:check: everything that must hold before a version is published, one after the
// other; says at the end what failed. `-- --quick` leaves out the tests that `.ci/run` runs anyway.

import { spawnSync } from 'node:child_process';

/** Without a network, or with a registry that has none, an audit says nothing. */
const AUDIT_UNREACHABLE = /audit endpoint returned an error|ENOTFOUND|ECONNREFUSED|EAI_AGAIN/;

const CHECKS = [
  ['build', ['npm', 'run', 'build']],
  ['lint', ['npm', 'run', 'lint']],
  ['format', ['npm', 'run', 'format:check']],
  ['tests', ['npm', 'test'], 'slow'],
  ['native tests under sanitizers', ['npm', 'run', 'test:native'], 'slow'],
  ['API reference', ['npm', 'run', 'docs']],
  ['every binary', ['npm', 'run', 'prebuilds', '--', '--all']],
  ['package (types, publint, attw, size)', ['npm', 'run', 'test:pack']],
  ['each Node.js', ['npm', 'run', 'test:nodes']],
  ['audit', ['npm', 'audit', '--omit=dev'], 'network'],
  ['fuzzing, shortly', ['npm', 'run', 'fuzz', '--', '--runs', '200000']],
];

const quick = process.argv.includes('--quick');
const verdicts = CHECKS.filter(([, , kind]) => !(quick && kind === 'slow')).map(
  ([name, [program, ...args], kind]) => {
    console.log(`\n== ${name}`);
    const run = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    const output = `${run.stdout}${run.stderr}`;
    process.stdout.write(output);
    return { name, verdict: verdictOf(run.status, output, kind), size: sizeIn(output) };
  },
);

function verdictOf(status, output, kind) {
  if (status === 0) return /^SKIPPED/m.test(output) ? 'ok, with skips' : 'ok';
  if (kind === 'network' && AUDIT_UNREACHABLE.test(output)) return 'SKIPPED: cannot be reached';
  return 'FAILED';
}

/** The tarball's, as .ci/pack-tools.js prints it. */
function sizeIn(output) {
  return /^uring-wal-\S+\.tgz: (\d+) bytes$/m.exec(output)?.[1];
}

console.log('');
for (const { name, verdict } of verdicts) console.log(`${verdict.padEnd(8)} ${name}`);
const bytes = verdicts.find(({ size }) => size !== undefined)?.size;
if (bytes !== undefined) console.log(`the tarball has ${bytes} bytes`);
const failed = verdicts.filter(({ verdict }) => verdict === 'FAILED').length;
console.log(`${verdicts.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
