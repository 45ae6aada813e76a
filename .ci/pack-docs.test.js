// What the documentation says is true: the table of error codes is the code's, the seccomp rule is
// one, and every `npm run` there is exists. (The examples in docstrings: examples.test.js. The
// README's are run from the installed package: npm run test:pack.)

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withErrorTable } from './error-table.js';
import { linksOf } from './pack-tools.js';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file) => readFileSync(join(ROOT, file), 'utf8');

const DOCUMENTS = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...['bench/README.md', 'properties/README.md', 'sim/README.md'],
];

function between(text, name) {
  const [, inner] = text.split(new RegExp(`<!-- /?${name} -->`));
  return inner ?? '';
}

describe('README.md', () => {
  test('the table of error codes is the one that npm run docs:errors writes', async () => {
    const { WAL_ERROR_CODES } = await import(join(ROOT, 'dist', 'lib', 'errors.js'));
    const readme = read('README.md');
    expect(withErrorTable(readme, WAL_ERROR_CODES)).toBe(readme);
    const other = withErrorTable(readme, { ...WAL_ERROR_CODES, ERR_WAL_NEW: 'something new' });
    expect(other).toMatch(/^\| `ERR_WAL_NEW` +\| something new +\|$/m);
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

test.each(DOCUMENTS)('the files that %s links to are there', (file) => {
  const missing = linksOf(read(file)).filter((link) => !existsSync(join(ROOT, file, '..', link)));
  expect(missing).toEqual([]);
});

test('the workflow has a shard of the simulator for each that it counts', () => {
  const workflow = read('.github/workflows/ci.yml');
  const [, shards] = /^ +shard: \[(.*)\]$/m.exec(workflow) ?? [];
  const [, count] = /^ +SHARDS: (\d+)$/m.exec(workflow) ?? [];
  expect(shards?.split(', ')).toEqual(Array.from({ length: Number(count) }, (_, i) => String(i)));
});

test.each([...DOCUMENTS, '.github/workflows/ci.yml'])(
  '%s names only scripts that exist',
  (file) => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = [...read(file).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  },
);

test('CHANGELOG.md begins with the version of package.json', () => {
  const [, version] = /^## (\S+)/m.exec(read('CHANGELOG.md')) ?? [];
  expect(version).toBe(JSON.parse(read('package.json')).version);
});
