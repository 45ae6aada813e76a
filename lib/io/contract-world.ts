// What the driver contract is told about a driver, and the small helpers its tests share.

import { expect } from 'vitest';

import {
  type IoDriver,
  IoError,
  type IoFile,
  type IoMemory,
  type IoOpenOptions,
} from './driver.js';

/** How to get a driver for one test. */
export interface DriverHarness {
  /** Called before each test. */
  start(): Promise<DriverWorld>;
  /** Makes a symlink; not there where the driver's file system has none. */
  readonly symlink?: (target: string, path: string) => Promise<void>;
}

/** A driver, and a place for its files. */
export interface DriverWorld {
  readonly driver: IoDriver;
  /** Exists and is empty. */
  readonly directory: string;
  /** Closes the driver and removes the directory. Files may be open still: a test may have failed. */
  dispose(): Promise<void>;
}

export type CurrentWorld = () => DriverWorld;

/** How most tests open. */
export const CREATE: IoOpenOptions = {
  access: 'write',
  create: 'if-missing',
  direct: false,
  mode: 0o600,
};

/** Opens `name` in the directory of the test. */
export function open(
  world: DriverWorld,
  name: string,
  options: Partial<IoOpenOptions> = {},
): Promise<IoFile> {
  return world.driver.open(`${world.directory}/${name}`, { ...CREATE, ...options });
}

/** Memory that starts with the characters of `text` (one byte each). */
export function memoryOf(driver: IoDriver, text: string): IoMemory {
  const memory = driver.memory(text.length);
  memory.bytes.set(Buffer.from(text, 'latin1'));
  return memory;
}

/** Writes all of `text` at `position`. */
export async function put(
  driver: IoDriver,
  file: IoFile,
  text: string,
  position: number,
): Promise<void> {
  const memory = memoryOf(driver, text);
  expect(await file.write(memory, 0, text.length, position)).toBe(text.length);
  memory.release();
}

/** Reads up to `length` bytes at `position`, as characters. */
export async function get(
  driver: IoDriver,
  file: IoFile,
  position: number,
  length: number,
  options?: { readonly pastCache?: boolean },
): Promise<string> {
  const memory = driver.memory(length);
  const count = await file.read(memory, 0, length, position, options);
  const text = Buffer.from(memory.bytes.subarray(0, count)).toString('latin1');
  memory.release();
  return text;
}

/** Expects a rejection with an `IoError` that tells errno, system call and path. */
export async function expectIoError(
  promise: Promise<unknown>,
  code: string | readonly string[],
  path?: string,
): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(IoError);
  if (!(error instanceof IoError)) return;
  expect([code].flat()).toContain(error.code);
  expect(error.syscall).toMatch(/^[a-z_0-9]+$/);
  expect(error.message).toContain(error.code);
  if (path !== undefined) expect(error.path).toBe(path);
}
