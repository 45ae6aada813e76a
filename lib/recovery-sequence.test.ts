// Records that are whole but must not stand where they do, as a segmented log's recovery tells by
// their sequences: they end the log like damage does.

import { readFileSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { independentLog } from './fixtures/independent.js';
import type { IoDriver } from './io/driver.js';
import type { RecoveryMode, WalRecovery } from './recovery.js';
import { recoverFile } from './recovery.js';
import { forEachDriver, newDriver } from './test-tools/drivers.js';
import { freshLog } from './test-tools/logs.js';
import { samplePuts } from './test-tools/records.js';
import { expectRejection } from './test-tools/rejections.js';

forEachDriver((name) => {
  const { bytes, placed } = independentLog(samplePuts(9));
  const offset = placed[5]?.offset ?? 0;

  async function recover(path: string, mode: RecoveryMode): Promise<WalRecovery> {
    const driver: IoDriver = newDriver(name);
    const file = await driver.open(path, {
      access: 'write',
      create: 'never',
      direct: false,
      mode: 0o600,
    });
    try {
      return await recoverFile(driver, file, mode, { offset: 0, check: () => offset });
    } finally {
      await file.close();
      await driver.close();
    }
  }

  test('strict: the log is refused at that record, the file untouched', async () => {
    const path = freshLog();
    writeFileSync(path, bytes);
    const error = await expectRejection(recover(path, 'strict'), 'ERR_WAL_CORRUPT');
    expect(error).toMatchObject({ path, offset });
    expect(String(error)).toMatch(/sequence out of order/);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test('trim: it is cut there, and what is cut is kept', async () => {
    const path = freshLog();
    writeFileSync(path, bytes);
    const recovery = await recover(path, 'trim');
    expect(recovery.end).toMatchObject({
      kind: 'corrupt',
      offset,
      reason: 'sequence out of order',
    });
    expect(recovery.trimmedBytes).toBe(bytes.length - offset);
    expect(readFileSync(path).equals(bytes.subarray(0, offset))).toBe(true);
    const kept = readFileSync(recovery.quarantine ?? '');
    expect(kept.equals(bytes.subarray(offset))).toBe(true);
  });
});
