// Looks into a binary that is to be shipped: what it asks of the system that loads it.
import { spawnSync } from 'node:child_process';

/** What README promises: CentOS 7, Ubuntu 14.04, and everything since. */
export const GLIBC_MAX = '2.17';

/** Of the C library; Node.js has the rest: Node-API and libuv. */
const LIBRARIES = new Set(['libc.so.6', 'libc.so']);

function objdump(option, file) {
  const { stdout, status } = spawnSync('objdump', [option, file], { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`objdump ${option} ${file} failed (Debian: binutils-multiarch)`);
  return stdout;
}

/** `{ glibc, problems }`: the newest glibc whose symbols it names, and what is wrong with it. */
export function inspectBinary(file, libc) {
  const problems = [];
  const symbols = objdump('-T', file)
    .split('\n')
    .filter((line) => line.includes('*UND*'))
    .map((line) => ({
      name: line.trim().split(/\s+/).at(-1),
      weak: /^\S+\s+w/.test(line),
      version: /\(?(GLIBC_[0-9.]+|GLIBCXX_[0-9.]+|CXXABI_[0-9.]+|GCC_[0-9.]+)\)?/.exec(line)?.[1],
    }));
  for (const { name, weak, version } of symbols) {
    if (/^_Z|^__cxa_(?!finalize)|^_Unwind/.test(name) && !weak)
      problems.push(`C++ runtime: ${name}`);
    const known = weak || /^(napi|node_api|uv)_/.test(name) || libc === 'musl' || version;
    if (!known) problems.push(`not in the C library: ${name}`);
    if (version !== undefined && !version.startsWith('GLIBC_'))
      problems.push(`${name}: ${version}`);
  }
  const needed = [...objdump('-p', file).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name);
  for (const name of needed.filter((each) => !LIBRARIES.has(each))) problems.push(`needs ${name}`);
  const versions = symbols.flatMap(({ version }) => version?.match(/^GLIBC_(.+)/)?.[1] ?? []);
  const glibc = versions.sort(compareVersions).at(-1);
  if (glibc !== undefined && compareVersions(glibc, GLIBC_MAX) > 0) {
    problems.push(`needs glibc ${glibc}; ${GLIBC_MAX} is the newest allowed`);
  }
  return { glibc, problems, imports: symbols.filter(({ weak }) => !weak).map(({ name }) => name) };
}

function compareVersions(one, other) {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  }
  return 0;
}
