// npm run release:check: everything that must hold before a version is published, one after the
// other: all that CI runs (.ci/run: every test, the package installed, the simulator's campaigns, the
// planted bugs of one third, the exhausted small crashes, the sanitizers), and what only a release
// needs. A table at the end says how each check ended; the last line counts checks, not tests.
//
// A check passes when nothing failed and nothing was skipped in it. What was skipped, in whole or in
// part, is counted as that and told; it is for a person to decide whether to publish without it.
//
//   npm run release:check              all of it: a quarter of an hour or more
//   npm run release:check -- --quick   without .ci/run, which a commit has behind it in CI; says so

import { spawn } from 'node:child_process';

const CHECKS = [
  { name: 'all that CI runs (.ci/run)', command: ['bash', '.ci/run'], slow: true },
  { name: 'build', command: ['npm', 'run', 'build'] },
  { name: 'lint', command: ['npm', 'run', 'lint'] },
  { name: 'format', command: ['npm', 'run', 'format:check'] },
  { name: 'API reference', command: ['npm', 'run', 'docs'] },
  { name: 'every binary', command: ['npm', 'run', 'prebuilds', '--', '--all'] },
  {
    name: 'package: contents, types, publint, attw',
    command: ['npm', 'run', 'test:pack', '--', '--all'],
  },
  { name: 'each Node.js', command: ['npm', 'run', 'test:nodes'] },
  { name: 'audit of all dependencies', command: ['npm', 'run', 'audit'] },
  { name: 'fuzzing, shortly', command: ['npm', 'run', 'fuzz', '--', '--runs', '200000'] },
];

/** Runs a command, showing what it prints as it comes. */
function run([program, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const [stream, shown] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        shown.write(text);
      });
    }
    child.on('error', ({ message }) => resolve({ status: 1, output: `${output}${message}` }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/** How a check ended: `{ kind, words }`, where kind is passed, failed or skipped. */
export function verdictOf({ status, output }) {
  if (status !== 0) return { kind: 'failed', words: 'FAILED' };
  const counts = [...output.matchAll(/^(\d+) passed, \d+ failed(?:, (\d+) skipped)?$/gm)].at(-1);
  const passed = counts && Number(counts[1]);
  const skipped = Math.max(Number(counts?.[2] ?? 0), output.match(/^SKIPPED\b/gm)?.length ?? 0);
  const tests = passed === undefined ? '' : `, ${passed} tests passed`;
  if (skipped === 0) return { kind: 'passed', words: `passed${tests}` };
  const words = passed === 0 ? 'SKIPPED' : `SKIPPED IN PART: ${skipped}${tests}`;
  return { kind: 'skipped', words };
}

/** The closing lines; `ended` has a name and a verdict for each check that ran. */
export function closingOf(ended, leftOut) {
  const count = (kind) => ended.filter(({ verdict }) => verdict.kind === kind).length;
  const rows = [
    ...ended.map(({ name, verdict }) => `${name}: ${verdict.words}`),
    ...leftOut.map((name) => `${name}: LEFT OUT by --quick`),
  ];
  const skips = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  const left = leftOut.length === 0 ? '' : `, ${leftOut.length} left out`;
  return [...rows, `${count('passed')} passed, ${count('failed')} failed${skips}${left}`];
}

/** The size of the tarball, as .ci/pack-tools.js prints it, in words. */
function sizeIn(output) {
  const size = /^uring-wal-\S+\.tgz: (\d+) bytes$/m.exec(output)?.[1];
  return size === undefined ? undefined : `the tarball has ${size} bytes`;
}

async function main() {
  const quick = process.argv.includes('--quick');
  const ended = [];
  let size;
  for (const { name, command } of CHECKS.filter(({ slow }) => !(quick && slow))) {
    console.log(`\n== ${name}`);
    const { status, output } = await run(command);
    ended.push({ name, verdict: verdictOf({ status, output }) });
    size = sizeIn(output) ?? size;
  }
  const leftOut = quick ? CHECKS.filter(({ slow }) => slow).map(({ name }) => name) : [];
  console.log(`\n${size ?? 'no tarball was made'}`);
  for (const line of closingOf(ended, leftOut)) console.log(line);
  process.exitCode = ended.some(({ verdict }) => verdict.kind === 'failed') ? 1 : 0;
}

if (process.argv[1] === import.meta.filename) await main();
