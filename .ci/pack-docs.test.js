// What the documentation shows is true: every example in a docstring compiles and runs, the table of
// error codes is the code's, the seccomp rule is one, and every `npm run` there is exists. (The
// README's examples are run from the installed package: npm run test:pack.)

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { linksOf } from './pack-tools.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file) => readFileSync(join(ROOT, file), 'utf8');

const PRELUDE = `import {
  UringWalWriter, Wal, WalEntry, WalError, WalReader, WAL_ERROR_CODES,
} from 'uring-wal';
import { simulate } from 'uring-wal/sim';
void [UringWalWriter, Wal, WalEntry, WalError, WalReader, WAL_ERROR_CODES, simulate];
`;

const DOCUMENTS_WITH_COMMANDS = ['README.md', 'CONTRIBUTING.md', '.github/workflows/ci.yml'];

/** The examples of a source's docstrings: `{ name, code }`. */
function examplesOf(file) {
  const docstrings = read(file).match(/^ *\/\*\*[^]*?\*\//gm) ?? [];
  return docstrings
    .flatMap((text) =>
      text
        .replace(/^ *(\/\*\*|\*\/|\* ?)/gm, '')
        .split(/^@example *$/m)
        .slice(1),
    )
    .map((code, i) => ({ name: `${file} (${i + 1})`, code: code.replace(/^@\w[^]*/m, '') }));
}

const sources = [
  ...readdirSync(join(ROOT, 'lib')).map((name) => `lib/${name}`),
  'sim/index.ts',
].filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
const examples = sources.flatMap(examplesOf);

describe('examples in docstrings', () => {
  let folder;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'uring-wal-docs-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'uring-wal'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    examples.forEach(({ code }, i) => {
      writeFileSync(join(folder, `example-${i}.ts`), `${PRELUDE}\n${code}`);
    });
    compile(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('there are some, of each class', () => {
    const all = examples.map(({ code }) => code).join('\n');
    for (const use of ['UringWalWriter.open', 'WalReader.open', 'Wal.open', 'WalEntry.put']) {
      expect(all).toContain(use);
    }
  });

  test.each(examples.map(({ name }, i) => [name, i]))('%s', (_, i) => {
    const place = join(folder, `run-${i}`);
    mkdirSync(place);
    // What an example reads: a log that is there.
    if (!examples[i].code.includes('Writer.open')) {
      const made = run(place, join(folder, 'make-log.js'));
      expect(made).toBe('');
    }
    expect(run(place, join(folder, `example-${i}.js`))).toBe('');
  });
});

const MAKE_LOG = `import { UringWalWriter, WalEntry } from 'uring-wal';
const writer = await UringWalWriter.open('app.wal');
await writer.append(WalEntry.put(1n, 'key', 'value'));
await writer.close();
`;

function compile(folder) {
  writeFileSync(join(folder, 'make-log.ts'), MAKE_LOG);
  const compilerOptions = {
    ...{ target: 'es2023', module: 'nodenext', strict: true, exactOptionalPropertyTypes: true },
    ...{ skipLibCheck: true, types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
}

/** What went wrong, or nothing. */
function run(cwd, script) {
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd, encoding: 'utf8' });
  return status === 0 ? '' : `exit code ${status}: ${stderr}`;
}

function between(text, name) {
  const [, inner] = text.split(new RegExp(`<!-- /?${name} -->`));
  return inner ?? '';
}

describe('README.md', () => {
  test('the table of error codes is that of lib/errors.ts', async () => {
    const { WAL_ERROR_CODES } = await import(join(ROOT, 'dist', 'lib', 'errors.js'));
    const rows = between(read('README.md'), 'error codes').matchAll(/^\| `(\w+)` +\| (.+?) +\|$/gm);
    expect(Object.fromEntries([...rows].map(([, code, words]) => [code, words]))).toEqual({
      ...WAL_ERROR_CODES,
    });
  });

  test('the oldest kernel is the one that the code names', async () => {
    const { KERNEL_NEEDED } = await import(join(ROOT, 'dist', 'lib', 'io', 'uring-reason.js'));
    expect(read('README.md')).toContain(`Linux ${KERNEL_NEEDED} or later gives io_uring`);
  });

  test('the seccomp rule allows the three system calls of io_uring, no more', () => {
    const [, json] = /```json\n([^]*?)```/.exec(between(read('README.md'), 'seccomp')) ?? [];
    expect(JSON.parse(json)).toEqual({
      names: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
      action: 'SCMP_ACT_ALLOW',
    });
  });
});

test('the key-value store in README.md is the one that is tested', () => {
  const [, shown] = /```typescript\n([^]*?)```/.exec(between(read('README.md'), 'kv-store')) ?? [];
  const tested = read('lib/examples/kv-store.ts').replaceAll("'../index.js'", "'uring-wal'");
  expect(shown).toBe(tested);
});

test.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'sim/README.md', 'properties/README.md'])(
  'the files that %s links to are there',
  (file) => {
    const missing = linksOf(read(file)).filter((link) => !existsSync(join(ROOT, file, '..', link)));
    expect(missing).toEqual([]);
  },
);

test('the workflow has a shard of the simulator for each that it counts', () => {
  const workflow = read('.github/workflows/ci.yml');
  const [, shards] = /^ +shard: \[(.*)\]$/m.exec(workflow) ?? [];
  const [, count] = /^ +SHARDS: (\d+)$/m.exec(workflow) ?? [];
  expect(shards?.split(', ')).toEqual(Array.from({ length: Number(count) }, (_, i) => String(i)));
});

test.each(DOCUMENTS_WITH_COMMANDS)('%s names only scripts that exist', (file) => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = [...read(file).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test('CHANGELOG.md begins with the version of package.json', () => {
  const [, version] = /^## (\S+)/m.exec(read('CHANGELOG.md')) ?? [];
  expect(version).toBe(JSON.parse(read('package.json')).version);
});
