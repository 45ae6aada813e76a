// Damage that no crash explains: flipped bits and records that contradict themselves. In the middle
// of a log it is corruption, always; at its very end it cannot be told from a torn tail.

import { writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import type { PlainRecord } from './fixtures/independent.js';
import { independentEncode, independentLog } from './fixtures/independent.js';
import { expectCorrupt, expectCut, expectRead, flipBit, SECTOR } from './test-tools/damage.js';
import { forEachDriver } from './test-tools/drivers.js';
import { freshLog } from './test-tools/logs.js';
import { sampleBytes, samplePut, samplePuts } from './test-tools/records.js';

/** A record's bytes with some of them replaced, and its checksum as it was. */
function patched(record: PlainRecord, patches: Readonly<Record<number, number>>): Buffer {
  const bytes = independentEncode(record);
  for (const [at, value] of Object.entries(patches)) bytes.writeUInt32LE(value, Number(at));
  return bytes;
}

forEachDriver((driver) => {
  describe('a flipped bit', () => {
    const VALUES = { text: sampleBytes(5, 24), zeros: Buffer.alloc(24), none: Buffer.alloc(0) };

    test.each(Object.entries(VALUES))(
      'anywhere in a record in the middle is corruption: %s',
      async (_, value) => {
        const path = freshLog();
        const before = samplePuts(3);
        const damaged: PlainRecord = { ...samplePut(4), value };
        const { bytes, placed } = independentLog([...before, damaged, ...samplePuts(3, 5)]);
        const { offset, length } = placed[3] ?? { offset: 0, length: 0 };
        expect(length).toBeGreaterThan(29);
        for (let bit = offset * 8; bit < (offset + length) * 8; bit++) {
          writeFileSync(path, flipBit(bytes, bit));
          const { next } = (await expectRead(path, before, 'corrupt', driver)) ?? {};
          expect(next).toBe(offset + length);
          // Opening is slower than reading, and its judgement the same.
          if (bit % 7 === 0) await expectCorrupt(path, offset, next, { driver });
        }
      },
    );

    test('in the first record is corruption as well', async () => {
      const path = freshLog();
      const { bytes, placed } = independentLog(samplePuts(2));
      for (let bit = 0; bit < (placed[0]?.length ?? 0) * 8; bit += 5) {
        writeFileSync(path, flipBit(bytes, bit));
        await expectCorrupt(path, 0, undefined, { driver });
      }
    });

    test('anywhere in the last record cannot be told from a torn tail', async () => {
      const path = freshLog();
      const kept = samplePuts(3);
      const { bytes, placed } = independentLog([...kept, samplePut(4, 10)]);
      for (let bit = (placed[3]?.offset ?? 0) * 8; bit < bytes.length * 8; bit++) {
        writeFileSync(path, flipBit(bytes, bit));
        await expectRead(path, kept, 'torn', driver);
        if (bit % 7 === 0) await expectCut(path, kept, 'torn', { driver });
      }
    });

    test('a value of zeros shorter than a sector hides nothing', async () => {
      const { bytes, placed } = independentLog([
        ...samplePuts(2),
        { ...samplePut(3), value: Buffer.alloc(SECTOR - 1) },
        ...samplePuts(2, 4),
      ]);
      const path = freshLog();
      const { offset, length } = placed[2] ?? { offset: 0, length: 0 };
      for (let at = offset; at < offset + length; at++) {
        writeFileSync(path, flipBit(bytes, at * 8 + (at % 8)));
        const end = await expectRead(path, samplePuts(2), 'corrupt', driver);
        expect(end).toMatchObject({ next: offset + length });
      }
    });
  });

  describe('a record that contradicts itself', () => {
    const LEN = 0;
    const KEY_LEN = 17;
    const record = samplePut(4);
    const valueLenAt = 21 + record.key.length;
    const length = independentEncode(record).length;
    const deleted: PlainRecord = { ...record, type: 'delete' };
    const unknown = (type: number): Buffer => {
      const bytes = independentEncode(record);
      bytes[16] = type;
      return bytes;
    };
    /** One byte more inside the record than its fields account for, checksum and all. */
    const trailing = Buffer.concat([
      patched(record, { [LEN]: length - 4 + 1 }).subarray(0, -4),
      Buffer.from([0x55]),
      independentEncode(record).subarray(-4),
    ]);

    const CASES: readonly (readonly [string, Buffer])[] = [
      ['len 0', patched(record, { [LEN]: 0 })],
      ['len 24, below the smallest', patched(record, { [LEN]: 24 })],
      ['len 25, that of an empty record', patched(record, { [LEN]: 25 })],
      ['len one short', patched(record, { [LEN]: length - 5 })],
      ['len one more', patched(record, { [LEN]: length - 3 })],
      ['len beyond the end', patched(record, { [LEN]: 100_000 })],
      ['len 0x7fffffff', patched(record, { [LEN]: 0x7fffffff })],
      ['len 0xffffffff', patched(record, { [LEN]: 0xffffffff })],
      ['a wrong magic', patched(record, { 4: 0x4c415700 })],
      ['key length beyond the record', patched(record, { [KEY_LEN]: length })],
      ['key length 0xffffffff', patched(record, { [KEY_LEN]: 0xffffffff })],
      ['key length one more', patched(record, { [KEY_LEN]: record.key.length + 1 })],
      ['value length 0', patched(record, { [valueLenAt]: 0 })],
      ['value length 0xffffffff', patched(record, { [valueLenAt]: 0xffffffff })],
      ['type 0', unknown(0)],
      ['type 3', unknown(3)],
      ['type 255', unknown(255)],
      ['a delete with a value', independentEncode(deleted)],
      ['trailing bytes inside', trailing],
      ['a wrong checksum', patched(record, { [length - 4]: 0x12345678 })],
    ];

    test.each(CASES)('%s: corruption in the middle, a torn tail at the end', async (_, bad) => {
      const path = freshLog();
      const before = independentLog(samplePuts(3)).bytes;
      const after = independentLog(samplePuts(3, 5)).bytes;
      writeFileSync(path, Buffer.concat([before, bad, after]));
      await expectRead(path, samplePuts(3), 'corrupt', driver);
      await expectCorrupt(path, before.length, undefined, { driver });

      writeFileSync(path, Buffer.concat([before, bad]));
      await expectCut(path, samplePuts(3), 'torn', { driver });
    });
  });
});
