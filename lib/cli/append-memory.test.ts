// `uring-wal append` needs no more memory for a long input than for a short one.

import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMAND_PATH, inFolder, peakBytes, SMALL_HEAP, start } from '../fixtures/command.js';

/** Garbage is collected when it likes; ten times this much would have to be held otherwise. */
const PEAK_GROWTH_BYTES_MAX = 24 * 1024 * 1024;

describe('append streams', () => {
  it('a long input in no more memory than a short one', async () => {
    await inFolder(async (folder) => {
      const child = start(COMMAND_PATH, ['append', join(folder, 'log')], SMALL_HEAP);
      let acknowledged = 0;
      let onAcknowledged = (): void => undefined;
      child.stdout.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 0x0a) acknowledged += 1;
        onAcknowledged();
      });
      const closed = once(child, 'close');
      const lines = `{"key":"k","value":"${'v'.repeat(1000)}"}\n`.repeat(1000);
      /** Feeds thousands of lines, waits for their acknowledgements, tells the peak so far. */
      const feed = async (thousands: number): Promise<number> => {
        const goal = acknowledged + thousands * 1000;
        for (let block = 0; block < thousands; block += 1) {
          if (!child.stdin.write(lines)) await once(child.stdin, 'drain');
        }
        await new Promise<void>((resolve) => {
          onAcknowledged = () => {
            if (acknowledged === goal) resolve();
          };
          onAcknowledged();
        });
        return peakBytes(child.pid);
      };
      const peakOfShort = await feed(20);
      const peakOfLong = await feed(200);
      child.stdin.end();
      expect((await closed)[0]).toBe(0);
      expect(peakOfLong - peakOfShort).toBeLessThan(PEAK_GROWTH_BYTES_MAX);
    });
  }, 60_000);
});
