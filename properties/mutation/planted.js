// npm run mutation -- --planted: plants one bug after the other in a copy of the library, and runs
// the property that must tell of it, with its default number of cases and a fresh seed.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BUGS } from './planted-bugs.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MINUTES_MAX = 5;
const WORDS_MAX = 160;
const CONFIG = `export default {
  test: {
    include: ['dist/properties/**/*.test.js'],
    pool: 'forks',
    server: { deps: { external: [/\\/dist\\//] } },
  },
};
`;

/** Plants the bugs whose property starts with one of `only`; returns whether all were found. */
export async function plantAll(only) {
  const planting = await import(join(ROOT, 'dist', 'sim', 'planted', 'mutation.js'));
  const bugs = BUGS.filter(({ property }) => only.some((name) => property.startsWith(name)));
  const counts = { found: 0, missed: 0, skipped: 0 };
  for (const bug of bugs) {
    const source = fs.readFileSync(join(ROOT, bug.file), 'utf8');
    const started = Date.now();
    const text = planting.edited(source, bug.file, bug.find, bug.replace);
    const { outcome, how } = hunt(bug, planting.transpile(text), planting.builtFile);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    counts[outcome] += 1;
    const words = `${bug.property}: ${bug.breaks}\n        ${how} (${seconds} s)`;
    console.log(`${outcome.padEnd(7)} ${words}`);
  }
  const { found, missed, skipped } = counts;
  console.log(`${found} bugs found, ${missed} missed, ${skipped} skipped`);
  return found > 0 && missed === 0;
}

function hunt({ property, file, addon }, built, builtFile) {
  const root = fs.mkdtempSync(join(tmpdir(), 'uring-wal-planted-'));
  try {
    stage(root, addon);
    fs.writeFileSync(builtFile(root, file), built);
    return verdict(property, run(root, property));
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** A copy of what the properties need, without the cases that failed before. */
function stage(root, addon) {
  for (const part of ['dist/lib', 'dist/sim', 'dist/properties', 'properties/tools']) {
    const filter = (path) => !/\.(d\.ts|map)$|(lib|sim)\/.*\.test\.js$/.test(path);
    fs.cpSync(join(ROOT, part), join(root, part), { recursive: true, filter });
  }
  fs.mkdirSync(join(root, 'lib'));
  for (const part of ['node_modules', 'lib/fixtures', ...(addon ? ['native'] : [])]) {
    fs.symlinkSync(join(ROOT, part), join(root, part));
  }
  fs.cpSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  fs.writeFileSync(join(root, 'vitest.config.js'), CONFIG);
}

function run(root, property) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '-t', `^${property}:`, '--reporter=json', '--outputFile=told.json'];
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('PROPERTY_'));
  const env = Object.fromEntries(ours);
  const timeout = MINUTES_MAX * 60_000;
  const { stderr } = spawnSync(process.execPath, args, { cwd: root, env, timeout });
  try {
    return { tests: JSON.parse(fs.readFileSync(join(root, 'told.json'), 'utf8')), stderr };
  } catch {
    return { tests: { testResults: [] }, stderr };
  }
}

/** Found means that the property failed for a case; not that it could not run. */
function verdict(property, { tests, stderr }) {
  const results = tests.testResults.flatMap(({ assertionResults }) => assertionResults);
  const one = results.find(({ title }) => title.startsWith(`${property}:`));
  const [message = ''] = one?.failureMessages ?? [];
  const broken = /broken by case \d+, shrunk \d+ times: .*/.exec(message)?.[0];
  const seed = /--seed -?\d+/.exec(message)?.[0];
  if (broken !== undefined) {
    return { outcome: 'found', how: `${broken.slice(0, WORDS_MAX)}; ${seed}` };
  }
  const hanging = /.* has not come to an end .*/.exec(String(stderr))?.[0];
  if (hanging !== undefined) return { outcome: 'found', how: hanging.slice(0, WORDS_MAX) };
  const [first] = message.split('\n');
  if (one?.status === 'skipped' || one?.status === 'pending') {
    return { outcome: 'skipped', how: 'this machine cannot run the property' };
  }
  return { outcome: 'missed', how: `${one?.status ?? 'no such property'} ${first}` };
}
