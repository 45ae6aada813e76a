// Bugs for the properties to find: a change of one source each, and the property that must tell of
// it. planted.js puts them in; every property has one at least.

const COMMIT = 'lib/commit.ts';
const READER = 'lib/reader.ts';
const RECORD = 'lib/record.ts';
const RECOVERY = 'lib/recovery.ts';
const TAIL = 'lib/tail.ts';
const THREADPOOL = 'lib/io/threadpool-file.ts';
const URING = 'lib/io/uring-file.ts';

/** A bug of the portable codec shows only where there is no addon. */
function portable(property, breaks, find, replace) {
  return { property, breaks, file: RECORD, find, replace, addon: false };
}

function bug(property, breaks, file, find, replace) {
  return { property, breaks, file, find, replace, addon: true };
}

export const BUGS = [
  bug(
    'round-trip',
    'sequences lose what is beyond 53 bits',
    RECORD,
    'WORDS_BIG[0] = record.sequence;',
    'WORDS_BIG[0] = BigInt(Number(record.sequence));',
  ),
  portable(
    'checksum-is-zlibs',
    'the checksum leaves the key out',
    '  crc = crc32Portable(bytes, at + AT_KEY, keyEnd, crc);\n',
    '',
  ),
  bug(
    'offsets-add-up',
    'a reader that begins in the middle skips nothing',
    READER,
    'return new WalReader(selected, file, from);',
    'return new WalReader(selected, file, 0);',
  ),
  bug(
    'offsets-add-up',
    'a record tells its place in memory, not in the file',
    'lib/wal-record.ts',
    'table[row + 2] ?? 0, base + at, undefined)',
    'table[row + 2] ?? 0, at, undefined)',
  ),
  portable(
    'bit-flips-are-detected',
    'the length of the value is not compared with the others',
    'if (LENGTH_OVERHEAD + keyLength + valueLength !== len) return STOP.LENGTH_MISMATCH;',
    '',
  ),
  portable(
    'bit-flips-are-detected',
    'the magic number is not looked at',
    'if (view.getUint32(at + AT_MAGIC, true) !== MAGIC) return STOP.BAD_MAGIC;',
    '',
  ),
  bug(
    'bit-flips-are-detected',
    'damage that whole records follow passes for a torn tail',
    TAIL,
    'if (search === undefined) {',
    "if (search !== 'exhausted') {",
  ),
  portable(
    'two-swapped-bytes-told',
    'the checksum may lie in the last two bytes',
    'const crc = view.getUint32(at + length - 4, true);\n' +
      '  return recordCrc(bytes, at, length, keyLength) === crc ?',
    'const crc = view.getUint32(at + length - 4, true);\n' +
      '  return (recordCrc(bytes, at, length, keyLength) ^ crc) >>> 16 === 0 ?',
  ),
  bug(
    'a-cut-told',
    'a record that is cut short is a clean end',
    TAIL,
    'if (offset >= size) return',
    'if (offset >= size || stop === record.STOP.NEED_MORE) return',
  ),
  bug(
    'inserted-bytes-told',
    'the search for later records begins at a sector',
    TAIL,
    'let at = from;\n  while (at + record.RECORD_BYTES_MIN <= size)',
    'let at = from - (from % SECTOR_BYTES) + SECTOR_BYTES;\n' +
      '  while (at + record.RECORD_BYTES_MIN <= size)',
  ),
  bug(
    'a-removed-block-told',
    'records that a torn one hides are cut off without a copy',
    RECOVERY,
    ' || end.holdsRecords === true;',
    ';',
  ),
  bug(
    'a-zeroed-block-told',
    'bytes that begin with zeros are a clean end',
    TAIL,
    'if (await isZero(window, offset, size)) {',
    'if (await isZero(window, offset, Math.min(offset + UNWRITTEN_BYTES, size))) {',
  ),
  bug(
    'a-zeroed-sector-told',
    'what stands behind a tear is cut off without a copy',
    RECOVERY,
    "const keep = end.kind === 'tear' || ",
    'const keep = ',
  ),
  portable(
    'a-misplaced-sector-told',
    'the checksum covers no more than the key',
    'return crc32Portable(bytes, keyEnd + 4, at + length - 4, crc);',
    'return crc;',
  ),
  portable(
    'decode-throws-typed-errors-only',
    'a key may be longer than its record',
    'if (LENGTH_OVERHEAD + keyLength > len) return STOP.LENGTH_MISMATCH;',
    '',
  ),
  bug(
    'reading-any-bytes-ends',
    'half a record at the end is asked for as a whole',
    'lib/window.ts',
    'const end = Math.min(position + wanted, this.size);',
    'const end = position + wanted;',
  ),
  bug(
    'opening-any-bytes-ends',
    'what is refused is cut all the same',
    RECOVERY,
    "if (end.kind === 'corrupt' && mode === 'strict') throw",
    "if (end.kind === 'corrupt') await file.truncate(end.offset);\n" +
      "    if (end.kind === 'corrupt' && mode === 'strict') throw",
  ),
  bug(
    'nested-records',
    'what stands inside a torn record counts as what follows',
    TAIL,
    'return search(window, from, budget);',
    'return search(window, offset + 1, budget);',
  ),
  bug(
    'nested-records-are-told-apart',
    'the search begins behind the header, not behind the record',
    TAIL,
    'return search(window, from, budget);',
    'return search(window, Math.min(from, offset + record.AT_KEY), budget);',
  ),
  bug(
    'crash-is-not-corruption',
    'sectors that never landed count as damage',
    TAIL,
    '(await hasZeroSector(window, offset, search)) ||',
    '',
  ),
  bug(
    'recovery-is-idempotent',
    'a torn tail stays where it is',
    RECOVERY,
    'if (size > end.offset) await file.truncate(end.offset);',
    "if (size > end.offset && end.kind !== 'torn') await file.truncate(end.offset);",
  ),
  bug(
    'native-crc-equals-portable',
    'the last bytes are taken without their sign',
    'lib/checksum.ts',
    'return ~crc >>> 0;',
    'return ~crc & 0x7fffffff;',
  ),
  bug(
    'native-seal-equals-portable',
    'checksums are written the other way round',
    RECORD,
    'view.setUint32(at + length - 4, recordCrc(bytes, at, length, keyLength), true);',
    'view.setUint32(at + length - 4, recordCrc(bytes, at, length, keyLength), false);',
  ),
  bug(
    'native-scan-equals-portable',
    'batches are not counted',
    RECORD,
    'if (view.getUint8(at + AT_TYPE) === TYPE_BATCH) batches++;',
    '',
  ),
  bug(
    'simulated-worlds',
    'a durable append resolves when it is written',
    COMMIT,
    'this.#settlement.settle(this.writtenEnd, this.durableEnd)',
    'this.#settlement.settle(this.writtenEnd, this.writtenEnd)',
  ),
  bug(
    'simulated-worlds',
    'behind a failed write the log is not cut',
    'lib/failure.ts',
    'await trimLog(file, end);\n    return',
    'return',
  ),
  bug(
    'replay-matches-what-was-submitted',
    'a sync covers what was written while it ran',
    COMMIT,
    'this.#marks.onSynced(mark);',
    'this.#marks.onSynced({ ...mark, end: this.#lane.writtenEnd });',
  ),
  bug(
    'segmented-log-equals-model',
    'a truncation cuts behind the record that it should keep last',
    'lib/wal-cut.ts',
    'const next = sequence + 1n;',
    'const next = sequence;',
  ),
  ...['uring', 'threadpool'].map((driver) =>
    bug(
      `${driver}-segmented-log-equals-model`,
      'the entries of a batch all have its first sequence',
      'lib/wal-record.ts',
      'first + BigInt(this.#inner.index)',
      'first',
    ),
  ),
  bug(
    'uring-log-equals-model',
    'what was allocated ahead stays behind the log',
    COMMIT,
    'const isLonger = Math.max(fileEnd, this.#zeros.fileEnd) > end;',
    'const isLonger = fileEnd > end;',
  ),
  bug(
    'threadpool-log-equals-model',
    'the cut at the close goes to a whole block',
    COMMIT,
    'if (isLonger) await failure.trimLog(this.#file, end);',
    'if (isLonger) await failure.trimLog(this.#file, Math.ceil(end / 4096) * 4096);',
  ),
  bug(
    'threadpool-log-equals-model',
    'descriptors past the cache stay open',
    THREADPOOL,
    'const descriptors = [this.#fd, this.#pastFd, await this.#dsyncFd];',
    'const descriptors = [this.#fd, await this.#dsyncFd];',
  ),
  bug(
    'drivers-write-the-same-bytes',
    'one driver writes past the cache a block too far',
    THREADPOOL,
    'fs.write(fd, memory.bytes, start, length, position, (error, count) => {',
    'fs.write(fd, memory.bytes, start, length, fd === this.#pastFd ? position + 4096 : position,' +
      ' (error, count) => {',
  ),
  ...['uring', 'threadpool'].map((driver) =>
    bug(
      `killed-${driver}-writers-keep-their-word`,
      'an append resolves when its write begins',
      COMMIT,
      'this.#settlement.settle(this.writtenEnd, this.durableEnd)',
      'this.#settlement.settle(this.end, this.durableEnd)',
    ),
  ),
  ...['uring', 'threadpool'].map((driver) =>
    bug(
      `killed-${driver}-segmented-logs-keep-their-word`,
      'an append resolves when its write begins',
      COMMIT,
      'this.#settlement.settle(this.writtenEnd, this.durableEnd)',
      'this.#settlement.settle(this.end, this.durableEnd)',
    ),
  ),
  bug(
    'simulator-equals-uring',
    'the simulated disk keeps what a truncation cut off',
    'sim/disk-file.ts',
    'this.cache.fill(0, size, this.size);\n    this.device.fill(0, size, this.size);\n',
    '',
  ),
  bug(
    'simulator-equals-threadpool',
    'a write past the cache need not be aligned',
    THREADPOOL,
    "if (this.#mainFd === this.#pastFd && !this.#isAligned(span)) return this.#misaligned('write');",
    '',
  ),
  bug(
    'simulator-equals-uring-under-a-limit',
    'a file that grew too large is told as a broken disk',
    URING,
    'const { code, detail } = describeErrno(-result);',
    'const { code, detail } = describeErrno(result === -27 ? 5 : -result);',
  ),
  bug(
    'simulator-equals-threadpool-under-a-limit',
    'a short write counts as whole',
    THREADPOOL,
    'if (error === null) resolve(count);',
    'if (error === null) resolve(length);',
  ),
  ...['tmpfs', 'ext4'].flatMap((kind) => [
    bug(
      `simulator-equals-uring-on-a-full-${kind}`,
      'an allocation without space counts as done',
      URING,
      "if (!(error instanceof IoError) || error.code !== 'EOPNOTSUPP') throw error;",
      "if (error.code === 'ENOSPC') return;\n        if (error.code !== 'EOPNOTSUPP') throw error;",
    ),
    bug(
      `simulator-equals-threadpool-on-a-full-${kind}`,
      'an allocation without space counts as done',
      THREADPOOL,
      '() => this.#writeZeros(position, position + length));',
      '() =>\n      this.#writeZeros(position, position + length).catch(() => undefined));',
    ),
  ]),
  portable(
    'another-implementation-reads-ours',
    'sequences are written the other way round',
    'view.setUint32(at + AT_SEQUENCE, WORDS[LOW] ?? 0, true)',
    'view.setUint32(at + AT_SEQUENCE, WORDS[1 - LOW] ?? 0, true)',
  ),
  bug(
    'another-implementation-is-read',
    'deletes are read as puts',
    'lib/wal-record.ts',
    "return typeByte === record.TYPE_PUT ? 'put' : 'delete';",
    "return typeByte !== 0 ? 'put' : 'delete';",
  ),
];
