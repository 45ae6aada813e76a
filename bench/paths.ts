// Where things are, seen from the compiled files in dist/bench.

import { fileURLToPath } from 'node:url';

/** The repository's root, without a slash at the end. */
export const ROOT_DIRECTORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** bench/ with its package.json, sources and node_modules. */
export const BENCH_DIRECTORY = `${ROOT_DIRECTORY}/bench`;
/** Default place of the logs that are measured: a real file system, not tmpfs. Git-ignored. */
export const DATA_DIRECTORY = `${BENCH_DIRECTORY}/.data`;
/** The script that runs one trial in its own process. */
export const TRIAL_SCRIPT = fileURLToPath(new URL('trial.js', import.meta.url));
