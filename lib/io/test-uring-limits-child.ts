// For uring-limits.test.ts: tells, as JSON, what rings of several sizes and the automatic choice of a
// driver come to under the limits that the test has set for this process.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { WalError } from '../errors.js';
import { type IoDriver, IoError } from './driver.js';
import { selectDriver } from './select.js';
import { createUringDriver } from './uring.js';

const directory = mkdtempSync(join(tmpdir(), 'uring-wal-limits-'));

async function writeSome(driver: IoDriver): Promise<number> {
  const file = await driver.open(`${directory}/log`, {
    access: 'write',
    create: 'if-missing',
    direct: false,
    mode: 0o600,
  });
  const memory = driver.memory(1024 * 1024);
  const written = await file.write(memory, 0, 5, 0);
  await file.sync();
  memory.release();
  await file.close();
  return written;
}

async function tryRing(ringSize: number): Promise<unknown> {
  try {
    const driver = createUringDriver({ ringSize });
    const memory = driver.memory(1024 * 1024);
    const { memoriesRegistered, memoriesPlain } = driver.features();
    memory.release();
    const written = await writeSome(driver);
    await driver.close();
    return { memoriesRegistered, memoriesPlain, written };
  } catch (error) {
    if (error instanceof IoError) return { code: error.code, syscall: error.syscall };
    if (!(error instanceof WalError)) throw error;
    return { code: error.code, errno: error.errno, message: error.message };
  }
}

async function tryAutomatic(): Promise<unknown> {
  const { driver } = selectDriver('auto', { ringSize: 128 });
  const { name, fallbackReason = null } = driver;
  const written = await writeSome(driver);
  await driver.close();
  return { name, fallbackReason, written };
}

try {
  const rings: Record<string, unknown> = {};
  for (const ringSize of [1, 128, 32_768]) rings[String(ringSize)] = await tryRing(ringSize);
  const auto = process.argv[2] === 'rings' ? undefined : await tryAutomatic();
  process.stdout.write(JSON.stringify({ rings, auto }));
} finally {
  rmSync(directory, { recursive: true });
}
