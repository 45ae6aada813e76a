// Loads the addon built for musl with musl's own dynamic linker, in a small program that stands in
// for Node.js: every symbol the addon wants must be there.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAM = `#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words) {
  void *addon = dlopen(words[1], RTLD_NOW);
  if (addon == NULL) return fprintf(stderr, "%s\\n", dlerror()), 1;
  if (dlsym(addon, "napi_register_module_v1") == NULL) return fprintf(stderr, "no entry\\n"), 1;
  return count - 2;
}
`;

/** What went wrong, or undefined; `imports` are the names that the addon wants. */
export function loadWithMusl(file, imports, scratch) {
  const stubs = imports.filter((name) => /^(napi|node_api|uv)_/.test(name));
  const source = join(scratch, 'host.c');
  const program = join(scratch, 'host');
  writeFileSync(source, PROGRAM + stubs.map((name) => `void ${name}(void) {}\n`).join(''));
  const built = spawnSync('musl-gcc', ['-rdynamic', '-o', program, source], { encoding: 'utf8' });
  if (built.error !== undefined) return 'not tried: no musl-gcc (Debian: musl-tools)';
  if (built.status !== 0) return built.stderr;
  const { status, stderr, signal } = spawnSync(program, [file], { encoding: 'utf8' });
  return status === 0 ? undefined : `musl refuses it: ${stderr || signal}`;
}
