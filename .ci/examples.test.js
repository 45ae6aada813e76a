// Every public symbol has an example in its docstring that is about it, compiles strictly, runs
// beside a small log, and prints what its comments say: `console.log(x); // → what is printed`.

import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicSymbols } from './public-symbols.js';

const ROOT = resolve(import.meta.dirname, '..');
/** Only one that hangs takes so long. */
const HANG_MS = 30_000;
const ENTRIES = { 'lib/index.ts': 'uring-wal', 'sim/index.ts': 'uring-wal/sim' };

const symbols = publicSymbols(ROOT, Object.keys(ENTRIES));
const titleOf = ({ owner, name }) => (owner === undefined ? name : `${owner}.${name}`);
const examples = symbols.flatMap((symbol) =>
  symbol.examples.map((code, i) => ({ title: `${titleOf(symbol)} (${i + 1})`, code })),
);

/** What a method is called by. */
const CALLS = {
  '[Symbol.asyncIterator]': /for await \(.* of /,
  '[Symbol.iterator]': /for \(.* of chunk\)/,
  '[Symbol.asyncDispose]': /await using/,
};

function isAbout({ owner, name }, code) {
  if (owner === undefined) return new RegExp(`\\b${name}\\b`).test(code);
  return CALLS[name]?.test(code) ?? code.includes(`.${name}(`);
}

/** Imports everything public, so that examples show only what they are about. */
function prelude() {
  const exported = symbols.filter(({ owner }) => owner === undefined);
  return Object.entries(ENTRIES)
    .map(([entry, module]) => {
      const names = exported
        .filter((symbol) => symbol.entry === entry)
        .map(({ name, isType }) => (isType ? `type ${name}` : name));
      return `import { ${names.join(', ')} } from '${module}';\n`;
    })
    .join('');
}

/** The logs that stand beside an example: each has one record. */
const MAKE_LOGS = `const writer = await UringWalWriter.open('app.wal');
await writer.append(WalEntry.put(1n, 'key', 'value'));
await writer.close();
const wal = await Wal.open('app-wal');
await wal.put('key', 'value');
await wal.close();
`;

function compile(folder) {
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2023', 'esnext.disposable'], module: 'nodenext' },
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
}

/** What an example says that it prints. */
function promisedBy(code) {
  return [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => `${text}\n`).join('');
}

async function run(script, cwd) {
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    cwd,
    timeout: HANG_MS,
  });
  return stdout;
}

describe('examples in docstrings', () => {
  let folder;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'uring-wal-examples-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'uring-wal'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const sources = [...examples.map(({ code }) => code), MAKE_LOGS];
    sources.forEach((code, i) => {
      writeFileSync(join(folder, `example-${i}.ts`), `${prelude()}\n${code}\n`);
    });
    compile(folder);
    mkdirSync(join(folder, 'logs'));
    await run(join(folder, `example-${examples.length}.js`), join(folder, 'logs'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('every public symbol has one that is about it', () => {
    expect(symbols.length).toBeGreaterThan(80);
    const lacking = symbols.filter(
      (symbol) => !symbol.examples.some((code) => isAbout(symbol, code)),
    );
    expect(lacking.map(titleOf)).toEqual([]);
  });

  test.concurrent.each(examples.map(({ title, code }, i) => [title, code, i]))(
    '%s',
    async (_, code, i) => {
      const place = join(folder, `run-${i}`);
      cpSync(join(folder, 'logs'), place, { recursive: true });
      expect(await run(join(folder, `example-${i}.js`), place)).toBe(promisedBy(code));
      const left = ['.', 'app-wal'].flatMap((name) => readdirSync(join(place, name)));
      expect(left.filter((name) => name.endsWith('.lock'))).toEqual([]);
      expect(existsSync(join(place, 'app.wal'))).toBe(true);
    },
  );
});
