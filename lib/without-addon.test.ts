// A process that may load no addon (node --no-addons): checksums and records are the same.

import { execFileSync } from 'node:child_process';
import { crc32 as zlibCrc32 } from 'node:zlib';

import { expect, test } from 'vitest';

import { crc32 } from './checksum.js';
import { independentLog } from './fixtures/independent.js';
import { TABLE_HEADER, TABLE_STRIDE, scanRecords, sealRecords } from './record.js';
import { samplePuts } from './test-tools/records.js';

const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);

const SCRIPT = `
import { crc32 } from ${url('./checksum.js')};
import { addonProblem } from ${url('./io/addon.js')};
import { TABLE_HEADER, TABLE_STRIDE, scanRecords, sealRecords } from ${url('./record.js')};
const bytes = Buffer.from(process.argv[1], 'hex');
sealRecords(bytes, 0, bytes.length);
const table = new Uint32Array(TABLE_HEADER + 9 * TABLE_STRIDE);
const count = scanRecords(bytes, 0, bytes.length, table);
const problem = addonProblem();
console.log(JSON.stringify({ problem, sealed: bytes.toString('hex'), count, crc: crc32(bytes) }));
`;

test('checksums, sealing and scanning are the same without the addon', () => {
  const { bytes, placed } = independentLog(samplePuts(5));
  const unsealed = Buffer.from(bytes);
  for (const { offset, length } of placed) unsealed.writeUInt32LE(0, offset + length - 4);
  const table = new Uint32Array(TABLE_HEADER + 9 * TABLE_STRIDE);
  const hex = unsealed.toString('hex');
  const args = ['--no-addons', '--input-type=module', '-e', SCRIPT, hex];
  const told = JSON.parse(execFileSync(process.execPath, args).toString()) as { problem: string };
  sealRecords(unsealed, 0, unsealed.length);
  const ours = {
    sealed: unsealed.toString('hex'),
    count: scanRecords(unsealed, 0, unsealed.length, table),
    crc: crc32(unsealed),
  };
  expect(ours).toEqual({ sealed: bytes.toString('hex'), count: 5, crc: zlibCrc32(bytes) });
  expect(told).toEqual({ ...ours, problem: expect.stringMatching(/addon is not there/) as string });
});
