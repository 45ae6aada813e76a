// What is in the package, and what must not be.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { TARGETS, whyUnbuildable } from '../native/prebuild/targets.mjs';
import { Skip, check, filesBelow, linksOf } from './pack-tools.js';

const ALLOWED = [
  /^(package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|LICENSE)$/,
  // What these documents link to.
  /^(bench|properties|sim)\/[\w-]+\.md$|^bench\/results\/latest\.svg$/,
  /^dist\/(lib|sim)\/[\w/-]+\.(js|js\.map|d\.ts)$/,
  /^native\/prebuilds\/linux-[a-z0-9]+-(glibc|musl)\/uring_wal\.node$/,
];

/** Tests, and what only they use; bugs planted on purpose. */
const FORBIDDEN = /\.test\.|\/(fixtures|test-tools|examples|planted)\/|\/(contract|test-)[\w-]*\./;

/** What an ELF file for a processor says of itself, at this offset: see elf(5). */
const ELF_MACHINE = { at: 18, x64: 62, arm64: 183 };

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare'];

/** Tests of the package as installed in `project`. */
export function contentTests(project) {
  const folder = join(project, 'node_modules', 'uring-wal');
  const files = filesBelow(folder);
  const read = (file) => readFileSync(join(folder, file), 'utf8');
  const manifest = JSON.parse(read('package.json'));
  return {
    'only files that belong in it': () => {
      const strange = files.filter(
        (file) => FORBIDDEN.test(`/${file}`) || !ALLOWED.some((pattern) => pattern.test(file)),
      );
      check(strange.length === 0, strange.join(', '));
      check(files.includes('CHANGELOG.md'), 'no CHANGELOG.md');
      check(files.includes('LICENSE'), 'no LICENSE');
    },
    'nothing runs at install': () => {
      const found = INSTALL_SCRIPTS.filter((name) => manifest.scripts?.[name] !== undefined);
      check(found.length === 0, `scripts ${found.join(', ')}`);
      check(!files.includes('binding.gyp'), 'a root binding.gyp: npm would run node-gyp');
      const lock = JSON.parse(
        readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8'),
      );
      const [[path, entry], ...others] = Object.entries(lock.packages);
      check(path === 'node_modules/uring-wal' && others.length === 0, 'it brings other packages');
      check(entry.hasInstallScript === undefined, 'npm sees an install script');
    },
    'every module it imports is in it': () => {
      const missing = files
        .filter((file) => /\.(js|d\.ts)$/.test(file))
        .flatMap((file) =>
          importsOf(read(file)).map((path) => normalize(join(dirname(file), path))),
        )
        .filter((path) => !files.includes(path));
      check(missing.length === 0, [...new Set(missing)].join(', '));
    },
    'every module has its types, and its map with the source inside': () => {
      for (const file of files.filter((each) => each.endsWith('.js'))) {
        check(files.includes(file.replace(/js$/, 'd.ts')), `${file} has no types`);
        const [, url] = /\n\/\/# sourceMappingURL=(.*)\s*$/.exec(read(file)) ?? [];
        const map = JSON.parse(read(join(dirname(file), url)));
        check(map.sources.length === map.sourcesContent?.length, `${url} lacks its source`);
      }
    },
    'every file that its documents link to is in it': () => {
      const documents = files.filter((file) => file.endsWith('.md'));
      const links = documents.flatMap((file) =>
        linksOf(read(file)).map((link) => normalize(join(dirname(file), link))),
      );
      check(links.length > 5, `only ${links.length} links found`);
      const missing = links.filter((link) => !files.includes(link));
      check(missing.length === 0, [...new Set(missing)].join(', '));
    },
    'each entry point and command is in it': () => {
      const targets = Object.values(manifest.exports).flatMap((entry) =>
        typeof entry === 'string' ? [entry] : Object.values(entry),
      );
      for (const target of [...targets, manifest.main, manifest.types, ...bins(manifest)]) {
        check(files.includes(normalize(target)), `no ${target}`);
      }
      check(manifest.sideEffects === false, 'sideEffects');
      check(manifest.dependencies === undefined, 'it has dependencies');
    },
  };
}

/** A test for each binary that is promised. With `--all`, one that cannot be built here is missed. */
export function binaryTests(project, all = process.argv.includes('--all')) {
  const folder = join(project, 'node_modules', 'uring-wal', 'native', 'prebuilds');
  const tests = TARGETS.map((target) => [
    `the binary for ${target.name}`,
    () => {
      const file = join(folder, target.name, 'uring_wal.node');
      if (!existsSync(file)) {
        const reason = whyUnbuildable(target);
        if (reason === undefined || all) throw new Error(`not inside: ${reason ?? 'not built'}`);
        throw new Skip(`not inside: ${reason}`);
      }
      const bytes = readFileSync(file);
      check(bytes.subarray(0, 4).toString('latin1') === '\x7fELF', 'it is no ELF file');
      const machine = bytes.readUInt16LE(ELF_MACHINE.at);
      const [, arch] = target.name.split('-');
      check(machine === ELF_MACHINE[arch], `it is for another processor: ${machine}`);
    },
  ]);
  return Object.fromEntries(tests);
}

function bins({ bin }) {
  return Object.values(bin);
}

/** Relative imports, of values and of types. */
function importsOf(code) {
  const found = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^'\n]+\.js)'/g);
  return [...found].map(([, path]) => path);
}
