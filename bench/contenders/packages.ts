// Loads a peer from bench/node_modules, whose packages the root install knows nothing of.

import { createRequire } from 'node:module';
import { BENCH_DIRECTORY } from '../paths.js';

const requirePeer = createRequire(`${BENCH_DIRECTORY}/package.json`);

/** The module `name`, taken to be of type T; throws when it is not installed or cannot load. */
export function loadPeer<T>(name: string): T {
  return requirePeer(name) as T;
}
