// npm run audit: what npm's registry knows against any package that is installed here, those for
// development included (the published package has no dependencies: `npm run test:pack` checks that).
// An advisory fails. A registry that cannot be asked is skipped, aloud. The last line counts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runNpm } from './pack-tools.js';

/** Where npm asks; what it says of a failed request names it. */
const ENDPOINT = '/-/npm/v1/security/';
/** NODE_ENV=production would leave out all there is. */
const INCLUDES = ['dev', 'optional', 'peer'].map((kind) => `--include=${kind}`);

/** Audits the packages locked in a folder: the lines to print, the last of which counts. */
export function audit(folder, options = []) {
  const { stdout, stderr } = runNpm(['audit', '--json', ...INCLUDES, ...options], {
    cwd: folder,
    encoding: 'utf8',
  });
  return linesFor(answerIn(stdout), lockedIn(folder), stderr);
}

function linesFor(answer, locked, stderr) {
  const { auditReportVersion, message, vulnerabilities } = answer;
  if (auditReportVersion === undefined) {
    if (message?.includes(ENDPOINT)) {
      return [`SKIPPED audit of ${locked} packages: ${message}`, '0 passed, 0 failed, 1 skipped'];
    }
    const said = message ?? answer.error?.summary ?? '';
    return [`FAIL audit of ${locked} packages: ${said}\n${stderr}`, '0 passed, 1 failed'];
  }
  const found = Object.values(vulnerabilities);
  if (found.length === 0) return [`PASS audit of ${locked} packages`, '1 passed, 0 failed'];
  return [...found.map(describe), `0 passed, ${found.length} failed`];
}

function describe({ name, range, severity, via }) {
  const reasons = via.map((each) =>
    typeof each === 'string' ? `through ${each}` : `${each.title}, ${each.url}`,
  );
  return `FAIL ${name} ${range} (${severity}): ${reasons.join('; ')}`;
}

function answerIn(stdout) {
  try {
    return JSON.parse(stdout);
  } catch {
    return { message: `npm audit printed no JSON: ${stdout}` };
  }
}

function lockedIn(folder) {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  return Object.keys(packages).filter((path) => path !== '').length;
}

if (process.argv[1] === import.meta.filename) {
  const lines = audit(ROOT);
  console.log(lines.join('\n'));
  process.exitCode = lines.at(-1).includes(' 0 failed') ? 0 : 1;
}
