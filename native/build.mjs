// Builds the native addon (`npm run build:native`, and so `npm install` in a clone): node-gyp on
// Linux, and only when something has changed since; elsewhere nothing, for the thread-pool driver
// needs no addon.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { headersPrefix } from './headers.mjs';

const native = dirname(fileURLToPath(import.meta.url));
const built = join(native, 'build', 'Release', 'uring_wal.node');
const stamp = join(native, 'build', 'stamp');

/** Changes whenever the result of the build could. */
function fingerprint() {
  const hash = createHash('sha256');
  hash.update(`${process.version} ${process.arch} ${process.env.CXX ?? ''}\n`);
  hash.update(createRequire(import.meta.url)('node-addon-api/package.json').version);
  const sources = readdirSync(native).filter((name) => /\.(cc|h|gyp)$/.test(name));
  for (const name of sources.sort()) {
    hash.update(`\n${name}\n`).update(readFileSync(join(native, name)));
  }
  return hash.digest('hex');
}

function build() {
  const require = createRequire(import.meta.url);
  const gyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin', 'node-gyp.js');
  const quiet = process.env.npm_config_loglevel === 'verbose' ? [] : ['--loglevel=warn'];
  const args = [gyp, 'configure', 'build', `--directory=${native}`, '--jobs=max'];
  const prefix = headersPrefix();
  // Headers that came with this Node.js need not be downloaded.
  if (prefix !== undefined) args.push(`--nodedir=${prefix}`);
  const options = { stdio: 'inherit' };
  return spawnSync(process.execPath, [...args, ...quiet], options).status;
}

function main() {
  if (process.platform !== 'linux') {
    console.log('uring-wal: io_uring is Linux only; here the thread-pool driver will be used.');
    return 0;
  }
  if (process.env.URING_WAL_SKIP_NATIVE === '1') {
    console.log('uring-wal: URING_WAL_SKIP_NATIVE=1: the thread-pool driver will be used.');
    return 0;
  }
  const wanted = fingerprint();
  const fresh = existsSync(built) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (fresh) return 0;
  if (build() !== 0) {
    console.error(
      'uring-wal: the native addon could not be built; see above. It needs g++ (C++20), make, ' +
        'python3 and the kernel headers.\nSet URING_WAL_SKIP_NATIVE=1 to go on without it, with ' +
        'the thread-pool driver.',
    );
    return 1;
  }
  writeFileSync(stamp, wanted);
  return 0;
}

process.exitCode = main();
