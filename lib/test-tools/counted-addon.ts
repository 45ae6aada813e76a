// Counts the calls into the native addon. The addon's own functions cannot be replaced, so what
// `require` hands out is: before the library asks for it, hence in a process of the test's own.

import { createRequire } from 'node:module';

import { addonFiles } from '../io/addon-file.js';
import { type Addon, loadAddon } from '../io/addon.js';

/** Calls by the name of the function. */
export type CallCounts = Map<string, number>;

/**
 * Has the library use an addon that counts; undefined where there is none. Throws when the library
 * has loaded the addon already: nothing would be counted.
 */
export function countAddonCalls(): CallCounts | undefined {
  const require = createRequire(import.meta.url);
  const counts: CallCounts = new Map();
  const paths = addonFiles().map(({ path }) => require.resolve.bind(require, path));
  const file = paths.map(attempt).find((one) => one !== undefined);
  if (file === undefined) return undefined;
  const counted: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(require(file) as Addon)) {
    counted[name] = isFunction(value) ? counting(value, name, counts) : value;
  }
  const loaded = require.cache[file];
  if (loaded !== undefined) loaded.exports = counted;
  if (loadAddon() !== (counted as unknown)) throw new Error('the addon was loaded before');
  return counts;
}

type AnyFunction = (...parameters: unknown[]) => unknown;

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}

function counting(call: AnyFunction, name: string, counts: CallCounts): AnyFunction {
  return (...parameters) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return call(...parameters);
  };
}

function attempt(resolve: () => string): string | undefined {
  try {
    return resolve();
  } catch {
    return undefined;
  }
}
