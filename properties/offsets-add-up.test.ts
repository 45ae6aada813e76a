// A log is its records, one behind the other from offset 0: the reader finds each where it stands,
// from wherever it starts.

import fc from 'fast-check';
import { expect } from 'vitest';

import { independentLine, independentLog } from '../lib/fixtures/independent.js';
import { indexAt, logs, places } from './arbitraries.js';
import { readBytes, readChunks } from './harness/bytes.js';
import { property } from './harness/property.js';

property({
  name: 'offsets-add-up',
  says: 'a reader finds every record at its offset, with its length and checksum, and then the end',
  level: 'bytes',
  cases: fc.tuple(logs, places, fc.nat(1100)),
  runs: 3000,
  reach: ['empty log', 'from the middle', 'zeros behind the end'],
  check: async ([log, place, zeros], mark) => {
    const { bytes, placed } = independentLog(log);
    const expected = placed.map(independentLine);
    const file = Buffer.concat([bytes, Buffer.alloc(zeros)]);
    if (log.length === 0) mark('empty log');
    if (zeros > 0) mark('zeros behind the end');

    const whole = await readBytes(file);
    expect(whole.records.map(independentLine)).toEqual(expected);
    expect(whole.end).toMatchObject({ kind: 'clean', offset: bytes.length, size: file.length });
    expect((await readChunks(file)).map(independentLine)).toEqual(expected);

    const first = indexAt(place, placed.length + 1);
    if (first > 0 && first < placed.length) mark('from the middle');
    const rest = await readBytes(file, placed[first]?.offset ?? bytes.length);
    expect(rest.records.map(independentLine)).toEqual(expected.slice(first));
  },
});
