// Where the headers of the running Node.js are.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The prefix whose include/node came with this Node.js, or undefined: then node-gyp gets them. */
export function headersPrefix() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return fits(prefix) ? prefix : undefined;
}

/** Include directories for a compiler; node-gyp's once it has been run. Throws when there are none. */
export function includeDirectories() {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const downloaded = join(cache, 'node-gyp', process.versions.node);
  const prefix = [headersPrefix(), downloaded].find((path) => path !== undefined && fits(path));
  if (prefix === undefined) throw new Error('no headers of this Node.js: npm run build:native');
  return [join(prefix, 'include', 'node')];
}

function fits(prefix) {
  const include = join(prefix, 'include', 'node');
  const version = join(include, 'node_version.h');
  if (!existsSync(version) || !existsSync(join(include, 'uv.h'))) return false;
  const [major, minor, patch] = process.versions.node.split('.');
  const text = readFileSync(version, 'utf8');
  return (
    text.includes(`#define NODE_MAJOR_VERSION ${major}\n`) &&
    text.includes(`#define NODE_MINOR_VERSION ${minor}\n`) &&
    text.includes(`#define NODE_PATCH_VERSION ${patch}\n`)
  );
}
