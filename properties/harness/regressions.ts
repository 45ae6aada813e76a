// Cases that once failed. They are kept beside the properties as JSON and run first from then on.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { projectFolder } from '../../lib/fixtures/golden.js';

/** A case that failed: itself, and where it came from. */
export interface Regression {
  readonly seed: number;
  readonly path: string;
  /** What went wrong, in one line. */
  readonly error: string;
  /** The shrunk case, in the encoding of {@link encodeCase}. */
  readonly case: unknown;
}

const FOLDER = join(projectFolder(), 'properties', 'regressions');

/** Of one property, oldest first. */
export function loadRegressions(name: string): Regression[] {
  const path = pathOf(name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Regression[]) : [];
}

/** Adds one, unless the same case is there already; returns the file's name in the project. */
export function saveRegression(name: string, regression: Regression): string {
  const known = loadRegressions(name);
  const text = JSON.stringify(regression.case);
  if (!known.some((one) => JSON.stringify(one.case) === text)) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(pathOf(name), `${JSON.stringify([...known, regression], undefined, 2)}\n`);
  }
  return `properties/regressions/${name}.json`;
}

function pathOf(name: string): string {
  return join(FOLDER, `${name}.json`);
}

/** A case as plain JSON: bigints and bytes become objects that say so. */
export function encodeCase(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) };
  if (value instanceof Uint8Array) return { $hex: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(encodeCase);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([key, field]) => [key, encodeCase(field)]));
}

export function decodeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeCase);
  if (typeof value !== 'object' || value === null) return value;
  const { $bigint, $hex } = value as { $bigint?: unknown; $hex?: unknown };
  if (typeof $bigint === 'string') return BigInt($bigint);
  if (typeof $hex === 'string') return new Uint8Array(Buffer.from($hex, 'hex'));
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, decodeCase(field)]));
}
