// Reports how much of lib/ a run covered, and holds it against the thresholds of .c8rc.json.

import { readFileSync } from 'node:fs';
import { filesIn, runNode } from './build.js';

/** Returns what is wrong with the coverage, or undefined. */
export function reportCoverage(folder) {
  const { exclude } = JSON.parse(readFileSync('.c8rc.json', 'utf8'));
  const excluded = [...exclude, ...typeOnlySources()].flatMap((glob) => ['--exclude', glob]);
  const args = ['report', '--temp-directory', folder, ...excluded];
  const status = runNode('node_modules/c8/bin/c8.js', args);
  return status === 0 ? undefined : 'coverage of lib/ is below its thresholds';
}

/** Sources that only declare types: nothing of them runs, so they would count as uncovered. */
function typeOnlySources() {
  return filesIn('dist/lib')
    .filter((file) => file.endsWith('.js') && isEmptyModule(readFileSync(file, 'utf8')))
    .map((file) => file.slice('dist/'.length).replace(/\.js$/, '.ts'));
}

function isEmptyModule(script) {
  return script.replaceAll(/^\s*\/\/.*$|^\/\*[^]*?\*\//gm, '').trim() === 'export {};';
}
