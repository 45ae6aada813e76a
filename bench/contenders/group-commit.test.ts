import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AppendTask } from '../contender.js';
import { visitRecords } from '../record.js';
import { groupCommit } from './group-commit.js';
import { groupCommitDirect } from './group-commit-direct.js';

const RECORDS = 500;
const ZEROED_BYTES = 1 << 20;
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(process.cwd(), 'bench-test-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

it.each([
  ['node:fs', () => groupCommit(false)],
  ['fs.writeSync', () => groupCommit(true)],
  ['O_DIRECT', () => groupCommitDirect()],
])('hand-made group commit over %s leaves every record, in order', async (_name, make) => {
  const task: AppendTask = {
    kind: 'append',
    durability: 'durable',
    callers: 7,
    keyBytes: 16,
    valueBytes: 0,
  };
  const log = await make().openLog?.(task, { directory, zeroedBytes: ZEROED_BYTES });
  if (log === undefined) throw new Error('takes no appends');
  let sequence = 0;
  const caller = async (): Promise<void> => {
    while (sequence < RECORDS) {
      const own = ++sequence;
      await log.append(own, Buffer.from(String(own)), Buffer.alloc((own * 37) % 9000, own));
    }
  };
  await Promise.all(Array.from({ length: task.callers }, caller));
  expect(() => log.atEnd?.()).toThrow(/zeros did not last/);
  await log.close();
  const bytes = fs.readFileSync(join(directory, 'group-commit.log'));
  const seen: number[] = [];
  visitRecords(bytes, bytes.length, (own, key, value) => {
    if (Buffer.from(key).toString() === String(own) && value.length === (own * 37) % 9000) {
      seen.push(own);
    }
  });
  expect(seen).toEqual(Array.from({ length: sequence }, (_, at) => at + 1));
});
