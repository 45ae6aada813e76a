// The package as TypeScript and its checkers see it.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, check, readmeExamples, runIn } from './pack-tools.js';

const COMMONJS = `import wal = require('uring-wal');
export const open = (path: string): Promise<wal.UringWalWriter> => wal.UringWalWriter.open(path);
`;

const CAREFUL = `import {
  WAL_ERROR_CODES, WalError, UringWalWriter, type UringWalOptions, type WalErrorCode,
} from 'uring-wal';
import { simulate } from 'uring-wal/sim';
const options: UringWalOptions = { sync: true, driver: 'auto' };
export async function last(path: string): Promise<bigint | undefined> {
  await using writer = await UringWalWriter.open(path, options);
  return writer.recovery.lastSequence;
}
export function meaning(error: unknown): string {
  const code: WalErrorCode | undefined = error instanceof WalError ? error.code : undefined;
  return code === undefined ? '' : WAL_ERROR_CODES[code];
}
// @ts-expect-error an option of another type
export const wrong: UringWalOptions = { ringSize: '128' };
export const run = simulate;
`;

const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  // So that the package's own types are checked as well.
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules', '@types')],
};

function compile(project, module, files) {
  const folder = join(project, `types-${module}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, name), code);
  const moduleResolution = module === 'esnext' ? 'bundler' : module;
  const compilerOptions = { ...COMPILER_OPTIONS, module, moduleResolution };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  runIn(folder, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder]);
}

function runTool(name, args) {
  const tool = join(ROOT, 'node_modules', '.bin', name);
  const run = spawnSync(tool, args, { cwd: ROOT, encoding: 'utf8' });
  if (run.error !== undefined) throw run.error;
  check(run.status === 0, `exit code ${run.status}\n${run.stdout}${run.stderr}`);
}

export function typeTests(project, tarball) {
  const examples = Object.fromEntries(
    readmeExamples().map((code, i) => [`example-${i}.ts`, `${code}\nexport {};\n`]),
  );
  return {
    'TypeScript, strict and nodenext: import and require': () => {
      compile(project, 'nodenext', {
        ...examples,
        'careful.ts': CAREFUL,
        'commonjs.cts': COMMONJS,
      });
    },
    'TypeScript for a bundler': () => {
      compile(project, 'esnext', { ...examples, 'careful.ts': CAREFUL });
    },
    publint: () => {
      runTool('publint', ['run', tarball, '--strict']);
    },
    // CommonJS gets the ES module: require() of one works from Node.js 20.19 on.
    'are the types wrong?': () => {
      runTool('attw', [tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm']);
    },
  };
}
