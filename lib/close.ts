// Closing: every step is taken, whatever became of those before it, and the first failure is told.

import type { CommitPipeline } from './commit.js';
import { closeFailed, poisoned } from './failure.js';

/** Takes all steps in order. Rejects with the first failure, as a WalError, after the last step. */
export async function runAll(path: string, steps: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw closeFailed(path, failures[0]);
}

/**
 * The last step of a drained pipeline: its file is cut to its records and made durable, unless it
 * is poisoned (then it is left as it is, and that is told). Its memory goes back in any case.
 */
export async function sealFile(pipeline: CommitPipeline, path: string): Promise<void> {
  try {
    if (pipeline.poison !== undefined) throw poisoned(path, pipeline.poison);
    await pipeline.finish();
  } finally {
    pipeline.release();
  }
}
