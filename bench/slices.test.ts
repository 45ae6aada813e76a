import { describe, expect, it } from 'vitest';
import { recordBytes } from './record.js';
import { slicesOf, type Slices } from './slices.js';
import { WORKLOADS, type Workload } from './workloads.js';

const APPENDING = WORKLOADS.filter(({ task }) => task.kind === 'append');

function bytesOf(slices: Slices, { task }: Workload): number {
  if (task.kind !== 'append') return 0;
  const { warmup, runUp, measured, roundsPerLog } = slices;
  const records = warmup.records + roundsPerLog * (runUp.records + measured.records);
  return records * recordBytes(task.keyBytes, task.valueBytes);
}

describe.each([
  [9, 100],
  [5, 100],
  [9, 400],
  [100, 1000],
  [1, 60_000],
])('%i rounds of %i ms', (rounds, measureMs) => {
  it.each(APPENDING.map((workload) => [workload.name, workload] as const))(
    'of %s have zeros for all they may write, no more than the library takes',
    (_name, workload) => {
      const slices = slicesOf(workload, { warmupMs: 1, measureMs }, rounds);
      expect(slices.zeroedBytes).toBeGreaterThan(bytesOf(slices, workload));
      const isDisk = workload.task.kind === 'append' && workload.task.durability === 'disk';
      const preallocated = slices.zeroedBytes * (isDisk ? 0.45 : 1);
      if (workload.contenders.includes('ours-zeroed')) {
        expect(preallocated).toBeLessThanOrEqual(2 ** 30);
      }
      expect(slices.roundsPerLog).toBeGreaterThanOrEqual(1);
      expect(slices.roundsPerLog).toBeLessThanOrEqual(rounds);
    },
  );
});

describe('slices', () => {
  const workload = WORKLOADS.find(({ name }) => name === 'durable-64k') as Workload;

  it('are no shorter than half where a new log can prevent it', () => {
    for (const rounds of [9, 20, 50]) {
      const slices = slicesOf(workload, { warmupMs: 1, measureMs: 200 }, rounds);
      const foreseen = (workload.zeroedBytesPerSecond * 0.2) / recordBytes(16, 65536);
      expect(slices.measured.records).toBeGreaterThanOrEqual(Math.floor(foreseen / 2));
    }
  });

  it('give every caller several turns, however short they are', () => {
    const slices = slicesOf(workload, { warmupMs: 1, measureMs: 1 }, 9);
    expect(slices.measured.records).toBe(4 * 64);
  });
});
