// What the addon is shipped for, and how each binary is compiled.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

const HOST_KERNEL_HEADERS = '/usr/include/x86_64-linux-gnu/asm';
const MUSL = { include: '/usr/include/x86_64-linux-musl', libraries: '/usr/lib/x86_64-linux-musl' };

/** `packages`: Debian's, for who lacks the compiler. */
export const TARGETS = [
  {
    name: 'linux-x64-glibc',
    libc: 'glibc',
    compiler: process.arch === 'x64' ? 'g++' : 'x86_64-linux-gnu-g++',
    packages: 'g++',
    flags: () => ['-nodefaultlibs'],
  },
  {
    name: 'linux-x64-musl',
    libc: 'musl',
    compiler: process.arch === 'x64' ? 'g++' : 'x86_64-linux-gnu-g++',
    packages: 'g++ musl-dev',
    needs: MUSL.include,
    flags: muslFlags,
  },
  {
    name: 'linux-arm64-glibc',
    libc: 'glibc',
    compiler: process.arch === 'arm64' ? 'g++' : 'aarch64-linux-gnu-g++',
    packages: 'g++-aarch64-linux-gnu',
    // The helpers for atomics ask the C library for what only newer ones tell.
    flags: () => ['-nodefaultlibs', '-mno-outline-atomics'],
  },
];

/** Why this target cannot be built here, or undefined. */
export function whyUnbuildable({ compiler, packages, needs }) {
  const { error } = spawnSync(compiler, ['--version']);
  if (error !== undefined) return `no ${compiler} (Debian: ${packages})`;
  return needs !== undefined && !existsSync(needs)
    ? `no ${needs} (Debian: ${packages})`
    : undefined;
}

/**
 * The headers of musl in place of the host's, and of the host those of the compiler, of libstdc++
 * (with our corrections before it) and of the kernel alone.
 */
function muslFlags(compiler, scratch) {
  const kernel = join(scratch, 'kernel-headers');
  mkdirSync(kernel, { recursive: true });
  symlinkSync('/usr/include/linux', join(kernel, 'linux'));
  symlinkSync('/usr/include/asm-generic', join(kernel, 'asm-generic'));
  symlinkSync(HOST_KERNEL_HEADERS, join(kernel, 'asm'));
  const searched = spawnSync(compiler, ['-E', '-x', 'c++', '-v', '/dev/null'], {
    encoding: 'utf8',
  }).stderr;
  const standard = [...searched.matchAll(/^ (\/\S+)$/gm)].map(([, path]) => path);
  const cxx = standard.filter((path) => path.includes('/c++/'));
  const own = standard.filter((path) => /\/lib\/gcc.*\/include$/.test(path) && !cxx.includes(path));
  const include = [join(here, 'musl'), ...cxx, MUSL.include, ...own, kernel];
  return [
    ...['-nostdinc', '-nostdinc++', '-nostdlib', `-L${MUSL.libraries}`],
    ...include.flatMap((path) => ['-isystem', path]),
  ];
}
