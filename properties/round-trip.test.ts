// What was encoded is what is decoded, and the bytes are those of the format's byte table.

import { expect } from 'vitest';

import { independentCrc, independentEncode } from '../lib/fixtures/independent.js';
import { WalEntry } from '../lib/index.js';
import { records } from './arbitraries.js';
import { entryOf, isEqual } from './harness/bytes.js';
import { property } from './harness/property.js';

property({
  name: 'round-trip',
  says: 'an entry is encoded to the bytes of the format, and decoded to itself',
  level: 'bytes',
  cases: records,
  runs: 20_000,
  reach: ['put', 'delete', 'empty key', 'empty value of a put', 'beyond 2^53', 'long'],
  check: (record, mark) => {
    mark(record.type);
    if (record.key.length === 0) mark('empty key');
    if (record.type === 'put' && record.value.length === 0) mark('empty value of a put');
    if (record.sequence > 2n ** 53n) mark('beyond 2^53');
    if (record.value.length > 512) mark('long');
    const entry = entryOf(record);
    const bytes = entry.encode();
    expect(isEqual(bytes, independentEncode(record))).toBe(true);
    expect(bytes.length).toBe(entry.encodedLength);
    const decoded = WalEntry.decode(bytes);
    expect(decoded.sequence).toBe(record.sequence);
    expect(decoded.type).toBe(record.type);
    expect(isEqual(decoded.key, record.key) && isEqual(decoded.value, record.value)).toBe(true);
  },
});

property({
  name: 'checksum-is-zlibs',
  says: 'the checksum of an entry is the CRC-32 of sequence, type, key and value, by zlib',
  level: 'bytes',
  cases: records,
  runs: 20_000,
  check: (record) => {
    const entry = entryOf(record);
    expect(entry.checksum).toBe(independentCrc(record));
    expect(entry.verifyChecksum(independentCrc(record))).toBe(true);
    expect(entry.verifyChecksum(independentCrc(record) ^ 1)).toBe(false);
  },
});
