// npm pack (prepack): dist/ and the shipped binaries, up to date with their sources. The package
// itself has no install script: what it needs to run is inside.

import { buildTypeScript, runNode } from './build.js';

const args = process.env['URING_WAL_ALL_PREBUILDS'] === '1' ? ['--all'] : [];
const problems = [buildTypeScript()];
if (runNode('native/prebuild.mjs', args) !== 0) problems.push('a binary to be shipped is not fit');
for (const problem of problems.filter((each) => each !== undefined)) {
  console.error(`FAILED: ${problem}`);
  process.exitCode = 1;
}
