// Brings native/ and dist/ up to date with their sources. Each step returns what went wrong, in
// words, or undefined; the details are on the terminal by then.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a script under this Node, on this terminal; returns its exit code. */
export function runNode(script, args, environment = {}) {
  const child = spawnSync(process.execPath, [script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
  });
  if (child.error !== undefined) throw child.error;
  return child.status ?? 1;
}

/** Knows by itself whether there is anything to do. */
export function buildAddon() {
  return runNode('native/build.mjs', []) === 0 ? undefined : 'the native addon does not build';
}

export function buildTypeScript() {
  removeStale();
  const status = runNode('node_modules/typescript/bin/tsc', ['-p', 'tsconfig.json']);
  return status === 0 ? undefined : 'the TypeScript does not compile';
}

/** What is left in dist/ of a source that is gone would still run, and still be imported. */
function removeStale() {
  if (!existsSync('dist')) return;
  for (const built of filesIn('dist').filter((file) => file.endsWith('.js'))) {
    const stem = built.slice(0, -'.js'.length);
    if (existsSync(`${stem.slice('dist/'.length)}.ts`)) continue;
    for (const ending of ['.js', '.js.map', '.d.ts']) rmSync(`${stem}${ending}`, { force: true });
  }
}

/** Every file below a folder, its build output aside, as paths that start with the folder. */
export function filesIn(folder) {
  const files = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) files.push(path);
    else if (entry.name !== 'build' && entry.name !== 'node_modules') files.push(...filesIn(path));
  }
  return files;
}
